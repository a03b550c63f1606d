"""Writing models whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseq.errors import OutputError


def save_keras(model: Any, out: Path) -> None:
    """Save beside the place, then rename: no half-written .keras. Raises OutputError."""
    partial = out.with_name(f".{out.stem}.partial.keras")
    try:
        model.save(partial)
        partial.replace(out)
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        raise OutputError(f"cannot write {out}: {error}. Choose another --out") from error
    finally:
        partial.unlink(missing_ok=True)
