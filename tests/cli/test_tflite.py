"""`edgeseq export --format tflite` and `edgeseq verify --against tflite`."""

import json

import numpy as np
import pytest

from edgeseq.quantize import write_esq
from tests.cli.test_cli import run as run_main
from tests.conftest import make_quantized
from tests.window_models import window_quantized


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """m.esq, a GRU(9) of 6 inputs; w.esq, a bidirectional one; data.npz, a stream of 40 steps."""
    path = tmp_path_factory.mktemp("tflite")
    write_esq(make_quantized("gru", 6, 9, 3), path / "m.esq")
    write_esq(window_quantized("bi gru concat last", 6, 7, 3), path / "w.esq")
    np.savez(path / "data.npz", X=np.random.default_rng(0).normal(0, 1, (1, 40, 6)))
    np.savez(path / "windows.npz", X=np.random.default_rng(0).normal(0, 1, (3, 12, 6)))
    return path


@pytest.fixture
def run(capsys):
    """Runs a command in-process; returns (exit code, stdout, stderr)."""
    return lambda *arguments: run_main(capsys, *map(str, arguments))


def test_export_says_what_it_wrote(folder, run):
    """The JSON names the file's edges, its size and its operators."""
    out = folder / "step.tflite"
    code, stdout, stderr = run("export", folder / "m.esq", "--format", "tflite", "--out", out, "--json")
    assert code == 0, stderr
    document = json.loads(stdout)
    assert document["bytes"] == out.stat().st_size
    assert (document["form"], document["steps"], document["states"]) == ("step", 1, ["gru_0/h"])
    assert [(port["name"], port["shape"], port["dtype"]) for port in document["inputs"]] == [
        ("x", [1, 6], "int8"),
        ("gru_0/h", [1, 9], "int16"),
    ]
    assert document["outputs"][0]["name"] == "y"
    assert document["operators"]["FULLY_CONNECTED"] == 3


def test_every_form_and_precision_is_written(folder, run):
    """Each ends in a file and a table that names its form."""
    for form in ("stateful", "unrolled", "window"):
        out = folder / f"{form}.tflite"
        code, stdout, stderr = run("export", folder / "m.esq", "--format", "tflite", "--form", form, "--steps", 3, "--out", out)
        assert code == 0, stderr
        assert f"{form}, 3 time steps a call" in " ".join(stdout.split())
        assert out.read_bytes()[4:8] == b"TFL3"
    sizes = {}
    for precision in ("int", "float16", "float32"):
        out = folder / f"{precision}.tflite"
        assert run("export", folder / "m.esq", "--format", "tflite", "--precision", precision, "--out", out)[0] == 0
        sizes[precision] = out.stat().st_size
    assert sizes["float16"] < sizes["float32"]


def test_models_of_windows_are_windows_by_default(folder, run):
    """Without --form, and with the model's own length."""
    out = folder / "w.tflite"
    code, stdout, stderr = run("export", folder / "w.esq", "--format", "tflite", "--out", out, "--json")
    assert code == 0, stderr
    document = json.loads(stdout)
    assert (document["form"], document["steps"], document["window_steps"]) == ("window", 12, 12)


WRONG = {
    "suffix": (["--format", "tflite", "--out", "m.lite"], "expected a file that ends in .tflite"),
    "steps missing": (["--format", "tflite", "--form", "unrolled", "--out", "m.tflite"], "give --steps"),
    "target": (["--format", "tflite", "--target", "cortex-m4", "--out", "m.tflite"], "--target: of C projects alone"),
    "wide floats": (
        ["--format", "tflite", "--precision", "float16", "--wide-weights", "--out", "m.tflite"],
        "--wide-weights: of integers alone",
    ),
    "form of C": (["--form", "step", "--out", "c"], "--form: not of C projects"),
    "precision of C": (["--precision", "float32", "--out", "c"], "--precision: not of C projects"),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=list(WRONG))
def test_wrong_options_end_in_a_message(folder, run, monkeypatch, tmp_path, options, words):
    """Exit 2, the reason in words, and nothing written."""
    monkeypatch.chdir(tmp_path)
    code, _, stderr = run("export", folder / "m.esq", *options)
    assert code == 2
    assert words in " ".join(stderr.split())
    assert not list(tmp_path.iterdir())


def test_verify_runs_all_kernels(folder, run):
    """A stream in the forms step and stateful, windows in theirs: 0 mismatches, and no compiler is needed."""
    code, stdout, stderr = run("verify", folder / "m.esq", "--against", "tflite", "--input", folder / "data.npz", "--json")
    assert code == 0, stderr
    rows = json.loads(stdout)["against"]
    assert [row["name"] for row in rows] == [
        "tflite-step, default kernels",
        "tflite-step, builtin kernels",
        "tflite-step, reference kernels",
        "tflite-stateful, default kernels",
    ]
    assert all(row["mismatches"] == 0 for row in rows)
    code, stdout, stderr = run("verify", folder / "w.esq", "--against", "tflite", "--input", folder / "windows.npz", "--json")
    assert [row["mismatches"] for row in json.loads(stdout)["against"]] == [0, 0, 0]
