"""Entry point: the command group, and what happens to errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.markup import escape

from edgeseq._version import __version__
from edgeseq.cli.commands import COMMANDS
from edgeseq.cli.output import NOTES
from edgeseq.errors import EdgeseqError

BAD_INPUT = 2
INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nTypical use:\n"
    "  edgeseq train --data digits --cell gru --units 32 --out model.keras\n"
    "  edgeseq profile model.keras --calibration digits --target cortex-m4\n"
    "  edgeseq export model.keras --calibration digits --out model_c",
)
@click.version_option(__version__, prog_name="edgeseq")
def edgeseq() -> None:
    """Recurrent networks as integer code for small machines, and what they cost there."""


for _command in COMMANDS:
    edgeseq.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Bad input ends with exit 2 and one message, never a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        edgeseq.main(args=words, prog_name="edgeseq", standalone_mode=False, obj=words)
    except EdgeseqError as error:
        NOTES.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        NOTES.print("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of stdout has gone, as in `edgeseq targets | head -1`.
        sys.stderr.close()
        sys.exit(0)
