"""Data sets: .npz, .csv, a folder of .wav files or a known name -> arrays of raw values."""

from edgeseq.data.load import load_data, load_windows
from edgeseq.data.types import TASK_NAMES, DataOptions, DataSet, Part, TaskName, per_step

__all__ = ["TASK_NAMES", "DataOptions", "DataSet", "Part", "TaskName", "load_data", "load_windows", "per_step"]
