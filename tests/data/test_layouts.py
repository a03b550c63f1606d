"""Layouts of a .npz: the task each stands for, splits, rolls, run-to-failure rows, and writing windows back."""

import resource

import numpy as np
import pytest

from edgeseq.data import DataOptions, load_data
from edgeseq.data.prepared import fingerprint, save_data
from edgeseq.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(0, 1, (12, 6, 2)).astype(np.float32)

DEDUCED = {
    "classes": (np.arange(12) % 3, "classification", (12,)),
    "names": (np.array(["b", "a"] * 6), "classification", (12,)),
    "classes per step": (RNG.integers(0, 3, (12, 6)), "tagging", (12, 6)),
    "value": (RNG.normal(0, 1, 12), "regression", (12, 1)),
    "values": (RNG.normal(0, 1, (12, 4)), "regression", (12, 4)),
    "value per step": (RNG.normal(0, 1, (12, 6)), "regression", (12, 6, 1)),
    "values per step": (RNG.normal(0, 1, (12, 6, 3)), "regression", (12, 6, 3)),
    "labels per step": (RNG.integers(0, 2, (12, 6, 5)), "multilabel", (12, 6, 5)),
}


@pytest.mark.parametrize("name", list(DEDUCED))
def test_task_is_deduced_and_said(name, tmp_path):
    """The shape and type of y tell the task; a note says so; every window keeps its target."""
    y, task, shape = DEDUCED[name]
    np.savez(tmp_path / "d.npz", X=X, y=y)
    data = load_data(str(tmp_path / "d.npz"))
    assert data.task == task
    assert any(note.startswith(f"task: {task}") for note in data.notes)
    assert (len(data.train) + len(data.test), *data.train.y.shape[1:]) == shape


def test_subjects_split_and_leaks_are_warned_of(tmp_path):
    """Subjects without a split are held out whole; on both sides of a given split they are warned of."""
    subject = np.repeat(np.arange(4), 3)
    np.savez(tmp_path / "d.npz", X=X, y=np.arange(12) % 2, subject=subject)
    data = load_data(str(tmp_path / "d.npz"))
    assert not set(data.train.subjects) & set(data.test.subjects)
    np.savez(
        tmp_path / "e.npz",
        X_train=X,
        y_train=np.arange(12) % 2,
        subject_train=subject,
        X_test=X[:3],
        y_test=[0, 1, 0],
        subject_test=[0, 1, 9],
    )
    notes = load_data(str(tmp_path / "e.npz")).notes
    assert any("warning: 2 subjects (0, 1) are in both train and test" in note for note in notes)


def test_rolls_predict_their_next_step(tmp_path):
    """Each piece is a stream of its own: the target of a step is the next step of the same piece."""
    rolls = {f"roll_{part}": RNG.integers(0, 2, (20, 4)).astype(np.uint8) for part in ("train", "valid", "test")}
    np.savez(tmp_path / "d.npz", **rolls, **{f"len_{part}": np.array([8, 12]) for part in ("train", "valid", "test")})
    data = load_data(str(tmp_path / "d.npz"))
    assert (data.task, data.test.lengths.tolist()) == ("multilabel", [7, 11])
    roll = rolls["roll_test"]
    assert np.array_equal(data.test.x[1, :11], roll[8:19])
    assert np.array_equal(data.test.y[1, :11], roll[9:20])


def test_run_to_failure_rows(tmp_path):
    """Rows of units become sequences with a target per step, cut to a cap."""
    unit, rul = np.repeat([1, 2, 3], [5, 7, 6]), np.concatenate([np.arange(n)[::-1] for n in (5, 7, 6)])
    arrays = {"train": RNG.normal(0, 1, (18, 3)), "unit_train": unit, "rul_train": rul}
    np.savez(tmp_path / "d.npz", **arrays, test=arrays["train"], unit_test=unit, rul_test=rul)
    data = load_data(str(tmp_path / "d.npz"), DataOptions(target_max=4))
    assert (data.task, data.padded_at_end, data.test.lengths.tolist()) == ("regression", True, [5, 7, 6])
    assert data.test.y[1, :7, 0].tolist() == [4, 4, 4, 3, 2, 1, 0]


def test_unknown_and_absent_classes_are_warned_of(tmp_path):
    """Classes that only the test part has, and classes without any example, are named."""
    np.savez(tmp_path / "d.npz", X_train=X, y_train=[0, 1, 3] * 4, X_test=X[:4], y_test=[0, 1, 3, 4])
    notes = " ".join(load_data(str(tmp_path / "d.npz")).notes)
    assert "classes 4 occur in test (25.0% of it) but never in training" in notes
    assert "classes 2 have no training example" in notes


