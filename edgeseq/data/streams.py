"""Streams -> windows: cutting, shifting targets ahead, splitting by time or by stream."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.types import FloatArray, Part
from edgeseq.errors import DataError

DEFAULT_WINDOW = 128


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Consecutive steps. x: (time, features); y: (time,) or (time, k); marks: (time,); subject: whose they are."""

    x: FloatArray
    y: npt.NDArray[Any] | None = None
    marks: npt.NDArray[np.int8] | None = None
    subject: Any = 0

    def __len__(self) -> int:
        return len(self.x)

    def part(self, start: int, stop: int) -> Stream:
        """Return steps start to stop - 1."""
        y, marks = (None if a is None else a[start:stop] for a in (self.y, self.marks))
        return Stream(self.x[start:stop], y, marks, self.subject)

    def ahead(self, horizon: int, columns: Sequence[int]) -> Stream:
        """Return x with the value of these columns `horizon` steps later as target; marks go with the target."""
        y = self.x[horizon:][:, list(columns)]
        return Stream(self.x[:-horizon], y, None if self.marks is None else self.marks[horizon:], self.subject)


def window_and_stride(window: int | None, stride: int | None, shortest: int) -> tuple[int, int]:
    """Return the sizes to cut with. Defaults: 128 steps, or fewer where the data has fewer; half a window."""
    steps = window or max(1, min(DEFAULT_WINDOW, shortest))
    return steps, stride or max(1, steps // 2)


def cut(streams: Sequence[Stream], window: int, stride: int) -> Part:
    """Cut windows that have a target per step; shorter streams are padded at their end.

    The last window of a stream ends with its last step, so that no step is lost.
    """
    pieces: list[Stream] = []
    for stream in streams:
        last = max(0, len(stream) - window)
        starts = [*range(0, last, stride), last]
        pieces += [stream.part(start, start + window) for start in starts]
    return padded(pieces, window)


def padded(streams: Sequence[Stream], steps: int | None = None) -> Part:
    """Stack streams as windows, padded at their end with zeros."""
    if not streams:
        raise DataError("no sequence is long enough to learn from")
    steps = steps or max(len(stream) for stream in streams)
    lengths = np.array([len(stream) for stream in streams], np.int64)

    def stacked(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        out = np.zeros((len(arrays), steps, *arrays[0].shape[1:]), arrays[0].dtype)
        for row, array in zip(out, arrays, strict=True):
            row[: len(array)] = array
        return out

    y = None if streams[0].y is None else stacked([s.y for s in streams if s.y is not None])
    marks = None if streams[0].marks is None else stacked([s.marks for s in streams if s.marks is not None])
    return Part(
        stacked([stream.x for stream in streams]).astype(np.float32),
        y,
        None if (lengths == steps).all() else lengths,
        np.array([stream.subject for stream in streams]),
        marks,
    )


def split_by_time(streams: Sequence[Stream], share: float, *, at_least: int = 2) -> tuple[list[Stream], list[Stream]]:
    """Give the last share of each stream to the second list."""
    first, second = [], []
    for stream in streams:
        border = round(len(stream) * (1 - share))
        if min(border, len(stream) - border) < at_least:
            raise DataError(
                f"a stream of {len(stream)} steps cannot be split into {1 - share:.0%} and {share:.0%} "
                f"of at least {at_least} steps each; give more data, or other shares"
            )
        first.append(stream.part(0, border))
        second.append(stream.part(border, len(stream)))
    return first, second


def hold_out(groups: npt.NDArray[Any], share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose whole groups at random until they hold about this share of the windows; True where held out.

    Raises DataError when there is only one group.
    """
    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DataError(f"all {len(groups)} windows belong to {names[0]!r}; a split by subject needs at least two subjects")
    order = rng.permutation(len(names))
    held = np.cumsum(counts[order])
    chosen = min(1 + int(np.searchsorted(held, share * len(groups))), len(names) - 1)
    return np.isin(index, order[:chosen])


def runs(labels: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Return (start, stop) of each stretch of equal labels."""
    if not len(labels):
        return []
    borders = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(labels)]
    return list(itertools.pairwise(borders))
