"""`edgeseq train` as a person and as a script use it: files, JSON, exit codes, Ctrl-C, resuming."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgeseq.cli.main import main
from edgeseq.frontend import load_model

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--cell", "rnn", "--units", "4", "--epochs", "2")


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run a command in-process; returns (exit code, stdout, stderr)."""
    code = 0
    try:
        main(["train", *arguments])
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def windows(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal([0, 50], [1, 20], (60, 6, 2)).astype(np.float32)
    np.savez(tmp_path / "d.npz", X=x, y=(x[:, -1, 0] > 0).astype(int), subject=np.arange(60) // 6)
    return tmp_path / "d.npz"


def test_files_and_json(capsys, windows, tmp_path):
    """A run leaves the model and run.json, which hold what --json says and all that is needed to repeat it."""
    out = tmp_path / "m.keras"
    arguments = ("--data", str(windows), *SMALL, "--out", str(out), "--save-data", str(tmp_path / "saved.npz"), "--json")
    code, text, err = run(capsys, *arguments)
    document, record = json.loads(text), json.loads((tmp_path / "m.run.json").read_text())
    assert code == 0
    assert "note: task: classification" in err
    assert document["test_accuracy"] == record["metrics"]["accuracy"] == document["metrics"]["accuracy"]
    assert (document["cell"], document["units"], document["epochs_run"]) == ("rnn", 4, 2)
    assert record["status"] == "complete"
    assert record["split"]["validation"] == "subjects"
    assert len(record["history"]) == 2
    assert {"loss", "val_loss", "val_accuracy", "learning_rate", "seconds"} <= set(record["history"][0])
    assert record["device"].startswith(("cpu", "gpu"))
    assert {"edgeseq", "keras", "numpy", "python"} <= set(record["versions"])
    assert len(record["data"]["sha256"]) == 64
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npz", "m.keras", "m.run.json", "saved.npz"]
    graph = load_model(out)
    assert np.abs(graph.normalization.mean - [0, 50]).max() < 10


def test_complete_runs_go_on(capsys, windows, tmp_path):
    """With checkpoints kept, --resume trains more epochs, all settings taken from the run; changed data is refused."""
    out = str(tmp_path / "m.keras")
    assert run(capsys, "--data", str(windows), *SMALL, "--seed", "7", "--keep-checkpoints", "--out", out)[0] == 0
    code, text, _ = run(capsys, "--resume", out, "--epochs", "3", "--keep-checkpoints", "--json")
    document = json.loads(text)
    assert (code, document["epochs_run"], document["seed"], document["cell"]) == (0, 3, 7, "rnn")
    code, _, err = run(capsys, "--resume", out, "--units", "9")
    assert code == 2
    assert "leave out --units" in " ".join(err.split())
    arrays = dict(np.load(windows))
    np.savez(windows, **{**arrays, "X": arrays["X"] + 1})
    code, _, err = run(capsys, "--resume", str(tmp_path / "m.run.json"))
    assert code == 2
    assert "the data has changed since" in err


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
from edgeseq.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGINT")
def test_ctrl_c_keeps_the_best_epoch(capsys, windows, tmp_path):
    """Ctrl-C: exit 130, the best model so far, a run.json that says interrupted, and --resume goes on."""
    out = tmp_path / "m.keras"
    command = [
        "train",
        "--data",
        windows,
        "--cell",
        "rnn",
        "--units",
        "4",
        "--epochs",
        "10000",
        "--patience",
        "10000",
        "--out",
        out,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *command], env=environment, stdout=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "m.checkpoints" / "last.npz"
    deadline = time.monotonic() + 120
    while not checkpoint.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=120)
    record = json.loads((tmp_path / "m.run.json").read_text())
    assert (process.returncode, record["status"]) == (130, "interrupted")
    assert "go on with: edgeseq train --resume" in text
    assert len(load_model(out).layers) == 2
    done = record["epochs_run"]
    code, text, _ = run(capsys, "--resume", str(out), "--epochs", str(done + 1), "--json")
    assert (code, json.loads(text)["epochs_run"]) == (0, done + 1)
    assert not checkpoint.exists()


@pytest.mark.skipif(os.name != "posix", reason="needs resource limits")
def test_full_disk_leaves_no_half_written_model(windows, tmp_path):
    """A file that cannot grow: exit 2, a message, and no .keras."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n" + SCRIPT
    command = ["train", "--data", windows, "--cell", "rnn", "--units", "40", "--epochs", "1", "--out", tmp_path / "m.keras"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", limit, *command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.keras"))


def bad_inputs(folder: Path) -> dict[str, tuple[list[str], str]]:
    """Commands that must fail, with words their message must hold."""
    x = np.random.default_rng(0).normal(0, 1, (12, 6, 2))
    np.savez(folder / "steps.npz", X=x, y=np.arange(72).reshape(12, 6) % 2)
    np.savez(folder / "good.npz", X=x, y=np.arange(12) % 2)
    np.savez(folder / "negative.npz", X=x, y=np.arange(12) % 2 - 1)
    (folder / "ragged.csv").write_text("a,b\n1,2\n3\n")
    (folder / "empty").mkdir()
    (folder / "other.run.json").write_text('{"schema": 9}')
    good, out = str(folder / "good.npz"), str(folder / "m.keras")
    return {
        "no data": (["--out", out], "--data and --out are needed"),
        "suffix": (["--data", good, "--out", str(folder / "m.h5")], "must end in .keras"),
        "nowhere": (["--data", good, "--out", f"{good}/m.keras"], "cannot write"),
        "missing": (["--data", "none.npz", "--out", out], "none.npz: no such file"),
        "ragged": (["--data", str(folder / "ragged.csv"), "--out", out], "ragged rows"),
        "empty folder": (["--data", str(folder / "empty"), "--out", out], "holds no .wav files"),
        "negative": (["--data", str(folder / "negative.npz"), "--out", out], "expected classes 0 to C-1"),
        "cell": (["--data", good, "--cell", "mamba", "--out", out], "unknown cell 'mamba'"),
        "units": (["--data", good, "--units", "many", "--out", out], "'many' is no number"),
        "stack": (["--data", good, "--cell", "gru+lstm", "--units", "1,2,3", "--out", out], "do not fit each other"),
        "bidirectional": (["--data", str(folder / "steps.npz"), "--bidirectional", "--out", out], "needs the whole window"),
        "subjects": (["--data", good, "--validation", "subjects", "--out", out], "names no subjects"),
        "option": (["--data", good, "--label", "a", "--out", out], "--label does not apply"),
        "saved": (["--data", good, "--save-data", str(folder / "x.csv"), "--out", out], "must end in .npz"),
        "no run": (["--resume", str(folder / "none.keras")], "no such run"),
        "not a run": (["--resume", str(folder / "good.npz")], "is no run"),
        "other run": (["--resume", str(folder / "other.run.json")], "schema 9"),
    }


def test_bad_input_exits_2_with_one_message(capsys, tmp_path):
    """Each bad input: exit 2, a message that names the thing and the way out, no traceback, no model."""
    for name, (arguments, words) in bad_inputs(tmp_path).items():
        code, out, err = run(capsys, *arguments)
        assert code == 2, (name, out, err)
        assert out == "", name
        assert "Traceback" not in err, name
        assert re.search(words, " ".join(err.split())), (name, err)
    assert not list(tmp_path.glob("m.*"))
