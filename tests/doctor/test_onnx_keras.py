"""The doctor on .onnx and .keras files: each rule on a file that has the fault, and onnxruntime's own word on it."""

from pathlib import Path

import numpy as np
import pytest

from edgeseq.doctor import diagnose

onnx = pytest.importorskip("onnx", reason="pip install 'edgeseq[onnx]'")

TORCH = Path(__file__).parents[1] / "frontend" / "onnx_files"


def gru(path, opset=17, *, states=False, lengths=False, domain="", **attributes):
    """A GRU of 3 inputs and 2 units; states, lengths: as inputs of the model."""
    floats, helper = onnx.TensorProto.FLOAT, onnx.helper
    weights = {"W": np.zeros((1, 6, 3), np.float32), "R": np.zeros((1, 6, 2), np.float32)}
    names = ["x", "W", "R", "", "lengths" if lengths else "", "h" if states else ""]
    node = helper.make_node("GRU", names, ["y", "y_h"], name="cell", domain=domain, hidden_size=2, **attributes)
    inputs = [helper.make_tensor_value_info("x", floats, [4, 1, 3])]
    inputs += [helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, [1])] * lengths
    inputs += [helper.make_tensor_value_info("h", floats, [1, 1, 2])] * states
    outputs = [helper.make_tensor_value_info("y", floats, None)]
    stored = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph([node], "g", inputs, outputs, stored)
    domains = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), path)


# Name -> (how it is made, severity, rule, whether onnxruntime makes a session of it).
ONNX = {
    "plain": ({}, ("costs", "no_initial_state"), True),
    "layout": ({"layout": 1}, ("blocks", "layout"), False),
    "clip": ({"clip": 3.0}, ("note", "clip"), True),
    "lengths": ({"lengths": True}, ("costs", "sequence_lens"), True),
    "no final state": ({"states": True}, ("wrong", "no_final_state"), True),
    "opset": ({"opset": 27}, ("blocks", "opset"), False),
    "foreign": ({"domain": "my.company"}, ("blocks", "custom_operator"), False),
}


def rules(path, runtime="onnxruntime"):
    return {(finding.severity, finding.rule) for finding in diagnose(path, [runtime]).findings}


@pytest.mark.parametrize("name", ONNX)
def test_onnx_rules(name, tmp_path):
    """Each fault is found, and onnxruntime refuses exactly the files that the doctor says it does."""
    options, expected, runs = ONNX[name]
    path = tmp_path / "m.onnx"
    gru(path, **options)
    assert expected in rules(path)
    assert (diagnose(path).verdict("onnxruntime") != "refused") == runs
    runtime = pytest.importorskip("onnxruntime", reason="pip install 'edgeseq[runtimes]'")
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 4
    if runs:
        runtime.InferenceSession(path, quiet)
    elif name != "opset" or runtime.__version__ == "1.31.1":  # newer ones know newer opsets
        with pytest.raises(Exception, match=r"layout|[Oo]pset|my\.company"):
            runtime.InferenceSession(path, quiet)


def test_files_of_exporters():
    """PyTorch's and tf2onnx's files: a state that is given and returned is no finding, zeros and loops are."""
    assert rules(TORCH / "torch_script_gru_state_input.onnx") == set()
    assert ("costs", "no_initial_state") in rules(TORCH / "torch_script_gru.onnx")
    assert ("costs", "no_initial_state") in rules(TORCH / "torch_dynamo_gru.onnx")
    assert ("costs", "loop") in rules(TORCH / "keras3_gru.onnx")
    assert ("note", "open_axes") in rules(TORCH / "torch_script_gru.onnx")
    assert diagnose(TORCH / "keras3_gru.onnx").verdict("edgeseq") == "runs"


def test_external_data(tmp_path):
    """Weights in a second file are told, and block where that is missing."""
    name = "torch_dynamo_gru_external.onnx"
    assert ("note", "external_data") in rules(TORCH / name)
    (tmp_path / name).write_bytes((TORCH / name).read_bytes())
    assert {("blocks", "external_data"), ("blocks", "not_imported")} <= rules(tmp_path / name, "edgeseq")
    assert ("blocks", "external_data") in rules(tmp_path / name)


