"""`edgeseq doctor`: why a file does not run on a small machine, or which runtime installs on one."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from edgeseq.cli.options import json_option
from edgeseq.cli.output import show
from edgeseq.errors import TargetError

SICK = 1
_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


def _bytes(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})\s*([km]?)b?", text.strip().lower())
    if match is None:
        raise click.BadParameter(f"{text!r}; expected bytes, such as 262144, 256K or 1M")
    return int(match[1]) * _UNITS[match[2]]


@click.command()
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--target", metavar="raspberry-pi", help="Instead of FILE: say which runtime installs there.")
@click.option("--runtime", "runtimes", multiple=True, metavar="NAME", help="Judge for this runtime alone; may be repeated.")
@click.option("--flash", metavar="BYTES", callback=_bytes, help="Flash that a .tflite may take, such as 256K.")
@click.option("--machine", metavar="NAME", help="Of the target: aarch64 or armv7; default: this one.")
@click.option("--python", metavar="X.Y", help="Of the target; default: this interpreter's.")
@click.option("--glibc", metavar="X.Y", help="Of the target; default: this one's, or of the system that has that Python.")
@json_option
def doctor(
    file: str | None,
    target: str | None,
    runtimes: tuple[str, ...],
    flash: int | None,
    machine: str | None,
    python: str | None,
    glibc: str | None,
    json_wanted: bool,
) -> None:
    """Say why a .tflite, .onnx or .keras will not run on a small machine, or runs wrongly, and the way out.

    Exit 1 if a runtime refuses the file or runs it wrongly, 2 if it is no model file.
    """
    if (file is None) == (target is None):
        raise click.UsageError("give a FILE (.tflite, .onnx, .keras, .h5), or --target raspberry-pi")
    of_target: dict[str, Any] = {"--machine": machine, "--python": python, "--glibc": glibc}
    of_file: dict[str, Any] = {"--runtime": runtimes or None, "--flash": flash}
    stray = [name for name, value in (of_target if target is None else of_file).items() if value is not None]
    if stray:
        raise click.UsageError(f"{', '.join(stray)}: {'of --target' if target is None else 'of a FILE'} alone; leave it out")
    healthy = _target(target, machine, python, glibc, json_wanted) if target else _file(str(file), runtimes, flash, json_wanted)
    if not healthy:
        sys.exit(SICK)


def _file(file: str, runtimes: tuple[str, ...], flash: int | None, json_wanted: bool) -> bool:
    from edgeseq.doctor import diagnose
    from edgeseq.report import diagnosis

    found = diagnose(file, runtimes, flash)
    show(diagnosis.as_text(found), diagnosis.as_json(found), json_wanted=json_wanted)
    return found.healthy


def _target(target: str, machine: str | None, python: str | None, glibc: str | None, json_wanted: bool) -> bool:
    from edgeseq.doctor.wheels import RASPBERRY_PI, advise
    from edgeseq.report import diagnosis

    if target != RASPBERRY_PI:
        raise TargetError(
            f"--target {target}: the doctor knows {RASPBERRY_PI!r} alone; 'edgeseq targets' lists what code is made for"
        )
    advice = advise(machine, python, glibc)
    show(diagnosis.advice_as_text(advice), diagnosis.advice_as_json(advice), json_wanted=json_wanted)
    return advice.possible
