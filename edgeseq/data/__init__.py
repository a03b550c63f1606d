"""Data sets: .npz, .csv or a known name -> arrays of raw values."""

from edgeseq.data.load import DataSet, load_data, load_windows

__all__ = ["DataSet", "load_data", "load_windows"]
