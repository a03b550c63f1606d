""".onnx for other tool chains: QDQ and DynamicQuantizeLSTM with their measured error, .ort, and what a file says of itself."""

import functools
import json
import sys

import numpy as np
import pytest

from edgeseq.errors import MissingExtraError, TargetError
from edgeseq.export.onnx import OPSET, QDQ_OPSET, Labels, OnnxModel, export_float_onnx, export_onnx, export_qdq_onnx
from edgeseq.graph import Graph, Normalization
from edgeseq.graph.reference import forward
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import dequantize_output, quantize_input
from tests.conftest import make_graph, make_quantized, noise, random_codes
from tests.parity.cases import CASES, WINDOW_CASES
from tests.window_models import window_graph

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from edgeseq.export.onnx.ort import to_ort  # noqa: E402 - behind importorskip
from edgeseq.measure.approximation import measure_float, measure_qdq, run_reals  # noqa: E402 - behind importorskip
from edgeseq.measure.comparison import sqnr_db  # noqa: E402 - behind importorskip
from edgeseq.measure.onnx_runner import open_session  # noqa: E402 - behind importorskip

STREAMS = (
    *("gru", "gru reset before", "lstm", "rnn", "three layers", "mixed schemes", "gru, int16x8", "lstm, int16x8"),
    *("gru, int8x4", "gru, int16 input", "mgu, int8", "mingru, int16x8", "fastgrnn_low, int8", "lstm:relu:hard_sigmoid"),
    *("residual gru", "softmax head", "conv before gru", "no state"),
)
WINDOWS = ("bidirectional gru, sequences", "bidirectional lstm, sum", "gru backwards")


@functools.cache
def built(name: str) -> QuantGraph:
    return (CASES if name in CASES else WINDOW_CASES)[name].build()


def raw_windows(graph: QuantGraph) -> np.ndarray:
    return noise(graph.source, (2, graph.window_steps or 30), seed=3)


@pytest.mark.parametrize("name", [*STREAMS, *WINDOWS])
def test_qdq_is_nearer_to_the_oracle_than_the_float_model(name):
    """What the form adds of error is below what quantising itself costs, in outputs and hidden states."""
    graph = built(name)
    x = raw_windows(graph)
    oracle = Oracle(graph, batch=len(x)).run(quantize_input(graph.input, x), keep_states=True)
    outputs, states = run_reals(export_qdq_onnx(graph), x)
    wanted = dequantize_output(graph, oracle.outputs[:, -outputs.shape[1] :])
    reference = forward(graph.source, x).outputs[:, -outputs.shape[1] :]
    assert sqnr_db(wanted, outputs) > sqnr_db(reference, wanted)
    told = measure_qdq(graph, x, oracle)
    assert told.output_max_abs == np.abs(outputs - wanted).max()
    assert told.steps == x.shape[0] * x.shape[1]
    assert (told.state_sqnr_db is None) == (not any(name.endswith("/h") for name in states))
    assert told.state_sqnr_db is None or told.state_sqnr_db > 40


def test_every_product_of_qdq_stands_between_quantised_tensors():
    """Each Gemm reads codes, int8 weights of a scale for each row and an int32 bias in their steps; its result is rounded."""
    model = onnx.load_from_string(export_qdq_onnx(built("lstm")).data)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", QDQ_OPSET)]
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    readers = {name: node.op_type for node in model.graph.node for name in node.input}
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    assert len(products) == 3
    for node in products:
        sources = [made[name] for name in node.input]
        assert {source.op_type for source in sources} == {"DequantizeLinear"}
        x_scale, weight_scale, bias_scale = (stored[source.input[1]] for source in sources)
        weight, bias = (stored[source.input[0]] for source in sources[1:])
        assert (weight.dtype, bias.dtype, weight_scale.shape) == (np.int8, np.int32, weight.shape[:1])
        # Both are rounded to float32 once.
        assert np.allclose(bias_scale, x_scale * weight_scale, rtol=2e-7, atol=0)
        assert readers[node.output[0]] == "QuantizeLinear"


def test_states_of_dynamic_lstm_keep_40_db():
    """One node a layer or a pair of directions; weights in bytes, error against the float model as measured."""
    graph = make_graph("lstm+lstm", 16, 32, 4)
    model, plain = export_float_onnx(graph, "dynamic"), export_float_onnx(graph)
    assert model.operators["DynamicQuantizeLSTM"] == 2
    assert "LSTM" not in model.operators
    assert len(model.data) < 0.4 * len(plain.data)
    told = measure_float(graph, noise(graph, (2, 40), 1), "dynamic")
    assert told.against == "the float model"
    assert told.state_sqnr_db > 40
    both = window_graph("bi lstm concat", 6, 8, 3, sequence=True)
    assert export_float_onnx(both, "dynamic").operators["DynamicQuantizeLSTM"] == 1
    told = measure_float(both, noise(both, (2, 12), 1), "dynamic")
    assert told.state_sqnr_db is None
    assert told.output_max_abs < 0.05


