"""A folder of .wav files -> labelled log-mel windows.

One sub-folder per class, or `<class>_*.wav` files in one folder; either may lie in `train` and `test` folders.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.from_streams import Recording
from edgeseq.data.logmel import LogMel, features, log_mel
from edgeseq.data.streams import Stream
from edgeseq.data.types import DataOptions, DataSet
from edgeseq.data.whole import whole_sequences
from edgeseq.errors import DataError, MissingExtraError

FULL_SCALE = {"uint8": 128.0, "int16": 32768.0, "int32": 2147483648.0}


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One file: samples (n,) in -1..1 of one channel."""

    path: Path
    rate_hz: int
    samples: npt.NDArray[np.float64]
    channels: int


def data_set(folder: Path, options: DataOptions) -> DataSet:
    """Return log-mel windows of all .wav files. Raises DataError naming the file."""
    if options.task not in ("auto", "classification"):
        raise DataError(f"{folder}: a folder of .wav is classified; --task {options.task} does not fit")
    sides = {side: folder / side for side in ("train", "test")}
    split = all(path.is_dir() for path in sides.values())
    files = {side: _files(path) for side, path in (sides if split else {"train": folder}).items()}
    everything = [pair for pairs in files.values() for pair in pairs]
    names = tuple(sorted({label for _, label in everything}))
    if len(names) < 2:
        raise DataError(
            f"{folder}: all {len(everything)} files are of class {names[0]!r}; a classifier needs at least two classes"
        )
    clips = {path: _read(path) for path, _ in everything}
    rate = options.rate_hz or Counter(clip.rate_hz for clip in clips.values()).most_common(1)[0][0]
    notes = _notes(list(clips.values()), rate)
    settings = log_mel(rate, options.frame_ms, options.hop_ms, options.mel_bands)
    cut_short = 0
    parts: dict[str, list[Stream]] = {}
    for side, pairs in files.items():
        parts[side] = []
        for path, label in pairs:
            x = features(_resampled(clips[path], rate), settings)
            if options.window and len(x) > options.window:
                x, cut_short = x[: options.window], cut_short + 1
            y = np.full(len(x), names.index(label), np.int64)
            parts[side].append(Stream(x, y, subject=_subject(path, options.subject)))
    if cut_short:
        notes.append(f"{cut_short} files are longer than the window of {options.window} frames; their ends are cut")
    recording = Recording(
        folder.resolve().name,
        tuple(parts["train"]),
        tuple(parts["test"]) if split else None,
        grouped=options.subject is not None,
        class_names=names,
        notes=("task: classification, a folder of sounds", *notes),
        feature_names=tuple(f"mel_{band}" for band in range(options.mel_bands)),
    )
    return replace(whole_sequences(recording, options), feature_settings=settings.as_json())


def _files(folder: Path) -> list[tuple[Path, str]]:
    """Return (file, class) in a fixed order."""
    try:
        nested = sorted(p for p in folder.glob("*/*") if p.suffix.lower() == ".wav" and p.is_file())
        flat = sorted(p for p in folder.glob("*") if p.suffix.lower() == ".wav" and p.is_file())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error})") from error
    if nested and flat:
        raise DataError(f"{folder}: has .wav files beside folders of .wav files; keep one way of naming classes")
    unnamed = [path for path in flat if "_" not in path.stem]
    if unnamed:
        raise DataError(f"{unnamed[0]}: no class in its name; expected <class>_*.wav, or one folder per class")
    if not nested and not flat:
        raise DataError(f"{folder}: holds no .wav files; expected one folder per class, or <class>_*.wav")
    return [(path, path.parent.name) for path in nested] or [(path, path.stem.split("_")[0]) for path in flat]


def _read(path: Path) -> Clip:
    try:
        from scipy.io import wavfile
    except ImportError as error:
        raise MissingExtraError("scipy", "train") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of metadata
            rate, samples = wavfile.read(path)
    except (OSError, ValueError, EOFError, TypeError, IndexError, ZeroDivisionError, OverflowError, MemoryError) as error:
        raise DataError(f"{path}: not a readable .wav file ({error})") from error
    except Exception as error:  # struct.error and others: damaged headers fail in many ways
        raise DataError(f"{path}: not a readable .wav file ({type(error).__name__}: {error})") from error
    if samples.size == 0 or rate <= 0:
        raise DataError(f"{path}: holds no samples; remove it or record it again")
    kind = str(samples.dtype)
    scaled = samples.astype(np.float64)
    if kind == "uint8":
        scaled -= 128.0
    scaled /= FULL_SCALE.get(kind, 1.0)
    if not np.isfinite(scaled).all():
        raise DataError(f"{path}: holds NaN or infinite samples; remove it or record it again")
    channels = 1 if scaled.ndim == 1 else scaled.shape[1]
    return Clip(path, int(rate), scaled if scaled.ndim == 1 else scaled.mean(axis=1), channels)


def _resampled(clip: Clip, rate: int) -> npt.NDArray[Any]:
    if clip.rate_hz == rate:
        return clip.samples
    from scipy.signal import resample_poly

    common = int(np.gcd(clip.rate_hz, rate))
    return np.asarray(resample_poly(clip.samples, rate // common, clip.rate_hz // common))


def _notes(clips: list[Clip], rate: int) -> list[str]:
    other = [clip for clip in clips if clip.rate_hz != rate]
    many = [clip for clip in clips if clip.channels > 1]
    notes = []
    if other:
        notes.append(
            f"{len(other)} files are not at {rate} Hz (such as {other[0].path.name} at {other[0].rate_hz}) and are resampled"
        )
    if many:
        notes.append(f"{len(many)} files have several channels (such as {many[0].path.name}); their mean is taken")
    return notes


def _subject(path: Path, pattern: str | None) -> str:
    if pattern is None:
        return path.stem
    try:
        match = re.search(pattern, path.name)
    except re.error as error:
        raise DataError(f"--subject {pattern!r} is no regular expression ({error}); such as '_([a-z]+)_'") from error
    if match is None or not match.groups():
        raise DataError(f"{path}: --subject {pattern!r} finds no speaker in its name; give one group, such as '_([a-z]+)_'")
    return match.group(1)


__all__ = ["LogMel", "data_set"]
