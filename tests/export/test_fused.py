"""LSTM as TFLite's fused operator: what is written, what runs, how near it is, what is refused."""

import json

import numpy as np
import pytest
import tflite

from edgeseq.errors import TargetError
from edgeseq.export.tflite import export_float_tflite, export_tflite
from edgeseq.measure.fused import run_fused
from edgeseq.measure.litert_worker import KERNELS, LitertModel
from edgeseq.measure.verify import verify
from edgeseq.quantize import QuantGraph, write_esq
from tests.cli.test_cli import run as run_main
from tests.conftest import make_graph, make_quantized, noise, random_codes
from tests.window_models import window_quantized


@pytest.fixture(scope="module")
def lstm() -> QuantGraph:
    return make_quantized("lstm", 16, 32, 10)


def operators(data: bytes) -> list[tflite.Operator]:
    graph = tflite.Model.GetRootAsModel(data, 0).Subgraphs(0)
    return [graph.Operators(at) for at in range(graph.OperatorsLength())]


def test_one_operator_with_its_state_in_variables(lstm):
    """A layer is one operator of 24 inputs; its int8 and int16 variables carry the states, and no input does."""
    model = export_tflite(lstm, "fused")
    assert model.operators["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 1
    graph = tflite.Model.GetRootAsModel(model.data, 0).Subgraphs(0)
    tensors = [graph.Tensors(at) for at in range(graph.TensorsLength())]
    held = {t.Name().decode(): (t.Type(), t.Quantization().Scale(0)) for t in tensors if t.IsVariable()}
    (layer,) = lstm.recurrent
    assert held == {
        "lstm_0/h": (tflite.TensorType.INT8, 2.0**-7),
        "lstm_0/c": (tflite.TensorType.INT16, 2.0 ** (layer.cell_shift - 15)),
    }
    assert [port.name for port in (*model.inputs, *model.outputs)] == ["x", "y"]
    (fused,) = [op for op in operators(model.data) if op.InputsLength() == 24]
    types = {tensors[number].Type() for number in fused.InputsAsNumpy() if number >= 0}
    assert types == {tflite.TensorType.INT8, tflite.TensorType.INT16, tflite.TensorType.INT32}
    assert len(model.data) < len(export_tflite(lstm, "step").data)


# Name -> (layers, inputs, units, outputs, options of the quantisation). The least SQNR of state and output below is what
# 8 bits of hidden state and of weights per gate leave with these draws of coarse weights.
MODELS = {
    "one layer": ("lstm", 16, 32, 10, {}),
    "two layers": ("lstm+lstm", 6, 11, 4, {}),
    "int16 input": ("lstm", 7, 13, 3, {"input_dtype": "int16"}),
    "sigmoid head": ("lstm", 6, 10, 1, {"activation": "sigmoid"}),
    "dense between": ("lstm+dense", 6, 10, 3, {}),
    "wide cell": ("lstm", 9, 16, 6, {"gain": 2.0}),
}


@pytest.mark.parametrize("name", MODELS)
def test_near_the_float_model_on_every_kernel(name):
    """At least 25 dB of hidden states and outputs, the same on all kernels, and less than the exact form has of states."""
    kinds, inputs, units, outputs, options = MODELS[name]
    graph = make_quantized(kinds, inputs, units, outputs, **options)
    checked = verify(graph, noise(graph.source, (2, 100), 3), formats=["tflite-fused"], host=False)
    (fused,) = checked.inexact
    assert 25 < fused.fidelity.state_sqnr_db < checked.fidelity.state_sqnr_db
    assert fused.fidelity.output_sqnr_db > 25
    codes = random_codes(graph, 30)[None]
    runs = [LitertModel(export_tflite(graph, "fused").data, kernels).run(codes) for kernels in KERNELS]
    assert all(np.array_equal(run.outputs, runs[0].outputs) for run in runs)


def test_state_lasts_between_calls_until_it_is_reset(lstm):
    """Calls of one step and of ten give the same stream; a window after another starts from zeros again."""
    codes = np.stack([random_codes(lstm, 40)] * 2)
    one, ten = (LitertModel(export_tflite(lstm, "fused", steps).data).run(codes) for steps in (None, 10))
    assert np.array_equal(one.outputs, ten.outputs)
    assert np.array_equal(one.states[:, 9::10], ten.states)
    assert np.array_equal(one.outputs[0], one.outputs[1])
    restarted = run_fused(lstm, codes[:, 20:])[0]
    assert not np.array_equal(restarted[0], one.outputs[0, 20:])


def test_metadata_says_that_it_is_not_exact(lstm):
    """A reader of the file can tell it from the forms that compute the oracle's integers."""
    model = tflite.Model.GetRootAsModel(export_tflite(lstm, "fused", 4).data, 0)
    text = next(model.Buffers(model.Metadata(i).Buffer()).DataAsNumpy() for i in range(model.MetadataLength()))
    about = json.loads(bytes(text))
    assert (about["form"], about["steps"], about["exact"]) == ("fused", 4, False)
    assert about["states"] == ["lstm_0/h", "lstm_0/c"]


REFUSED = {
    "another cell": (lambda: make_quantized("gru", 5, 7, 3), "first layer, 'gru_0', is Gru; the fused operator is an LSTM"),
    "another cell behind": (lambda: make_quantized("lstm+gru", 5, 7, 3), "layer 'gru_1': Gru behind a fused LSTM"),
    "pooling behind": (lambda: make_quantized("lstm+average+dense", 5, 7, 3), "Pool behind a fused LSTM"),
    "other functions": (lambda: make_quantized("lstm:relu:sigmoid", 5, 7, 3), "activation 'relu' and .*tanh and sigmoid alone"),
    "int16 products": (lambda: make_quantized("lstm", 5, 7, 3, scheme="int16x8"), "products of int16 .*--scheme int8"),
    "4 bits": (lambda: make_quantized("lstm", 5, 7, 3, scheme="int8x4"), "4-bit weights; .*--scheme int8"),
    "whole windows": (lambda: window_quantized("bi lstm sum", 5, 7, 3), "has no form 'fused'.*--form window"),
}


@pytest.mark.parametrize(("build", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_the_kernel_cannot_run_is_refused(build, words):
    """The reason names the layer and what to do."""
    with pytest.raises(TargetError, match=words):
        export_tflite(build(), "fused")


def test_steps_and_floats_are_refused(lstm):
    """A call has 1 to 32767 steps; floats have other forms."""
    with pytest.raises(TargetError, match="40000 steps; expected 1 to 32767"):
        export_tflite(lstm, "fused", 40_000)
    with pytest.raises(TargetError, match="integers alone"):
        export_float_tflite(make_graph("lstm", 5, 7, 3), "fused")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """m.esq, an LSTM(9) of 6 inputs; g.esq, a GRU; data.npz, a stream of 300 steps."""
    path = tmp_path_factory.mktemp("fused")
    write_esq(make_quantized("lstm", 6, 9, 3), path / "m.esq")
    write_esq(make_quantized("gru", 6, 9, 3), path / "g.esq")
    np.savez(path / "data.npz", X=np.random.default_rng(0).normal(0, 1, (1, 300, 6)))
    return path


def test_export_states_its_error(folder, capsys):
    """With data the error beside that of the other forms, without it how to measure it; always that it is not exact."""
    asked = ("export", folder / "m.esq", "--format", "tflite", "--form", "fused", "--out", folder / "f.tflite")
    code, stdout, stderr = run_main(capsys, *map(str, asked))
    assert code == 0, stderr
    assert "Not the oracle's integers" in " ".join(stdout.split())
    assert "--against tflite-fused" in " ".join(stdout.split())
    code, stdout, stderr = run_main(capsys, *map(str, (*asked, "--calibration", folder / "data.npz", "--json")))
    assert code == 0, stderr
    document = json.loads(stdout)
    assert document["exact"] is False
    assert 25 < document["fidelity"]["state_sqnr_db"] < document["fidelity_of_other_forms"]["state_sqnr_db"]
    code, stdout, stderr = run_main(capsys, *map(str, (*asked, "--calibration", folder / "data.npz")))
    assert "Measured on 300 steps of the calibration data" in " ".join(stdout.split())


def test_verify_states_its_error(folder, capsys):
    """An error is no mismatch: exit 0, and the figure beside the oracle's own."""
    asked = ("verify", folder / "m.esq", "--against", "tflite-fused", "--input", folder / "data.npz")
    code, stdout, stderr = run_main(capsys, *map(str, (*asked, "--json")))
    assert code == 0, stderr
    document = json.loads(stdout)
    assert document["against"] == []
    (row,) = document["inexact"]
    assert row["name"] == "tflite-fused"
    assert 25 < row["fidelity"]["state_sqnr_db"] < document["fidelity"]["state_sqnr_db"]
    assert 0.9 < row["fidelity"]["agreement"] <= 1
    code, stdout, _ = run_main(capsys, *map(str, asked))
    assert "tflite-fused against the float model: state SQNR" in " ".join(stdout.split())


WRONG = {
    "export of a GRU": (["export", "g.esq", "--format", "tflite", "--form", "fused", "--out", "x.tflite"], "is Gru; the fused"),
    "verify of a GRU": (["verify", "g.esq", "--against", "tflite-fused", "--input", "data.npz"], "is Gru; the fused operator"),
    "onnx": (["export", "m.esq", "--format", "onnx", "--form", "fused", "--out", "x.onnx"], "has no form 'fused'"),
    "floats": (
        ["export", "m.esq", "--format", "tflite", "--form", "fused", "--precision", "float16", "--out", "x.tflite"],
        "--form fused is int8 with 8-bit weights; leave out --precision",
    ),
    "data that is not there": (
        ["export", "m.esq", "--format", "tflite", "--form", "fused", "--calibration", "no.npz", "--out", "x.tflite"],
        "no.npz",
    ),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=list(WRONG))
def test_wrong_use_ends_in_a_message(folder, capsys, monkeypatch, words, message):
    """Exit 2, the reason, and no file."""
    monkeypatch.chdir(folder)
    code, _, stderr = run_main(capsys, *words)
    assert code == 2
    assert message in " ".join(stderr.split())
    assert not (folder / words[-1]).with_name("x.tflite").exists()