def test_refusal_is_the_importers_own(tmp_path):
    """What edgeseq cannot import is told in the words of its reader."""
    gru(tmp_path / "m.onnx", domain="my.company")
    finding = next(finding for finding in diagnose(tmp_path / "m.onnx", ["edgeseq"]).findings if finding.rule == "not_imported")
    assert "my.company" in finding.why


@pytest.mark.parametrize(("cell", "rule"), [("gru", "float_cells"), ("lstm", "dynamic_lstm")])
def test_dynamic_quantisation(cell, rule, tmp_path):
    """Dynamic quantisation of onnxruntime leaves a GRU in floats, and makes an LSTM of its own domain."""
    quantization = pytest.importorskip("onnxruntime.quantization", reason="pip install 'edgeseq[runtimes]'")
    path = tmp_path / "q.onnx"
    source = TORCH / f"torch_script_{cell}.onnx"
    quantization.quantize_dynamic(source, path, op_types_to_quantize=["LSTM", "MatMul", "Gemm", "GRU"])
    found = rules(path)
    assert ("costs", rule) in found
    assert (("costs", "contrib_operator") in found) == (cell == "lstm")
    assert diagnose(path).verdict("edgeseq") == "refused"


def keras_file(path, layers, *, batch=None, steps=8):
    """A Keras model of these layers, saved."""
    import keras

    keras.utils.set_random_seed(0)
    made = [keras.Input(batch_shape=(batch, steps, 4)), *layers(keras.layers), keras.layers.Dense(2)]
    keras.Sequential(made).save(path)


# Name -> (layers, batch, steps, findings of TensorFlow's converter).
KERAS = {
    "open batch": (lambda k: [k.GRU(5)], None, 8, {("blocks", "open_batch"), ("costs", "loop")}),
    "fixed batch": (lambda k: [k.GRU(5)], 1, 8, {("costs", "loop")}),
    "unrolled": (lambda k: [k.GRU(5, unroll=True)], None, 8, {("costs", "unroll")}),
    "stateful": (lambda k: [k.LSTM(5, stateful=True)], 1, 8, {("costs", "loop"), ("wrong", "stateful")}),
    "masked": (
        lambda k: [k.Masking(), k.GRU(5, recurrent_dropout=0.1)],
        1,
        8,
        {("costs", "loop"), ("costs", "masking"), ("note", "recurrent_dropout")},
    ),
    "bidirectional": (lambda k: [k.Bidirectional(k.LSTM(5))], None, 8, {("blocks", "open_batch"), ("costs", "loop")}),
    "code": (lambda k: [k.Lambda(lambda x: 2 * x), k.GRU(5)], 1, 8, {("costs", "loop"), ("costs", "lambda")}),
}


@pytest.mark.parametrize("name", KERAS)
def test_keras_rules(name, tmp_path):
    """What TensorFlow's converter would trip over is found in the config alone."""
    layers, batch, steps, expected = KERAS[name]
    path = tmp_path / "m.keras"
    keras_file(path, layers, batch=batch, steps=steps)
    assert rules(path, "tf-converter") == expected


def test_keras_refusals(tmp_path):
    """What edgeseq refuses is told layer by layer in its own words; a supported model is healthy there."""
    path = tmp_path / "m.keras"
    keras_file(path, lambda k: [k.Lambda(lambda x: 2 * x), k.GRU(5)], batch=1)
    diagnosis = diagnose(path, ["edgeseq"])
    finding = next(finding for finding in diagnosis.findings if finding.severity == "blocks")
    assert (finding.rule, diagnosis.healthy) == ("not_supported", False)
    assert "Python code inside the file" in finding.why
    keras_file(path, lambda k: [k.GRU(5, dropout=0.2)])
    diagnosis = diagnose(path, ["edgeseq"])
    assert diagnosis.healthy
    assert [finding.severity for finding in diagnosis.findings] == ["note"]
