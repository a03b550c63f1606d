"""`edgeseq profile --runtime`: how long a model takes on this host."""

import io
import json
import sys

import numpy as np
import pytest
from rich.console import Console

from edgeseq.errors import EmulationError
from edgeseq.measure import verify as verification
from edgeseq.measure.latency import Latency, RuntimeTime, Times
from edgeseq.measure.latency import session as sessions
from edgeseq.measure.latency.session import Job, Session
from edgeseq.measure.latency.worker import pair_states
from edgeseq.measure.onnx_web_runner import WEB_FOLDER
from edgeseq.measure.pythons import PACKAGES
from edgeseq.quantize import write_esq
from edgeseq.report import tables
from tests.cli.test_cli import run as run_main
from tests.conftest import make_quantized


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """m.esq, a GRU(9) of 6 inputs."""
    path = tmp_path_factory.mktemp("runtimes")
    write_esq(make_quantized("gru", 6, 9, 3), path / "m.esq")
    return path


@pytest.fixture
def run(capsys):
    """Runs a command in-process; returns (exit code, stdout, stderr)."""
    return lambda *arguments: run_main(capsys, *map(str, arguments))


def test_runtimes_are_timed_side_by_side(folder, run):
    """Every field is there for each runtime, and a step of C is the shortest."""
    code, out, err = run("profile", folder / "m.esq", "--runtime", "c,litert,onnxruntime", "--runs", 5, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert (document["form"], document["scheme"], document["batch"]) == ("step", "int8", 1)
    c, *interpreters = document["runtimes"]
    assert [row["name"] for row in interpreters] == ["litert", "onnxruntime"]
    for row in document["runtimes"]:
        call = row["call_ns"]
        assert 0 < call["smallest"] <= call["median"] <= call["p95"] <= call["largest"]
        assert (call["runs"], row["threads"], row["steps"]) == (5, 1, 1)
    for row in interpreters:
        assert row["states"] == 1
        assert row["version"]
        assert row["import_ms"]["runs"] == 3
        assert c["call_ns"]["median"] < row["call_ns"]["median"]
    # The fastest runs, as a busy machine slows some of either.
    assert interpreters[0]["invoke_ns"]["smallest"] < interpreters[0]["call_ns"]["smallest"]
    assert c["import_ms"] is None
    assert c["ratio"] == 1
    assert all(row["ratio"] > 1 for row in interpreters)


def test_a_ratio_is_that_of_the_rounds():
    """A round that the machine slowed down for all leaves the ratio as it is; the medians alone would say 1.5."""
    first, second = Times((10.0, 20.0, 90.0)), Times((20.0, 40.0, 30.0))
    assert second.over(first) == 2
    assert second.median / first.median == 1.5
    assert first.spread_pct == 400


def test_the_table_fits_80_columns():
    """Four runtimes of a slow model: no figure is cut off, and each says its spread."""
    slow, imported = Times((987_654_321.0,) * 3), Times((240.0,))
    rows = tuple(
        RuntimeTime(name, "10.20.30", 123_456_789, 4, 500, 2, imported, 1.0, slow, slow)
        for name in ("tflite-runtime", "litert", "onnxruntime", "c")
    )
    console = Console(width=80, file=io.StringIO())
    console.print(tables.latency(Latency("m", "int16x8", "window", "int", "A long name of a CPU @ 1.80GHz", rows)))
    text = console.file.getvalue()
    assert "…" not in text
    assert sum("123,456,789" in line and "987,654" in line for line in text.splitlines()) == 4
    words = " ".join(text.split())
    assert "tflite-runtime 10.20.30: spread 0 %, 4 threads, imported in 240 ms, 2 states fed back" in words
    assert "measured (this host: A long name of a CPU @ 1.80GHz, 3 runs in turn; spread below)" in words


def test_a_window_is_its_steps(folder, run):
    """A call of 8 steps takes C longer than a step; the float models run as well."""
    arguments = ("profile", folder / "m.esq", "--form", "window", "--steps", 8, "--runs", 3, "--json")
    code, out, err = run(*arguments, "--runtime", "c,litert")
    assert code == 0, err
    for row in json.loads(out)["runtimes"]:
        assert (row["steps"], row["states"]) == (8, 0)
        assert row["step_ns"] == pytest.approx(row["call_ns"]["median"] / 8, abs=1e-3)
    code, out, err = run(*arguments, "--runtime", "litert,onnxruntime", "--precision", "float32")
    assert code == 0, err
    document = json.loads(out)
    assert (document["scheme"], document["precision"]) == (None, "float32")
    assert [row["steps"] for row in document["runtimes"]] == [8, 8]


@pytest.mark.parametrize(
    ("export", "runtime"),
    [(("tflite",), "litert"), (("onnx",), "onnxruntime"), (("onnx", "--form", "float"), "onnxruntime")],
    ids=["tflite", "onnx", "open sizes"],
)
def test_a_file_is_timed_as_it_is(folder, run, tmp_path, export, runtime):
    """Its state is found by its name, or by its shape, and fed back; its size is the file's."""
    path = tmp_path / f"m.{export[0]}"
    assert run("export", folder / "m.esq", "--format", *export, "--out", path)[0] == 0
    code, out, err = run("profile", path, "--runtime", runtime, "--runs", 3)
    assert code == 0, err
    text = " ".join(out.split())
    assert "m (as it is): 1 step a call, batch 1" in text
    assert f"{path.stat().st_size:,}" in text
    assert "measured (this host: " in text
    assert "3 runs" in text
    assert "1 state fed back" in text


PAIRS = {
    "by name": (
        [("x", [1, 4]), ("c", [1, 4]), ("h", [1, 4])],
        [("y", [1, 4]), ("h:new", [1, 4]), ("c:new", [1, 4])],
        [(1, 2), (2, 1)],
    ),
    "by shape": ([("a", [1, 3]), ("b", [1, 4])], [("o", [1, 4]), ("p", [1, 2])], [(1, 0)]),
    "never all": ([("x", [1, 4])], [("y", [1, 4])], []),
}


@pytest.mark.parametrize(("before", "after", "wanted"), PAIRS.values(), ids=list(PAIRS))
def test_states_are_paired(before, after, wanted):
    """An output goes back into the input of its name, else of its shape, but one input stays fresh."""
    edges = [[(name, shape, "int16") for name, shape in ports] for ports in (before, after)]
    assert pair_states(*edges) == wanted


WRONG = {
    "unknown": (["m.esq", "--runtime", "tvm"], "--runtime tvm: unknown; known: c, litert"),
    "form": (["m.esq", "--runtime", "c", "--form", "unrolled"], "c has the forms step, stateful, window"),
    "no steps": (["m.esq", "--runtime", "c", "--form", "window"], "give --steps"),
    "floats in C": (["m.esq", "--runtime", "c", "--precision", "float32"], "c runs int"),
    "target too": (["m.esq", "--runtime", "c", "--target", "cortex-m4"], "Leave it out, or leave out --runtime"),
    "no runtime": (["m.esq", "--threads", "2"], "--threads: of this host's runtimes. Leave it out, or add --runtime"),
    "another's file": (["m.tflite", "--runtime", "onnxruntime"], "can be timed on: litert, tflite-runtime"),
    "form of a file": (["m.tflite", "--runtime", "litert", "--form", "step"], "--form: m.tflite is timed as it is"),
    "file on a core": (["m.tflite", "--target", "cortex-m4"], "Add --runtime litert"),
    "no file": (["none.onnx", "--runtime", "onnxruntime"], "none.onnx: no such file"),
    "broken file": (["m.tflite", "--runtime", "litert"], "litert: refused the model: "),
    "broken onnx": (["m.onnx", "--runtime", "onnxruntime"], "onnxruntime: refused the model: "),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=list(WRONG))
def test_wrong_calls_end_in_a_message(folder, run, monkeypatch, arguments, words):
    """Exit 2 and the reason in words."""
    monkeypatch.chdir(folder)
    for name in ("m.tflite", "m.onnx"):
        (folder / name).write_bytes(b"no model")
    code, _, err = run("profile", *arguments)
    assert code == 2
    assert words in " ".join(err.split())


def test_a_runtime_that_is_absent_names_its_install_line(folder, run, monkeypatch):
    """Both where the environment names a Python without it, and where a module cannot be found."""
    monkeypatch.setenv(PACKAGES["tflite-runtime"].variable, str(folder / "python"))
    code, _, err = run("profile", folder / "m.esq", "--runtime", "tflite-runtime")
    assert code == 2
    assert "pip install tflite-runtime 'numpy<2'" in " ".join(err.split())
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    code, _, err = run("profile", folder / "m.esq", "--runtime", "litert")
    assert code == 2
    assert "pip install 'edgeseq[runtimes]'" in " ".join(err.split())


def test_verify_names_the_runtimes_that_are_there(folder, run, monkeypatch):
    """An unknown name is answered with what there is here; a runtime that is absent ends it before anything runs."""
    monkeypatch.chdir(folder)
    np.savez(folder / "x.npz", X=np.zeros((1, 4, 6)))
    arguments = ("verify", folder / "m.esq", "--input", folder / "x.npz", "--against")
    for package in PACKAGES.values():
        monkeypatch.setenv(package.variable, str(folder / "python"))
    monkeypatch.setenv(WEB_FOLDER, str(folder))
    code, _, err = run(*arguments, "c,tvm")
    assert code == 2
    assert "--against tvm: unknown target or runtime" in " ".join(err.split())
    assert "(this machine has: c, tflite, onnx)" in " ".join(err.split())
    monkeypatch.setattr(verification, "_run_c", None)
    code, _, err = run(*arguments, "c,tflite-micro")
    assert code == 2
    assert "pip install --pre tflite-micro" in " ".join(err.split())


WORKERS = {
    "crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "litert: crashed on the model: SIGSEGV"),
    "hang": ("import time; time.sleep(60)", "litert: gave no answer in 0.5 s"),
    "refusal": ("raise ValueError('no such operator')", "litert: refused the model: no such operator"),
}


@pytest.mark.parametrize(("program", "words"), WORKERS.values(), ids=list(WORKERS))
def test_what_happens_to_a_worker_is_said(monkeypatch, tmp_path, program, words):
    """A runtime that takes its process down, hangs or refuses is an error with a message."""
    worker = tmp_path / "worker.py"
    worker.write_text(program)
    monkeypatch.setattr(sessions, "_WORKER", worker)
    monkeypatch.setattr(sessions, "_TIMEOUT_S", 0.5 if "sleep" in program else 60)
    with pytest.raises(EmulationError, match=words):
        Session(sys.executable, Job("litert", "m.tflite"))
