"""The exported .onnx computes the oracle's integers on onnxruntime at every level of optimisation; floats within rounding."""

import functools

import numpy as np
import pytest

from edgeseq.errors import TargetError
from edgeseq.export.onnx import OPSET, export_float_onnx, export_onnx
from edgeseq.export.onnx.emit import EMITTERS
from edgeseq.export.operators import lower
from edgeseq.frontend import load_model
from edgeseq.graph import Bidirectional, Graph, Normalization
from edgeseq.graph.reference import forward
from edgeseq.quantize import QuantGraph
from edgeseq.simulate import Oracle
from tests.conftest import make_graph, noise, random_codes
from tests.parity.cases import CASES, WINDOW_CASES
from tests.window_models import random_windows, window_graph

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from edgeseq.measure.litert_runner import states_of_calls  # noqa: E402 - behind importorskip
from edgeseq.measure.onnx_runner import LEVELS, run_onnx  # noqa: E402 - behind importorskip

STEPS = 12


@functools.cache
def built(name: str) -> QuantGraph:
    return CASES[name].build()


def windows(graph: QuantGraph, steps: int = STEPS) -> np.ndarray:
    """Noise over all codes, and the lowest and the highest in turn; (2, steps, features)."""
    random = random_codes(graph, steps, seed=5)
    low, high = graph.input.code_range
    flip = np.broadcast_to(np.where(np.arange(steps)[:, None] % 2 == 0, high, low), random.shape)
    return np.stack([random, flip]).astype(random.dtype)


def assert_exact(graph: QuantGraph, form: str, steps: int | None, x: np.ndarray, level: str) -> None:
    model = export_onnx(graph, form, steps)
    got = run_onnx(model, x, level)
    wanted = Oracle(graph, batch=len(x)).run(x, keep_states=True)
    assert np.array_equal(got.outputs, wanted.outputs[:, -got.outputs.shape[1] :])
    if model.states:
        assert np.array_equal(got.states, states_of_calls(graph, model.steps, wanted))


@pytest.mark.parametrize("name", CASES)
def test_step_equals_oracle(name):
    """Every output and state of two streams, the levels in turn over the cases: 0 mismatches."""
    level = list(LEVELS)[list(CASES).index(name) % len(LEVELS)]
    assert_exact(built(name), "step", None, windows(built(name)), level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["gru", "lstm", "gru, int16x8", "lstm, int16x8", "gru, int8x4", "mean pooling"])
@pytest.mark.parametrize("form", ["step", "unrolled", "window"])
def test_forms_equal_oracle_at_every_level(name, form, level):
    """Each form, each level of onnxruntime's optimiser: 0 mismatches."""
    assert_exact(built(name), form, None if form == "step" else 4, windows(built(name), 4 if form == "window" else STEPS), level)


@pytest.mark.parametrize("name", WINDOW_CASES)
def test_whole_window_equals_oracle(name):
    """Models of whole windows, attention included: 0 mismatches."""
    graph = WINDOW_CASES[name].build()
    assert_exact(graph, "window", None, random_windows(graph, 3), "all")


def test_every_operator_of_the_lowerings_is_printed():
    """No integer operator that any case lowers to is missing, and none is printed that no case has."""
    forms = [(built(name), "step") for name in CASES] + [(built(name), "window") for name in CASES]
    programs = [lower(graph, form, 3 if form == "window" else None) for graph, form in forms]
    programs += [lower(case.build(), "window") for case in WINDOW_CASES.values()]
    used = {type(operator) for program in programs for operator in program.operators}
    assert used == set(EMITTERS)


def test_metadata_tells_how_to_feed_it():
    """The scheme, the input's formula and the output's scale lie in metadata_props, with edgeseq's version."""
    model = onnx.load_from_string(export_onnx(built("gru")).data)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert {"edgeseq.version", "edgeseq.scheme", "edgeseq.input", "edgeseq.output"} <= set(told)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]


FLOATS = {
    "gru": "gru",
    "reset before": "gru_before",
    "lstm": "lstm",
    "rnn": "rnn",
    "stack": "gru+lstm+rnn",
    "relu cell": "gru:relu:hard_sigmoid",
    "hard lstm": "lstm:tanh:hard_sigmoid",
    "convolution": "conv3+gru",
    "token ids": "embedding+gru",
}


