"""Data sets: every documented form, and damaged files by Hypothesis."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeseq.data import load_data, load_windows
from edgeseq.errors import DataError


def test_scale_and_offset_are_applied(tmp_path):
    """Stored integers become physical values, per feature."""
    x = np.arange(24, dtype=np.int16).reshape(2, 4, 3)
    np.savez(tmp_path / "d.npz", X_train=x, x_scale=np.array([1, 2, 4], np.float32), x_offset=np.float32(10))
    assert np.array_equal(load_windows(str(tmp_path / "d.npz")), x * np.array([1, 2, 4]) + 10)


def test_padding_moves_to_the_front(tmp_path):
    """A padded sequence ends with its last valid step; what is in front is the mean of the valid steps."""
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]], np.float32)[..., None]
    np.savez(tmp_path / "d.npz", X_train=x, len_train=np.array([3, 5]))
    mean = np.mean([1, 2, 3, 4, 5, 6, 7, 8])
    assert load_windows(str(tmp_path / "d.npz"))[..., 0].tolist() == [[mean, mean, 1, 2, 3], [4, 5, 6, 7, 8]]


def test_split_is_seeded_and_complete(tmp_path):
    """X and y alone give the same quarter for testing each time, and lose no window."""
    x = np.arange(40, dtype=np.float32).reshape(40, 1, 1)
    np.savez(tmp_path / "d.npz", X=x, y=np.arange(40) % 2)
    a, b = load_data(str(tmp_path / "d.npz")), load_data(str(tmp_path / "d.npz"))
    assert np.array_equal(a.x_test, b.x_test)
    assert len(a.x_test) == 10
    assert sorted([*a.x_train.ravel(), *a.x_test.ravel()]) == list(range(40))


def test_csv_is_one_stream(tmp_path):
    """A CSV with a header line is one stream of its rows."""
    (tmp_path / "d.csv").write_text("a,b\n1,2\n3,4\n")
    assert load_windows(str(tmp_path / "d.csv")).tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": np.ones((3, 2, 1))}, "expected X and y"),
        ({"X": np.ones((3, 2, 1)), "y": np.ones(2, int)}, "3 windows and y 2 labels"),
        ({"X": np.ones((3, 2, 1)), "y": np.array([0, 1, -1])}, "expected classes 0 to C-1"),
        ({"X": np.full((8, 2, 1), np.inf), "y": np.arange(8) % 2}, "NaN or infinite"),
        ({"X": np.ones((8, 2)), "y": np.arange(9) % 2}, "8 rows, one per step, and y 9"),
        ({"X": np.array(["a"]), "y": np.arange(1)}, "not numeric"),
    ],
)
def test_bad_labels_and_windows(arrays, words, tmp_path):
    """Each unusable labelled set says what is wrong."""
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DataError, match=words):
        load_data(str(tmp_path / "d.npz"))


def good() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, X=np.ones((4, 3, 2), np.float32), y=np.arange(4) % 2)
    return stream.getvalue()


GOOD = good()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_flipped_byte(tmp_path, position, change):
    """Any byte changed: data, or a DataError."""
    data = bytearray(GOOD)
    data[position] ^= change
    (tmp_path / "d.npz").write_bytes(data)
    with contextlib.suppress(DataError):
        load_data(str(tmp_path / "d.npz"))