REFUSED = {
    "pooling in qdq": (lambda: export_qdq_onnx(built("mean pooling")), "layer 'average_1': Pool computes on codes"),
    "attention in qdq": (lambda: export_qdq_onnx(built("attention")), "Attention computes on codes"),
    "gru in dynamic": (
        lambda: export_float_onnx(make_graph("lstm+gru", 3, 4, 2), "dynamic"),
        "layer 'gru_1' is a Gru; onnxruntime",
    ),
    "nothing in dynamic": (lambda: export_float_onnx(make_graph("dense", 3, 4, 2), "dynamic"), "model 'case' has none"),
    "qdq as integers": (lambda: export_onnx(built("gru"), "qdq"), r"no form of integers; edgeseq.export.onnx.export_qdq_onnx"),
    "float as integers": (lambda: export_onnx(built("gru"), "float"), r"edgeseq.export.onnx.export_float_onnx"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    """What a form does not have names the layer or the form, and what has it."""
    call, words = REFUSED[name]
    with pytest.raises(TargetError, match=words):
        call()


def test_ort_equals_oracle(tmp_path):
    """The .ort, converted in a process of its own: 0 mismatches in outputs and states; the operators are listed without paths."""
    graph = built("gru")
    model = export_onnx(graph)
    files, again = to_ort(model.data), to_ort(model.data)
    # onnxruntime writes its opset imports in another order in every process: the bytes differ, nothing else does.
    assert len(files.ort) == len(again.ort)
    assert files.operators == again.operators
    operators = files.operators.decode().splitlines()
    assert all(line.startswith("ai.onnx;") for line in operators)
    assert "MatMul" in files.operators.decode()
    (tmp_path / "m.ort").write_bytes(files.ort)
    session = open_session(tmp_path / "m.ort")
    codes = random_codes(graph, 40)
    oracle = Oracle(graph).run(codes[None], keep_states=True)
    state = np.zeros((1, 32), np.int16)
    for at, row in enumerate(codes):
        y, state = session.run(None, {"x": row[None], model.states[0]: state})
        assert np.array_equal(y[0], oracle.outputs[0, at])
        assert np.array_equal(state[0], oracle.states[0, at])


def test_without_onnxruntime(monkeypatch):
    """Conversion and measuring name the extra that brings the runtime."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for call in (lambda: to_ort(b""), lambda: measure_qdq(built("gru"), raw_windows(built("gru")))):
        with pytest.raises(
            MissingExtraError, match=r"onnxruntime is not installed. Install it with: pip install 'edgeseq\[runtimes\]'"
        ):
            call()


def props(model: OnnxModel) -> dict[str, object]:
    """Metadata as `docs/onnx.md` describes it."""
    told = {entry.key: entry.value for entry in onnx.load_from_string(model.data).metadata_props}
    texts = ("version", "model", "form", "scheme")
    return {key.removeprefix("edgeseq."): value if key[8:] in texts else json.loads(value) for key, value in told.items()}


def test_metadata_is_enough_to_feed_the_file():
    """From the properties alone, raw values become the oracle's codes, and integers the real outputs."""
    plain = make_graph("lstm", 5, 6, 3)
    about = Normalization(np.arange(5.0), np.arange(1.0, 6.0))
    source = Graph("case", 5, about, plain.layers, returns_sequence=True, time_steps=None)
    x = about.mean + about.std * noise(source, (4, 12), 3)
    graph = quantize(source, x, "int8")
    labels = Labels(("a", "b", "c"), tuple("vwxyz"), {"rate_hz": 8000, "frame": 256})
    integers = props(export_onnx(graph, labels=labels))
    entry = integers["input"]
    gain, offset = np.float32(entry["gain"]), np.float32(entry["offset"])
    codes = np.clip(np.floor(x.astype(np.float32) * gain + offset + np.float32(0.5)), *entry["range"])
    assert np.array_equal(codes, quantize_input(graph.input, x))
    assert integers["output"] == {"scale": graph.output_scale.value, "softmax_left_out": False}
    assert (integers["opset"], integers["form"], integers["steps"], integers["scheme"]) == (OPSET, "step", 1, "int8")
    for model in (export_onnx(graph, labels=labels), export_qdq_onnx(graph, labels), export_float_onnx(source, labels=labels)):
        told = props(model)
        assert told["class_names"] == ["a", "b", "c"]
        assert told["feature_names"] == list("vwxyz")
        assert told["sampling_rate_hz"] == 8000
        assert told["normalization"]["mean"] == about.mean.tolist()
        assert told["normalization"]["std"] == about.std.tolist()
        assert told["form"] == model.form
    reals = props(export_qdq_onnx(graph))
    assert reals["input"]["scale"] == graph.input.scale.value
    assert reals["opset"] == QDQ_OPSET
    assert "class_names" not in reals


def test_softmax_is_inside_where_edges_are_real():
    """Probabilities come out of the QDQ form, logits of the integers."""
    graph = make_quantized("gru", 4, 5, 3, activation="softmax")
    outputs, _ = run_reals(export_qdq_onnx(graph), noise(graph.source, (1, 5), 1))
    # Sums of three float32.
    assert np.allclose(outputs.sum(-1), 1, rtol=0, atol=1e-6)
    assert props(export_qdq_onnx(graph))["output"]["softmax_left_out"] is False
    assert props(export_onnx(graph))["output"]["softmax_left_out"] is True
