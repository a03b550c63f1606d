"""CSV files: columns by role, timestamps, every unusable cell named by its line."""

import json

import numpy as np
import pytest

from edgeseq.data import DataOptions, load_data, load_windows
from edgeseq.errors import DataError


def hourly(steps: int, **columns: list) -> str:
    """A .csv with a timestamp per hour and these columns."""
    times = [f"2016-07-{1 + i // 24:02d} {i % 24:02d}:00:00" for i in range(steps)]
    rows = zip(times, *(map(str, column[:steps]) for column in columns.values()), strict=True)
    return "\n".join([",".join(["date", *columns]), *map(",".join, rows)]) + "\n"


def test_forecast_shifts_the_target(tmp_path):
    """At each step the target is the named column, horizon steps later; no window crosses into another part."""
    (tmp_path / "d.csv").write_text(hourly(200, load=list(range(200)), oil=[1000 + i for i in range(200)]))
    options = DataOptions(target="oil", horizon=3, window=20, stride=20, test_share=0.25, validation_share=0.2)
    data = load_data(str(tmp_path / "d.csv"), options)
    assert (data.task, data.target_columns, data.feature_names) == ("forecast", (1,), ("load", "oil"))
    assert any("date holds timestamps" in note for note in data.notes)
    assert data.validation is not None
    for part in (data.train, data.validation, data.test):
        valid = part.valid(at_end=True)
        assert np.array_equal(part.y[valid][:, 0], part.x[valid][:, 1] + 3)
    seen = [set(part.x[part.valid(at_end=True)][:, 0].tolist()) for part in (data.train, data.validation, data.test)]
    # Rows 0-119 train, 120-149 validate, 150-199 test; the last 3 of each have no target.
    assert seen == [set(range(117)), set(range(120, 147)), set(range(150, 197))]


def test_calibration_leaves_timestamps_out(tmp_path):
    """load_windows gives what training saw: all columns that are no timestamps."""
    (tmp_path / "d.csv").write_text("timestamp,value\n2014-07-01 00:00:00,5\n2014-07-01 00:30:00,7\n")
    assert load_windows(str(tmp_path / "d.csv")).tolist() == [[[5], [7]]]


def test_labelled_stream(tmp_path):
    """Windows carry their most frequent label; test windows share no row with any other window."""
    label = ["walk"] * 60 + ["run"] * 60
    (tmp_path / "d.csv").write_text(hourly(120, x=list(range(120)), activity=label))
    data = load_data(str(tmp_path / "d.csv"), DataOptions(label="activity", window=10, stride=5))
    assert (data.task, data.class_names) == ("classification", ("run", "walk"))
    assert data.validation is not None
    parts = (data.train, data.validation, data.test)
    rows = [set(part.x.ravel().astype(int).tolist()) for part in parts]
    assert not rows[2] & (rows[0] | rows[1])
    assert not rows[0] & rows[1]
    for part in parts:
        assert set(part.y.tolist()) <= {0, 1}
        assert all((window.mean() < 60) == (y == 1) for window, y in zip(part.x, part.y, strict=True))
    assert set(data.test.y.tolist()) == {0, 1}


