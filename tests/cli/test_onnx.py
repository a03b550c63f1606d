"""`edgeseq export --format onnx` and `edgeseq verify --against onnx`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from edgeseq.cli.main import edgeseq
from edgeseq.errors import EdgeseqError
from edgeseq.frontend import load_model
from tests.frontend.keras_models import FEATURES, build

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small .keras and windows."""
    folder = tmp_path_factory.mktemp("onnx")
    build("gru").save(folder / "m.keras")
    np.savez(folder / "d.npz", X=np.random.default_rng(0).normal(0, 1, (20, 8, FEATURES)))
    return str(folder / "m.keras"), str(folder / "d.npz")


def run(*words):
    return CliRunner().invoke(edgeseq, list(map(str, words)), obj=list(map(str, words)), catch_exceptions=True)


def test_export_writes_a_checked_file(files, tmp_path):
    """Each form writes a file that onnx' checker accepts; the JSON names its edges."""
    model, data = files
    for form, steps in (("step", ()), ("unrolled", ("--steps", 4)), ("window", ("--steps", 8)), ("float", ())):
        out = tmp_path / f"{form}.onnx"
        calibration = () if form == "float" else ("--calibration", data)
        result = run("export", model, "--format", "onnx", "--form", form, *steps, *calibration, "--out", out, "--json")
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        onnx.checker.check_model(onnx.load(out), full_check=True)
        assert document["format"] == "onnx"
        assert document["bytes"] == out.stat().st_size
        assert document["inputs"][0]["name"] == "x"
    assert load_model(tmp_path / "float.onnx").output_size == load_model(model).output_size


def test_verify_runs_every_level(files):
    """Four levels of onnxruntime's optimiser, 0 mismatches each."""
    model, data = files
    result = run("verify", model, "--calibration", data, "--input", data, "--against", "onnx", "--limit", 24, "--json")
    assert result.exit_code == 0, result.output
    assert [(row["name"], row["mismatches"]) for row in json.loads(result.stdout)["against"]] == [
        (f"onnx-step, {level}", 0) for level in ("disable", "basic", "extended", "all")
    ]


REFUSED = {
    "steps of the float form": (("--form", "float", "--steps", 3), "writes floats as --form float alone"),
    "half floats": (("--precision", "float16"), "no --precision float16"),
    "a stateful form": (("--form", "stateful"), "has no form 'stateful'"),
    "another suffix": ((), "expected a file that ends in .onnx"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name, files, tmp_path):
    """What the format does not have is refused before any work, and nothing is written."""
    options, words = REFUSED[name]
    out = tmp_path / ("m.tflite" if name == "another suffix" else "m.onnx")
    result = run("export", files[0], "--format", "onnx", "--calibration", files[1], *options, "--out", out)
    assert isinstance(result.exception, EdgeseqError)
    assert words in str(result.exception)
    assert not out.exists()
