"""The front door of the room: a file -> its diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgeseq.doctor.finding import SEVERITIES, Diagnosis, Finding
from edgeseq.doctor.keras import RUNTIMES as KERAS
from edgeseq.doctor.keras import examine_keras
from edgeseq.doctor.onnx import RUNTIMES as ONNX
from edgeseq.doctor.onnx import examine_onnx
from edgeseq.doctor.tflite import RUNTIMES as TFLITE
from edgeseq.doctor.tflite import examine_tflite
from edgeseq.errors import ModelError

Examiner = Callable[[Path, "int | None"], tuple[list[Finding], tuple[str, ...]]]

# Suffix -> (format, its runtimes, what examines it).
FORMATS: dict[str, tuple[str, Mapping[str, str], Examiner]] = {
    ".tflite": ("tflite", TFLITE, examine_tflite),
    ".onnx": ("onnx", ONNX, examine_onnx),
    ".keras": ("keras", KERAS, examine_keras),
    ".h5": ("keras", KERAS, examine_keras),
}


def diagnose(path: str | Path, runtimes: Sequence[str] = (), flash: int | None = None) -> Diagnosis:
    """Examine a .tflite, .onnx, .keras or .h5 file.

    runtimes: those to judge for, by key; default: all of the format. flash: bytes that a .tflite may take. Raises
    ModelError for what cannot be read, or is no model file.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        ending = f"ends in {path.suffix!r}" if path.suffix else "has no suffix"
        raise ModelError(f"{path}: {ending}; the doctor reads {', '.join(FORMATS)}")
    if path.is_dir():
        raise ModelError(f"{path}: is a folder (a SavedModel?); expected one file: {', '.join(FORMATS)}")
    if not path.exists():
        raise ModelError(f"{path}: no such file")
    kind, known, examine = FORMATS[path.suffix.lower()]
    if unknown := [name for name in runtimes if name not in known]:
        raise ModelError(f"{path}: no runtime {', '.join(unknown)} for {kind} files; known: {', '.join(known)}")
    if flash is not None and kind != "tflite":
        raise ModelError(f"{path}: --flash is of .tflite files; 'edgeseq profile' tells what a {kind} model takes in flash")
    try:
        findings, facts = examine(path, flash)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    judged = {name: known[name] for name in known if not runtimes or name in runtimes}
    kept = [finding for finding in findings if set(finding.runtimes) & set(judged)]
    kept.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Diagnosis(str(path), kind, path.stat().st_size, facts, judged, tuple(kept))
