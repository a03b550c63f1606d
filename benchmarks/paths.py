"""Where the real data sets and benchmark models lie; they are never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"


def shared(kind: str) -> Path | None:
    """Return the folder of `data` or `models`: $EDGESEQ_SHARED/kind, or ../shared/kind, if it exists."""
    base = Path(os.environ.get("EDGESEQ_SHARED", ROOT.parent / "shared"))
    folder = base / kind
    return folder if folder.is_dir() else None
