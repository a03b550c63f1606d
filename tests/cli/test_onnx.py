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
    "steps of the float form": (("--form", "float", "--steps", 3), "writes floats as --form float or dynamic alone"),
    "half floats": (("--precision", "float16"), "no --precision float16"),
    "a stateful form": (("--form", "stateful"), "has no form 'stateful'"),
    "steps of qdq": (("--form", "qdq", "--steps", 3), "qdq is one time step, or the window that the model needs"),
    "qdq in floats": (("--form", "qdq", "--precision", "float32"), "writes floats as --form float or dynamic alone"),
    "dynamic in half floats": (("--form", "dynamic", "--precision", "float16"), "writes floats as --form float or dynamic alone"),
    "dynamic of a gru": (("--form", "dynamic"), "is a Gru; onnxruntime has a dynamically quantised operator of LSTM alone"),
    "wide weights": (("--form", "qdq", "--wide-weights"), "--wide-weights: of .tflite alone"),
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


ORT_ELSEWHERE = {"c": ("m_c", "--ort: not of C projects"), "tflite": ("m.tflite", "--ort: of .onnx alone")}


@pytest.mark.parametrize("file_format", ORT_ELSEWHERE)
def test_ort_is_of_onnx_alone(file_format, files, tmp_path):
    """Another format with --ort is refused before any work."""
    name, words = ORT_ELSEWHERE[file_format]
    result = run("export", files[0], "--format", file_format, "--ort", "--calibration", files[1], "--out", tmp_path / name)
    assert isinstance(result.exception, EdgeseqError)
    assert words in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_qdq_tells_its_error(files, tmp_path):
    """Export measures the error on the calibration data, verify on any; neither calls it exact, nor a mismatch."""
    model, data = files
    out = tmp_path / "m.onnx"
    words = ("export", model, "--format", "onnx", "--form", "qdq", "--calibration", data, "--out", out)
    error = json.loads(run(*words, "--json").stdout)["error"]
    assert (error["name"], error["against"], error["steps"]) == ("onnx-qdq", "the oracle", 160)
    assert error["state_sqnr_db"] > 40
    assert error["output_max_abs"] > 0
    text = " ".join(run(*words).stdout.split())
    assert "onnx-qdq, not exact: state SQNR" in text
    result = run("verify", model, "--calibration", data, "--input", data, "--against", "qdq", "--limit", 24, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["against"] == []
    assert [row["name"] for row in document["approximate"]] == ["onnx-qdq"]


def test_dynamic_lstm_and_ort(files, tmp_path):
    """An LSTM's float model with 8-bit weights, its error told or said to be unknown; --ort writes two files beside it."""
    build("lstm sequences").save(tmp_path / "m.keras")
    out = tmp_path / "m.onnx"
    words = ("export", tmp_path / "m.keras", "--format", "onnx", "--form", "dynamic", "--out", out)
    result = run(*words, "--calibration", files[1], "--ort", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["error"]["against"] == "the float model"
    assert {kind: str(tmp_path / name) for kind, name in FILES.items()} == document["files"]
    assert (tmp_path / "m.ort").read_bytes()[4:8] == b"ORTM"
    assert "DynamicQuantizeLSTM" in (tmp_path / "m.required_operators.config").read_text()
    assert json.loads(run(*words, "--json").stdout)["error"] is None
    assert "Its error is not measured: add --calibration DATA" in " ".join(run(*words).stdout.split())


FILES = {"onnx": "m.onnx", "ort": "m.ort", "operators": "m.required_operators.config"}


def test_names_of_the_training_run_reach_the_file(files, tmp_path):
    """Classes and the sampling rate lie in the .run.json beside the model; a damaged one is named, and nothing is written."""
    build("gru").save(tmp_path / "m.keras")
    record, out = tmp_path / "m.run.json", tmp_path / "m.onnx"
    record.write_text(json.dumps({"data": {"class_names": ["yes", "no"], "feature_settings": {"rate_hz": 16000}}}))
    words = ("export", tmp_path / "m.keras", "--format", "onnx", "--form", "float", "--out", out)
    assert run(*words).exit_code == 0
    told = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert json.loads(told["edgeseq.class_names"]) == ["yes", "no"]
    assert json.loads(told["edgeseq.sampling_rate_hz"]) == 16000
    out.unlink()
    for damaged in ("{", "[]", '{"data": {"feature_settings": 3}}'):
        record.write_text(damaged)
        result = run(*words)
        assert isinstance(result.exception, EdgeseqError)
        assert "m.run.json: not the record of a training run" in str(result.exception)
        assert not out.exists()


def test_ort_without_onnxruntime(files, tmp_path, monkeypatch):
    """The message names the extra; not even the .onnx is written."""
    monkeypatch.setattr("edgeseq.export.onnx.ort.importlib.util.find_spec", lambda _: None)
    out = tmp_path / "m.onnx"
    result = run("export", files[0], "--format", "onnx", "--form", "float", "--ort", "--out", out)
    assert "onnxruntime is not installed. Install it with: pip install 'edgeseq[runtimes]'" in str(result.exception)
    assert not out.exists()
