"""What a data set is: parts of windows in raw units, what their targets mean, and how a file is to be read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

TaskName = Literal["classification", "tagging", "regression", "forecast", "multilabel", "anomaly"]
TASK_NAMES: tuple[TaskName, ...] = ("classification", "tagging", "regression", "forecast", "multilabel", "anomaly")
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DataOptions:
    """How to read a data set; what does not apply to its format is refused. Columns are those of a .csv.

    task: auto deduces it. window, stride: steps; None: 128 and half a window. label, target, subject, sequence:
    columns that hold classes, the value to predict, who was measured, and which rows belong together.
    features: columns that are inputs; empty: all that are numbers. horizon: steps ahead of a forecast.
    target_max: targets above it are cut to it. rows: each line of a .csv is one window of one feature.
    test_share, validation_share: where the file gives no such part. anomalies: a JSON file of [start, end] spans.
    For .wav, subject is a regular expression whose first group, found in the file name, is the speaker;
    rate_hz None: the most frequent one.
    """

    task: TaskName | Literal["auto"] = "auto"
    window: int | None = None
    stride: int | None = None
    label: str | None = None
    target: str | None = None
    subject: str | None = None
    sequence: str | None = None
    features: tuple[str, ...] = ()
    rows: bool = False
    horizon: int = 1
    target_max: float | None = None
    anomalies: str | None = None
    test_share: float | None = None
    validation_share: float = 0.1
    rate_hz: int | None = None
    frame_ms: float = 32.0
    hop_ms: float = 16.0
    mel_bands: int = 20


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Windows of one side of a split.

    x: float32 (n, time, features). y: what the task predicts: int64 (n,) or (n, time) classes, float32 (n, k) or
    (n, time, k) values, None for anomalies without labels. lengths: int64 (n,) valid steps where windows are padded:
    at the end if y is given per step, in front (with the mean) if it is given per window. subjects: (n,) who was
    measured, or which recording a window was cut from. marks: int8, 1 where an anomaly is known, (n,) or (n, time).
    """

    x: FloatArray
    y: npt.NDArray[Any] | None = None
    lengths: IntArray | None = None
    subjects: npt.NDArray[Any] | None = None
    marks: npt.NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, chosen: npt.NDArray[Any]) -> Part:
        """Return the chosen windows."""
        # mypy takes None for possible in x and y too, which every Part has.
        return Part(*(None if a is None else a[chosen] for a in (self.x, self.y, self.lengths, self.subjects, self.marks)))  # type: ignore[arg-type]

    def valid(self, *, at_end: bool) -> npt.NDArray[np.bool_]:
        """Return which steps are no padding, (n, time). at_end: whether the padding is."""
        n, steps = self.x.shape[:2]
        if self.lengths is None:
            return np.ones((n, steps), np.bool_)
        index, lengths = np.arange(steps)[None, :], self.lengths[:, None]
        return index < lengths if at_end else index >= steps - lengths


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Windows in raw units, split.

    validation: only where the file gives one or time does. class_names: empty without names. target_columns: which
    features a forecast predicts; empty for others. own_split: the file itself said what is tested on.
    feature_settings: how features were computed from audio. notes: what a user should know about the reading.
    """

    name: str
    train: Part
    test: Part
    validation: Part | None = None
    task: TaskName = "classification"
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_columns: tuple[int, ...] = ()
    horizon: int = 0
    own_split: bool = False
    feature_settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def x_train(self) -> FloatArray:
        """Training windows, (n, time, features)."""
        return self.train.x

    @property
    def x_test(self) -> FloatArray:
        """Test windows, (n, time, features)."""
        return self.test.x

    @property
    def y_train(self) -> npt.NDArray[Any]:
        """Targets of the training windows."""
        assert self.train.y is not None
        return self.train.y

    @property
    def y_test(self) -> npt.NDArray[Any]:
        """Targets of the test windows."""
        assert self.test.y is not None
        return self.test.y

    @property
    def classes(self) -> int:
        """Number of classes, named or seen."""
        return max(len(self.class_names), int(max(self.y_train.max(), self.y_test.max())) + 1)

    @property
    def padded_at_end(self) -> bool:
        """Whether windows of unequal length are padded at their end: so where each step has a target."""
        return per_step(self.task, self.train.y)

    def noted(self, *notes: str) -> DataSet:
        """Return the same data with more notes."""
        return replace(self, notes=(*self.notes, *notes)) if notes else self


def per_step(task: TaskName, y: npt.NDArray[Any] | None) -> bool:
    """Whether a model of this task gives an output after each step."""
    return task in ("tagging", "forecast", "multilabel", "anomaly") or (task == "regression" and y is not None and y.ndim == 3)
