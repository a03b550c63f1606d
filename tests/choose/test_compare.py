"""`edgeseq compare` as a person and as a script use it: what it finds, kills and resuming, words of bad input."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgeseq.choose.comparison import Plan, compare
from edgeseq.choose.comparison.matching import parameters
from edgeseq.choose.scores import integer_outputs
from edgeseq.cli.main import main
from edgeseq.data import DataOptions, load_data
from edgeseq.errors import TrainingError
from edgeseq.measure.profile import profile
from edgeseq.quantize import read_esq
from edgeseq.train import Recipe

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--cells", "gru,rnn", "--units", "4", "--seeds", "2", "--epochs", "2", "--jobs", "2")
BOARD = "nucleo-l476"


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run a command in-process; returns (exit code, stdout, stderr)."""
    code = 0
    try:
        main(["compare", *arguments])
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def windows_at(folder: Path, n: int = 80) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (n, 6, 2)).astype(np.float32)
    np.savez(folder / "d.npz", X=x, y=(x[:, -1, 0] > 0).astype(int), subject=np.arange(n) // 4)
    return folder / "d.npz"


@pytest.fixture
def windows(tmp_path) -> Path:
    return windows_at(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A comparison on a board that was never disturbed: its folder, and the JSON it printed."""
    folder = tmp_path_factory.mktemp("finished")
    data = windows_at(folder)
    out = folder / "run"
    arguments = ["compare", "--data", str(data), *SMALL, "--target", BOARD, "--optimize", "size", "--out", str(out), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "edgeseq", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return data, out, json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_what_is_printed_is_what_is_stored(finished):
    """The JSON is results.json, whole, with every seed of every cell; stderr has told how far it was."""
    _, out, document, err = finished
    assert json.loads((out / "results.json").read_text()) == document
    assert (document["kind"], document["complete"], document["match"]) == ("comparison", True, "units")
    assert [(cell["cell"], cell["units"], [seed["seed"] for seed in cell["seeds"]]) for cell in document["cells"]] == [
        ("gru", [4], [0, 1]),
        ("rnn", [4], [0, 1]),
    ]
    assert document["data"]["test_windows"] + document["data"]["train_windows"] == 80
    assert "4 of 4; " in err
    assert "Traceback" not in err
    names = sorted(path.name for path in (out / "models").iterdir())
    assert names == sorted(
        f"{cell}-4-seed{seed}{end}" for cell in ("gru", "rnn") for seed in (0, 1) for end in (".esq", ".keras", ".npz")
    )


@pytest.mark.slow
def test_figures_are_those_of_the_stored_models(finished):
    """Accuracy is the oracle's on the test part, costs are those that profile finds, means and pairs follow from them."""
    data_path, out, document, _ = finished
    data = load_data(str(data_path), DataOptions())
    for cell in document["cells"]:
        assert cell["parameters"] == parameters(cell["cell"], (4,), 2, 2)
        graph = read_esq(out / "models" / f"{cell['cell']}-4-seed0.esq")
        measured = profile(graph, BOARD, optimize="size")
        assert (cell["flash_bytes"], cell["ram_bytes"]) == (measured.flash_image_bytes, measured.ram_image_bytes)
        assert cell["energy_uj"] == pytest.approx(measured.on_board.energy_uj, rel=0.02)  # other inputs
        for seed in cell["seeds"]:
            graph = read_esq(out / "models" / f"{cell['cell']}-4-seed{seed['seed']}.esq")
            answers = integer_outputs(graph, data.test, stepwise=False).argmax(axis=1)
            assert seed["accuracy"] == (answers == data.y_test).mean() == seed["metrics"]["accuracy"]
            assert [row["epoch"] for row in seed["history"]] == [1, 2]
            assert seed["seconds"] > 0
        assert cell["mean"] == pytest.approx(np.mean([seed["accuracy"] for seed in cell["seeds"]]))
        points = 100 * (cell["mean"] - document["baseline"])
        assert cell["per_kb"] == pytest.approx(points / (cell["flash_bytes"] / 1024))
        assert cell["per_uj"] == pytest.approx(points / cell["energy_uj"])
    gru, rnn = document["cells"]
    (pair,) = document["pairs"]
    assert (pair["a"], pair["b"], pair["seeds"]) == ("gru", "rnn", 2)
    assert pair["difference"] == pytest.approx(gru["mean"] - rnn["mean"])
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert pair["verdict"].startswith("GRU(4) and RNN(4): difference ")
    assert "of 2 seeds the interval is weak" in pair["verdict"]
    assert "RNN takes" in pair["verdict"]


@pytest.mark.slow
def test_more_seeds_and_cells_go_on(capsys, finished):
    """--resume trains what is missing alone; the models that there are stay as they were; 80 columns hold the table."""
    data, out, document, _ = finished
    stamps = {path.name: path.stat().st_mtime_ns for path in (out / "models").iterdir()}
    more = [*SMALL[:1], "gru,rnn,mingru", *SMALL[2:]]
    arguments = ("--data", str(data), *more, "--target", BOARD, "--optimize", "size", "--out", str(out), "--resume")
    code, text, err = run(capsys, *arguments)
    assert code == 0
    assert "4 of 6; training" in err
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "minGRU(4)" in text
    assert {name: (out / "models" / name).stat().st_mtime_ns for name in stamps} == stamps
    grown = json.loads((out / "results.json").read_text())
    assert [cell["mean"] for cell in grown["cells"][:2]] == [cell["mean"] for cell in document["cells"]]
    assert len(grown["pairs"]) == 3
    code, text, _ = run(capsys, *arguments, "--json")
    assert (code, json.loads(text)["cells"]) == (0, grown["cells"])
    code, _, err = run(capsys, *arguments, "--epochs", "3")
    assert code == 2
    assert "holds a comparison of other settings: epochs 2, now 3. Give those" in " ".join(err.split())


def descendants(pid: int) -> set[int]:
    """Processes that a process has started, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return found - {pid}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_kill_9_loses_nothing(finished, tmp_path):
    """Killed in mid-run, its processes end too; --resume keeps the finished models and ends with the undisturbed results."""
    data, _, wanted, _ = finished
    out = tmp_path / "run"
    command = [sys.executable, "-m", "edgeseq", "compare", "--data", str(data), *SMALL, "--target", BOARD, "--optimize", "size"]
    command += ["--out", str(out), "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not list(out.glob("models/*.npz")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = descendants(process.pid)
    process.kill()
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in out.glob("models/*.npz")}
    assert before
    assert children
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "processes outlive the one that started them"
        time.sleep(0.05)
    json.loads((out / "results.json").read_text())
    done = subprocess.run([*command, "--resume"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    found = json.loads(done.stdout)

    def scores(document) -> list:
        return [[(seed["accuracy"], seed["float_accuracy"]) for seed in cell["seeds"]] for cell in document["cells"]]

    assert scores(found) == scores(wanted)
    assert found["pairs"] == wanted["pairs"]


@pytest.mark.slow
def test_a_process_that_dies_is_told(windows, tmp_path):
    """Finished models stay, and the message says how to go on."""
    plan = Plan(("gru", "rnn"), (4,), seeds=2, recipe=Recipe(epochs=1))
    data, out = load_data(str(windows)), tmp_path / "run"

    def kill(words: str, done: int, total: int) -> None:
        if done == 1:
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"a process that trains has died.*go on with --resume"):
        compare(data, plan, out, jobs=1, watch=kill)
    assert len(list(out.glob("models/*.npz"))) in (1, 2)
    assert compare(data, plan, out, jobs=1, resume=True).complete
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_diverged_model_is_named(windows, tmp_path):
    """A loss that becomes NaN is told with the model that did."""
    plan = Plan(("gru", "rnn"), (4,), seeds=2, recipe=Recipe(epochs=2, learning_rate=1e38, clipnorm=1e38))
    with pytest.raises(TrainingError, match=r"^(GRU|RNN)\(4\), seed [01]: the .*loss became"):
        compare(load_data(str(windows)), plan, tmp_path / "run", jobs=1)


@pytest.mark.slow
def test_errors_are_compared_the_other_way_round(capsys, tmp_path):
    """Of a forecast the smaller error is better; gains are error removed of that of the present value."""
    t = np.arange(900)
    rows = np.stack([np.sin(t / 5), np.cos(t / 9)], axis=1)
    (tmp_path / "wave.csv").write_text("a,b\n" + "\n".join(f"{a:.5f},{b:.5f}" for a, b in rows) + "\n")
    arguments = ("--data", str(tmp_path / "wave.csv"), "--task", "forecast", "--target-column", "a", "--window", "20", *SMALL)
    code, text, err = run(capsys, *arguments, "--out", str(tmp_path / "run"))
    assert code == 0, err
    document = json.loads((tmp_path / "run" / "results.json").read_text())
    assert document["metric"] == {"name": "mae", "higher_is_better": False, "unit": "units of the target"}
    assert "in mean absolute error (lower is better)" in " ".join(text.split())
    for cell in document["cells"]:
        assert cell["points"] == pytest.approx(100 * (1 - cell["mean"] / document["baseline"]))
        assert cell["per_uj"] is None
        assert cell["per_kilocycle"] is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cells", "gru,elman"), "unknown cell 'elman'; known: gru, lstm, rnn, fastgrnn, mgu, mingru"),
        (("--cells", "gru"), "expected at least two, each once, such as gru,lstm"),
        (("--seeds", "1"), "no difference would have an interval. Take at least 2"),
        (("--target", "cortex-m9"), "unknown target 'cortex-m9'; known: "),
        (("--match", "parameters", "--cells", "rnn,lstm", "--units", "1"), "RNN(1) has 8 parameters, and LSTM(1) already 20"),
        (("--units", "8,4", "--cells", "gru,lstm+gru+rnn"), "cell 3, units 2, layers 1 values do not fit each other"),
        (("--match", "weights"), "'weights' is not one of 'units', 'parameters', 'flash'"),
        (("--scheme", "int8x2"), "'int8x2' is not one of"),
    ],
)
def test_bad_settings_are_refused_before_training(capsys, windows, tmp_path, arguments, words):
    """Exit 2, one message that says what is wrong, and no folder left behind."""
    code, _, err = run(capsys, "--data", str(windows), *arguments, "--out", str(tmp_path / "run"))
    assert code == 2
    assert words in " ".join(err.split())
    assert not (tmp_path / "run" / "models").exists()


def test_data_that_no_comparison_can_use(capsys, tmp_path):
    """One class, no file: the reader's own words."""
    x = np.zeros((20, 5, 2), np.float32)
    np.savez(tmp_path / "one.npz", X=x, y=np.zeros(20, int))
    code, _, err = run(capsys, "--data", str(tmp_path / "one.npz"), "--out", str(tmp_path / "run"))
    assert code == 2
    assert "a classifier needs at least two classes" in " ".join(err.split())
    code, _, err = run(capsys, "--data", "nothing.npz", "--out", str(tmp_path / "run"))
    assert code == 2
    assert not (tmp_path / "run").exists()


def test_folders_of_others_are_left_alone(capsys, windows, tmp_path):
    """A folder with files, one with a comparison and no --resume, a damaged one: refused, nothing written."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.json").write_text("{}")
    code, _, err = run(capsys, "--data", str(windows), *SMALL, "--out", str(other))
    assert (code, sorted(path.name for path in other.iterdir())) == (2, ["results.json"])
    assert "holds no comparison (settings.json). Choose another --out" in " ".join(err.split())
    (other / "settings.json").write_text("{")
    code, _, err = run(capsys, "--data", str(windows), *SMALL, "--out", str(other), "--resume")
    assert code == 2
    assert "settings.json: not readable" in " ".join(err.split())
    code, _, err = run(capsys, "--data", str(windows), *SMALL, "--out", str(other))
    assert code == 2
    assert "holds a comparison. Add --resume to go on with it" in " ".join(err.split())


def test_another_data_set_is_refused(capsys, windows, tmp_path):
    """A folder's models belong to one data set, by content."""
    out = tmp_path / "run"
    out.mkdir()
    plan = Plan(("gru", "rnn"), (4,), seeds=2, recipe=Recipe(epochs=2))
    settings = {"data": "0" * 64, "task": "classification", **plan.fixed()}
    (out / "settings.json").write_text(json.dumps({"schema": 1, "settings": settings, "matched": []}))
    code, _, err = run(capsys, "--data", str(windows), *SMALL, "--out", str(out), "--resume")
    assert code == 2
    assert "of other settings: data 000000000000..., now " in " ".join(err.split())


def test_leaking_subjects_are_warned_of(capsys, tmp_path):
    """Subjects in both parts flatter every cell: said before anything is trained."""
    x = np.random.default_rng(0).normal(0, 1, (20, 5, 2)).astype(np.float32)
    y, who = np.arange(20) % 2, np.arange(20) % 4
    np.savez(tmp_path / "leak.npz", X_train=x, y_train=y, subject_train=who, X_test=x, y_test=y, subject_test=who)
    _, _, err = run(
        capsys, "--data", str(tmp_path / "leak.npz"), "--seeds", "2", "--target", "none", "--out", str(tmp_path / "r")
    )
    assert "warning: 4 subjects (0, 1, 2, 3) are in both train and test; the test figures flatter the model" in " ".join(
        err.split()
    )


@pytest.mark.slow
def test_flash_is_matched_by_linked_images(windows, tmp_path):
    """What untrained networks take is what trained ones take within 1 %, and the images of the cells come within 5 %."""
    plan = Plan(("gru", "rnn"), (6,), "flash", seeds=2, optimize="size", recipe=Recipe(epochs=1))
    found = compare(load_data(str(windows)), plan, tmp_path / "run", jobs=2)
    matched = json.loads((tmp_path / "run" / "settings.json").read_text())["matched"]
    for each, cell in zip(matched, found.cells, strict=True):
        assert cell.units == tuple(each["units"])
        assert cell.cost.flash_image_bytes == pytest.approx(each["size"], rel=0.01)
    gru, rnn = (cell.cost.flash_image_bytes for cell in found.cells)
    assert rnn == pytest.approx(gru, rel=0.05)
    assert found.cells[1].units[0] > 6