def test_windows_written_are_windows_read(tmp_path):
    """save_data keeps every window, label, length and subject, with the same fingerprint."""
    y, lengths = np.arange(12) % 2, np.array([3, 4, 5, 6, 6, 2] * 2)
    np.savez(
        tmp_path / "d.npz",
        X_train=X,
        y_train=y,
        len_train=lengths,
        X_test=X[:5],
        y_test=y[:5],
        subject_train=y,
        subject_test=y[:5],
    )
    first = load_data(str(tmp_path / "d.npz"))
    save_data(first, tmp_path / "e.npz")
    second = load_data(str(tmp_path / "e.npz"))
    assert fingerprint(first) == fingerprint(second)
    np.savez(tmp_path / "f.npz", X_train=X + 1e-3, y_train=y, X_test=X[:5], y_test=y[:5])
    assert fingerprint(first) != fingerprint(load_data(str(tmp_path / "f.npz")))


BAD = {
    "label without example": ({"X": X, "y": np.array([0, 9000] * 6)}, {}, "labels reach 9000"),
    "task does not fit": ({"X": X, "y": np.arange(12) % 2}, {"task": "tagging"}, "expected one class per step"),
    "not 0/1": ({"X": X, "y": np.full((12, 6, 2), 3)}, {}, "expected 0 or 1"),
    "nan target": ({"X": X, "y": np.full(12, np.nan)}, {}, "targets hold NaN"),
    "shape": ({"X": X, "y": np.zeros((12, 5), int)}, {}, r"expected classes \(n,\) or \(n, time\)"),
    "length": ({"X_train": X, "y_train": np.arange(12) % 2, "len_train": np.full(12, 9)}, {}, "len_train ranges from 9 to 9"),
    "subjects": ({"X": X, "y": np.arange(12) % 2, "subject": np.zeros(3)}, {}, "expected one per window"),
    "one subject": ({"X": X, "y": np.arange(12) % 2, "subject": np.zeros(12)}, {}, "at least two subjects"),
    "no labels": ({"X": X}, {}, "--task forecast or anomaly learns from X alone"),
    "scale": ({"X": X, "y": np.arange(12) % 2, "x_scale": np.ones(3)}, {}, "x_scale or x_offset does not fit"),
    "one window": ({"X": X[:1], "y": np.array([0])}, {}, "at least 2 are needed"),
    "features": (
        {"X_train": X, "y_train": np.arange(12) % 2, "X_test": X[..., :1], "y_test": np.arange(12) % 2},
        {},
        "and test 1",
    ),
    "outputs": (
        {"X_train": X, "y_train": RNG.normal(0, 1, (12, 2)), "X_test": X, "y_test": RNG.normal(0, 1, (12, 3))},
        {},
        r"y_train has shape \(12, 2\) and y_test \(12, 3\); expected as many outputs",
    ),
    "features of the validation part": (
        {**{f"X_{part}": X for part in ("train", "test")}, "X_valid": X[..., :1]}
        | {f"y_{part}": np.arange(12) % 2 for part in ("train", "test", "valid")},
        {},
        "train has 2 features and valid 1",
    ),
    "a class of the validation part alone": (
        {f"X_{part}": X for part in ("train", "test", "valid")}
        | {"y_train": np.arange(12) % 2, "y_test": np.arange(12) % 2, "y_valid": np.arange(12) % 3},
        {},
        "validation has the label 2, which neither train nor test has",
    ),
    "labels that are numbers of something": ({"X": X, "y": np.array([0, 2_000_000_000] * 6)}, {}, "labels reach 2000000000"),
    "csv option": ({"X": X, "y": np.arange(12) % 2}, {"label": "a"}, "--label does not apply"),
    "unnamed": ({"X": X, "y": np.arange(12) % 3, "class_names": np.array(["a", "b"])}, {}, "the label 2 has no name"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_layouts(name, tmp_path):
    """Each mistake is named, with what was expected."""
    arrays, settings, words = BAD[name]
    np.savez(tmp_path / "d.npz", **arrays)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=words):
        load_data(str(tmp_path / "d.npz"), DataOptions(**settings))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB: nothing is listed before it is looked at


def test_every_shared_set_loads(data_folder):
    """Each shared .npz that holds labelled data gives its task without options."""
    wanted = {
        "har/ucihar_raw_windows.npz": "classification",
        "audio/fsdd_logmel.npz": "classification",
        "ecg/ecg5000_5class.npz": "classification",
        "gesture/magic_wand5.npz": "classification",
        "gesture/pendigits.npz": "classification",
        "industrial/cmapss_fd001.npz": "regression",
        "music/jsb_chorales.npz": "multilabel",
    }
    assert {name: load_data(str(data_folder / name)).task for name in wanted} == wanted