def test_tagging_keeps_the_label_of_each_step(tmp_path):
    """--task tagging: labels per step, on windows that may change class within."""
    (tmp_path / "d.csv").write_text(hourly(160, x=list(range(160)), state=[i // 20 % 2 for i in range(160)]))
    data = load_data(str(tmp_path / "d.csv"), DataOptions(task="tagging", label="state", window=30))
    valid = data.train.valid(at_end=True)
    assert np.array_equal(data.train.y[valid], data.train.x[valid][:, 0].astype(int) // 20 % 2)


def test_split_by_subject(tmp_path):
    """With subjects, whole ones are held out, and no window mixes two."""
    subject = [i // 30 for i in range(240)]
    (tmp_path / "d.csv").write_text(hourly(240, x=subject, y=[i // 15 % 2 for i in range(240)], who=subject))
    options = DataOptions(label="y", subject="who", features=("x",), window=10)
    data = load_data(str(tmp_path / "d.csv"), options)
    assert not set(data.train.subjects) & set(data.test.subjects)
    assert (data.train.x == data.train.x[:, :1]).all()


def test_sequences_are_whole_windows(tmp_path):
    """Without --window, each sequence is one window, padded in front to the longest."""
    lengths, rows = [3, 5, 4, 5, 2, 6, 4, 4], []
    for i, n in enumerate(lengths):
        rows += [f"{i},{step + 1},{'ab'[i % 2]}" for step in range(n)]
    (tmp_path / "d.csv").write_text("id,x,kind\n" + "\n".join(rows) + "\n")
    data = load_data(str(tmp_path / "d.csv"), DataOptions(label="kind", sequence="id"))
    both = [*zip(data.train.x, data.train.lengths, strict=True), *zip(data.test.x, data.test.lengths, strict=True)]
    assert sorted(int(n) for _, n in both) == sorted(lengths)
    assert all(window[-n:, 0].tolist() == list(range(1, n + 1)) for window, n in both)


def test_rows_as_windows(tmp_path):
    """--rows: each line is a window of one feature beside its label, header or not."""
    lines = "".join(f"{i % 2},{i},{i + 1},{i + 2}\n" for i in range(12))
    (tmp_path / "d.csv").write_text(lines)
    data = load_data(str(tmp_path / "d.csv"), DataOptions(rows=True, label="1"))
    assert data.x_train.shape == (9, 3, 1)
    assert np.array_equal(data.x_train[:, 0, 0].astype(int) % 2, data.y_train)


def test_anomaly_spans_by_time_and_by_row(tmp_path):
    """Spans in a JSON file, as times per file name or as row numbers, mark the same steps, and none trains."""
    (tmp_path / "d.csv").write_text(hourly(400, value=list(range(400))))
    times = {
        "known/d.csv": [["2016-07-03 02:00:00.000000", "2016-07-03 05:00:00"], ["2016-07-15 00:00:00", "2016-07-15 03:00:00"]]
    }
    (tmp_path / "times.json").write_text(json.dumps(times))
    (tmp_path / "rows.json").write_text("[[50, 53], [336, 339]]")
    loaded = []
    for name in ("times.json", "rows.json"):
        data = load_data(str(tmp_path / "d.csv"), DataOptions(anomalies=str(tmp_path / name), window=20))
        assert data.task == "anomaly"
        marked = data.test.y[data.test.marks > 0][:, 0].tolist()
        assert marked == [336, 337, 338, 339]
        assert not set(range(50, 54)) & set(data.train.y[data.train.valid(at_end=True)][:, 0].astype(int).tolist())
        loaded.append(data)
    assert np.array_equal(loaded[0].train.x, loaded[1].train.x)


BAD = {
    "ragged": ("a,b\n1,2\n3\n", {}, r"line 3 has 1 cells and the first 2"),
    "word": ("a,b\n1,2\nx,3\n", {}, r"line 3 is not numeric \(column 'a' is 'x'\)"),
    "empty cell": ("a,b\n1,2\n,3\n", {}, r"line 3 is not numeric \(column 'a' is empty\)"),
    "nan": ("a,b\n1,2\nnan,3\n", {}, r"line 3, column 'a' is nan"),
    "empty": ("", {}, "no rows"),
    "header alone": ("a,b\n", {}, "a header line and no rows"),
    "twins": ("a,a\n1,2\n", {}, "two columns have the same name"),
    "no such label": ("a,b\n1,2\n3,4\n", {"label": "c", "task": "classification"}, r"no column 'c' \(for --label\); it has a, b"),
    "no such target": ("a,b\n1,2\n3,4\n", {"target": "c"}, r"no column 'c' \(for --target\)"),
    "no task": ("a,b\n1,2\n3,4\n", {"task": "auto"}, "without a task"),
    "needs a label": ("a,b\n1,2\n3,4\n", {"task": "tagging"}, "--task tagging needs --label"),
    "short": ("a\n" + "1\n" * 40, {"task": "forecast", "window": 100}, "26 steps, fewer than the window of 100"),
    "shorter": ("a,b\n" + "1,0\n" * 20 + "1,1\n" * 20, {"label": "b", "window": 50}, "40 steps, fewer than the window of 50"),
    "horizon": ("a\n" + "1\n" * 40, {"task": "forecast", "horizon": 30}, "longer than the horizon of 30"),
    "one class": ("a,b\n" + "1,0\n" * 400, {"label": "b"}, "at least two classes"),
    "stride alone": ("a\n" + "1\n" * 40, {"task": "forecast", "stride": 3}, "needs a window"),
    "wav option": ("a\n1\n", {"mel_bands": 9}, "--mel-bands does not apply"),
    "label not whole": ("a,b\n1,0.5\n2,1\n", {"label": "b"}, "not whole numbers"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_files(name, tmp_path):
    """Each mistake is named, with what was expected."""
    text, settings, words = BAD[name]
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        load_data(str(tmp_path / "d.csv"), DataOptions(**(settings or {"task": "forecast"})))


def test_spans_that_do_not_fit(tmp_path):
    """An anomaly file that is no list of spans, or names other files, is refused."""
    (tmp_path / "d.csv").write_text(hourly(60, value=list(range(60))))
    for text, words in (
        ("{}", "names no spans for d.csv"),
        ("[[1]]", r"list of \[start, end\]"),
        ("{", "cannot be read as JSON"),
    ):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(DataError, match=words):
            load_data(str(tmp_path / "d.csv"), DataOptions(anomalies=str(tmp_path / "a.json")))


def test_real_files(data_folder):
    """ETTh1 forecasts its oil temperature; a NAB file takes its anomalies from the shared windows."""
    etth = load_data(str(data_folder / "forecast" / "ETTh1.csv"), DataOptions(target="OT"))
    assert (etth.task, etth.train.x.shape[1:], etth.test.x.shape) == ("forecast", (128, 7), (1, 4354, 7))
    nab = data_folder / "anomaly" / "nab"
    taxi = load_data(str(nab / "realKnownCause" / "nyc_taxi.csv"), DataOptions(anomalies=str(nab / "windows.json")))
    assert taxi.test.marks.sum() == 5 * 207