def run_float(graph: Graph, x: np.ndarray, pieces: int = 1) -> np.ndarray:
    """Outputs for windows (n, time, features), fed in pieces with the states handed on."""
    model = export_float_onnx(graph)
    session = ort.InferenceSession(model.data)
    feeds = {port.name: np.zeros((1, len(x), port.tensor.units), np.float32) for port in model.inputs[1:]}
    outputs = []
    for piece in np.split(x.astype(model.inputs[0].tensor.dtype), pieces, axis=1):
        y, *after = session.run(None, {"x": piece, **feeds})
        feeds = dict(zip(feeds, after, strict=True))
        outputs.append(y)
    return np.concatenate(outputs, axis=1)


@pytest.mark.parametrize("name", FLOATS)
def test_float_model_computes_the_reference(name):
    """Any batch, any number of steps, whole and in two pieces with states handed on: float32 rounding alone."""
    graph = make_graph(FLOATS[name], 1 if name == "token ids" else 5, 6, 3)
    x = noise(graph, (3, 10), 1)
    wanted = forward(graph, x).outputs
    # onnxruntime computes in float32: about 1e-7 a step, over 10 steps.
    assert np.allclose(run_float(graph, x), wanted, rtol=0, atol=2e-6)
    if name != "convolution":
        assert np.allclose(run_float(graph, x, pieces=2), wanted, rtol=0, atol=2e-6)


BOTH = {
    f"{kind}, {merge}{', last' if last else ''}": f"bi {kind} {merge}{' last' if last else ''}"
    for kind in ("gru", "lstm", "rnn")
    for merge in ("concat", "sum", "mul", "ave")
    for last in (False, True)
} | {
    "functions of their own": "bi gru:relu:hard_sigmoid gru:tanh:sigmoid concat",
    "two layers": "bi gru concat + bi lstm sum last",
    "reset before": "bi gru_before sum",
}


@pytest.mark.parametrize("name", BOTH)
def test_both_directions_are_one_node(name, tmp_path):
    """A bidirectional layer is a single node, computes the float64 reference, and is read back as the layer it was."""
    graph = window_graph(BOTH[name], 4, 5, 3, sequence="last" not in BOTH[name])
    file = export_float_onnx(graph)
    assert sum(file.operators.get(op, 0) for op in ("GRU", "LSTM", "RNN")) == BOTH[name].count("bi ")
    x = noise(graph, (3, 12), 1)
    wanted = forward(graph, x).outputs
    assert np.allclose(run_float(graph, x), wanted if graph.returns_sequence else wanted[:, -1], rtol=0, atol=1e-6)
    (tmp_path / "m.onnx").write_bytes(file.data)
    again = load_model(tmp_path / "m.onnx")
    assert sum(isinstance(layer, Bidirectional) for layer in again.layers) == BOTH[name].count("bi ")
    assert np.allclose(forward(again, x).outputs[:, -1], wanted[:, -1], rtol=0, atol=1e-6)


UNLIKE = {"two cells": "bi gru lstm concat", "two ways to reset": "bi gru gru_before sum"}


@pytest.mark.parametrize("name", UNLIKE)
def test_unlike_halves_are_two_nodes(name):
    """Halves that no single node holds are two, one between two reversals."""
    graph = window_graph(UNLIKE[name], 4, 5, 3, sequence=True)
    assert sum(export_float_onnx(graph).operators.get(op, 0) for op in ("GRU", "LSTM", "RNN")) == 2
    x = noise(graph, (3, 12), 1)
    assert np.allclose(run_float(graph, x), forward(graph, x).outputs, rtol=0, atol=1e-6)


def test_float_model_normalises_its_input():
    """The normalisation is part of the file."""
    plain = make_graph("gru", 5, 6, 3)
    about = Normalization(np.arange(5.0), np.arange(1.0, 6.0))
    graph = Graph("case", 5, about, plain.layers, returns_sequence=True, time_steps=None)
    x = noise(graph, (2, 6), 3)
    assert np.allclose(run_float(graph, x), forward(graph, x).outputs, rtol=0, atol=2e-6)


def test_what_we_write_we_read(tmp_path):
    """The float file comes back as the same graph."""
    graph = make_graph("gru+lstm", 5, 6, 3)
    (tmp_path / "m.onnx").write_bytes(export_float_onnx(graph).data)
    again = load_model(tmp_path / "m.onnx")
    x = noise(graph, (2, 6), 3)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in graph.layers]
    assert np.allclose(forward(again, x).outputs, forward(graph, x).outputs, rtol=0, atol=1e-6)


def test_floats_without_an_operator_are_refused():
    """A cell that ONNX does not have names the form that has it."""
    with pytest.raises(TargetError, match="layer 'mgu_0': Mgu has no float ONNX operator; it has one as integers"):
        export_float_onnx(make_graph("mgu", 5, 6, 3))
