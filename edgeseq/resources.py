"""Where firmware_templates lies: beside the package in a wheel, at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from edgeseq.errors import EdgeseqError

_PACKAGE = Path(__file__).resolve().parent


def templates_root() -> Path:
    """Return the firmware_templates folder. The wheel carries it as edgeseq/_firmware_templates."""
    for candidate in (_PACKAGE / "_firmware_templates", _PACKAGE.parent / "firmware_templates"):
        if (candidate / "kernels").is_dir():
            return candidate
    raise EdgeseqError("firmware_templates is missing from this installation; install edgeseq again")
