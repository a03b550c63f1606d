"""Writing results so that they appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeseq.errors import OutputError


def check_writable(path: Path) -> None:
    """Raise OutputError now rather than after minutes of work."""
    handle, temporary = _open_beside(path)
    os.close(handle)
    Path(temporary).unlink()


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file beside its place, then rename it there."""
    content = data.encode() if isinstance(data, str) else data
    handle, temporary = _open_beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror}. Choose another --out") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _open_beside(path: Path) -> tuple[int, str]:
    """Return an open handle and the name of a new hidden file in the path's folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}. Choose another --out") from error


@contextmanager
def staged_folder(path: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a scratch folder that becomes `path` when the block ends without an error.

    An existing non-empty folder is refused unless replace is true.
    """
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not replace)):
        raise OutputError(f"{path} already exists and is not an empty folder. Choose another --out, or pass --force")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}. Choose another --out") from error
    try:
        yield stage
        stage.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        stage.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}. Choose another --out") from error
    finally:
        if stage.exists():
            shutil.rmtree(stage, ignore_errors=True)
