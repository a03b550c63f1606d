"""`edgeseq quantize`: schemes, and the explanation of what they cost."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgeseq.cli.main import main
from tests.cli.test_cli import run
from tests.frontend.keras_models import build


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("model") / "m.keras"
    build("normalized").save(path)
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    path: Path = tmp_path_factory.mktemp("data") / "windows.npz"
    np.savez(path, X=np.random.default_rng(0).normal([0, 5, -3, 1, 100], [1, 2, 0.1, 10, 30], (40, 8, 5)).astype(np.float32))
    return str(path)


def test_explain_names_the_costliest_layer(capsys, model, data, tmp_path):
    """--explain lists the input, every integer tensor and every layer; the costliest one is that of least SQNR."""
    command = ("quantize", model, "--calibration", data, "--explain", "--out", str(tmp_path / "m.esq"))
    code, text, _ = run(capsys, *command, "--json")
    assert code == 0
    found = json.loads(text)["explanation"]
    tensors = {(row["layer"], row["tensor"]) for row in found["tensors"]}
    gru, dense = found["layers"][1]["layer"], found["layers"][2]["layer"]
    assert tensors == {("input", "x"), (gru, "input_part"), (gru, "recurrent_part"), (gru, "h"), (dense, "before_activation")}
    assert found["costliest"] == min(found["layers"], key=lambda row: row["output_sqnr_db"])["layer"]
    assert all(row["sqnr_db"] > 30 and row["saturated"] < 0.01 for row in found["tensors"])
    code, text, _ = run(capsys, *command)
    assert code == 0
    assert f"{found['costliest']} costs most" in text
    assert max(len(line) for line in text.splitlines()[1:]) <= 80


def test_explain_finds_the_layer_that_was_spoilt(capsys, model, data, tmp_path):
    """With 4-bit weights in the GRU alone, it costs most."""
    command = ["quantize", model, "--calibration", data, "--explain", "--out", str(tmp_path / "m.esq"), "--json"]
    layers = json.loads(run(capsys, *command)[1])["explanation"]["layers"]
    spoilt = json.loads(run(capsys, *command, "--layer-scheme", f"{layers[1]['layer']}=int8x4")[1])["explanation"]
    assert spoilt["costliest"] == layers[1]["layer"]
    assert spoilt["layers"][1]["output_sqnr_db"] < layers[1]["output_sqnr_db"] - 6


def test_schemes_from_the_command_line(capsys, model, data, tmp_path):
    """--scheme and --layer-scheme reach the file; 4-bit weights take about half the bytes, Dense keeps 8 bits."""
    command = ["quantize", model, "--calibration", data, "--out", str(tmp_path / "m.esq"), "--json"]
    documents = {
        scheme: json.loads(run(capsys, *command, "--scheme", scheme)[1]) for scheme in ("int8", "int16x8", "int8x4", "int16x4")
    }
    assert [document["scheme"] for document in documents.values()] == list(documents)
    weights = {scheme: document["weight_bytes"] for scheme, document in documents.items()}
    # GRU(6) on 5 features, rows of 5 weights rounded up to 3 bytes; Dense 6 x 3.
    assert weights == {"int8": 18 * 11 + 18, "int16x8": 18 * 11 + 18, "int8x4": 18 * 6 + 18, "int16x4": 18 * 6 + 18}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scheme", "int3"], "'int3' is not one of"),
        (["--layer-scheme", "gru"], "expected LAYER=SCHEME with one of int8, int16x8, int8x4, int16x4"),
        (["--layer-scheme", "nope=int8"], "a scheme is given for layer 'nope'; the model has"),
        (["--ranges", "widest"], "'widest' is not one of"),
        (["--explain"], "--explain needs --calibration DATA"),
    ],
    ids=["scheme", "no scheme", "no layer", "ranges", "explain"],
)
def test_bad_options(capsys, model, data, tmp_path, options, words):
    """Each leaves with code 2, says what was expected, and writes nothing."""
    calibration = [] if "--explain" in options else ["--calibration", data]
    with pytest.raises(SystemExit) as leaving:
        main(["quantize", model, *calibration, *options, "--out", str(tmp_path / "m.esq")])
    assert leaving.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "m.esq").exists()
