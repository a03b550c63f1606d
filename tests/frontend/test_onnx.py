"""ONNX models of PyTorch and tf2onnx become the graph that they compute; what cannot says which node, why, and what to do."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgeseq.cli.main import edgeseq
from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend import inspect_model, load_model
from edgeseq.graph import Bidirectional, Graph, Gru, Lstm, Residual, SimpleRnn
from edgeseq.graph.reference import forward

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - behind importorskip

FOLDER = Path(__file__).parent / "onnx_files"
UNROLLED = "torch_dynamo_rnn_tanh"
FILES = sorted(path.stem for path in FOLDER.glob("*.onnx") if path.stem != UNROLLED)


def runtime_and_graph(path: Path) -> tuple[np.ndarray, np.ndarray, Graph]:
    """Outputs of onnxruntime and of the graph's float64 meaning on the same random windows, in onnxruntime's layout."""
    session = ort.InferenceSession(path)
    main, *states = session.get_inputs()
    time_first = "time_first" in path.stem
    open_sizes = (8, 2) if time_first else (2, 8)
    shape = [size if isinstance(size, int) else open_sizes[at] for at, size in enumerate(main.shape)]
    rng = np.random.default_rng(0)
    x = rng.integers(0, 11, shape) if "int64" in main.type else rng.normal(0, 1, shape).astype(np.float32)
    feeds = {main.name: x} | {state.name: np.zeros(state.shape, np.float32) for state in states}
    wanted = session.run(None, feeds)[0]
    graph = load_model(path)
    windows = x.astype(float)[..., None] if x.ndim == 2 else x
    outputs = forward(graph, windows.swapaxes(0, 1) if time_first else windows).outputs
    if not graph.returns_sequence:
        return wanted, outputs[:, -1], graph
    return wanted, outputs.swapaxes(0, 1) if time_first else outputs, graph


@pytest.mark.parametrize("name", FILES)
def test_graph_computes_what_onnxruntime_computes(name):
    """Outputs of the graph in float64 equal onnxruntime's of the same file within float32 rounding."""
    wanted, got, _ = runtime_and_graph(FOLDER / f"{name}.onnx")
    assert got.shape == wanted.shape
    # onnxruntime computes in float32: about 1e-7 a step, over 8 steps and a few layers.
    assert np.allclose(got, wanted, rtol=0, atol=1e-6)


SHAPES = {
    "torch_script_gru_two_layers": [Gru, Gru],
    "torch_dynamo_gru_both_final": [Bidirectional, Bidirectional],
    "torch_script_residual": [Gru, Residual],
    "keras3_gru": [Gru],
    "keras3_rnn": [SimpleRnn, SimpleRnn],
    "keras3_lstm_hard": [Lstm],
    "torch_script_gru_forward_half": [Gru],
}


@pytest.mark.parametrize("name", SHAPES)
def test_nodes_become_the_layers_they_amount_to(name):
    """The many nodes of an exporter, loops included, become the few layers that the model was built of."""
    layers = load_model(FOLDER / f"{name}.onnx").layers
    assert [type(layer) for layer in layers][: len(SHAPES[name])] == SHAPES[name]


def test_a_step_model_with_its_state_outside_is_a_stream():
    """A state that is input and output becomes the stream's own; inspect says so."""
    graph = load_model(FOLDER / "torch_script_gru_step.onnx")
    assert graph.time_steps is None
    assert graph.window_reason is None
    rows = inspect_model(FOLDER / "torch_script_gru_step.onnx").layers
    assert [row.reason for row in rows if row.kind == "GRU"] == ["'h0': the stream's own state, zero after reset"]


def test_standardisation_joins_the_input():
    """A mean and a standard deviation in front of the model become its normalisation."""
    graph = load_model(FOLDER / "torch_script_gru_standardised.onnx")
    assert graph.normalization is not None
    assert np.allclose(graph.normalization.mean, [0, 1, -2, 0.5, 3])
    assert np.allclose(graph.normalization.std, [1, 2, 0.5, 4, 1.5])


def test_every_command_takes_an_onnx_model(tmp_path):
    """Inspect, quantize, export, verify and profile work on the file itself."""
    data = tmp_path / "d.npz"
    np.savez(data, X=np.random.default_rng(0).normal(0, 1, (20, 8, 5)))
    model, runner = str(FOLDER / "torch_script_gru.onnx"), CliRunner()
    commands = {
        "inspect": [],
        "quantize": ["--calibration", data, "--out", tmp_path / "m.esq"],
        "export": ["--calibration", data, "--out", tmp_path / "c"],
        "verify": ["--calibration", data, "--input", data],
        "profile": ["--calibration", data, "--target", "cortex-m4"],
    }
    for command, options in commands.items():
        words = [command, model, *map(str, options), "--json"]
        result = runner.invoke(edgeseq, words, obj=words, catch_exceptions=False)
        assert result.exit_code == 0, (command, result.output)
        document = json.loads(result.stdout)
        if command == "verify":
            assert [row["mismatches"] for row in document["against"]] == [0]


WEIGHTS = np.random.default_rng(1).normal(0, 0.5, (1, 12, 5)).astype(np.float32)
RECURRENT = np.random.default_rng(2).normal(0, 0.5, (1, 12, 4)).astype(np.float32)


def model_of(nodes, outputs=("y",), weights=(), *, shape=("b", "t", 5), opset=17, elem=TensorProto.FLOAT, domain=""):
    """A model that reads x, and W and R of a GRU of 4 units."""
    stored = {"W": WEIGHTS, "R": RECURRENT, "minus_one": np.array(-1), "zero": np.array([0])} | dict(weights)
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", elem, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()],
    )
    opsets = [helper.make_opsetid(domain, opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def node(op, inputs, outputs, name="n", **attributes):
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


TURN = node("Transpose", ["x"], ["xt"], "turn", perm=[1, 0, 2])


def gru(**options):
    return node("GRU", options.pop("inputs", ["xt", "W", "R"]), ["s", "h"], "cell", hidden_size=4, **options)


HEAD = [node("Squeeze", ["h", "zero"], ["y"], "head")]

# name: (model, words of the message)
REFUSED = {
    "unknown operator": (
        lambda: model_of([TURN, gru(), node("NonZero", ["h"], ["y"], "strange")]),
        "layer 'strange': no integer form of the operator NonZero .* supported operators: GRU, LSTM",
    ),
    "foreign domain": (
        lambda: model_of([TURN, gru(), helper.make_node("Gelu", ["h"], ["y"], "mine", domain="com.microsoft")]),
        "layer 'mine': operator Gelu of domain 'com.microsoft' is no standard ONNX operator; export the float model",
    ),
    "trained initial state": (
        lambda: model_of(
            [TURN, gru(inputs=["xt", "W", "R", "", "", "h0"]), *HEAD], weights={"h0": np.full((1, 1, 4), 0.3, np.float32)}
        ),
        r"layer 'cell': starts from a state of its own \(values up to 0.3\)",
    ),
    "sequence lengths": (
        lambda: model_of([TURN, gru(inputs=["xt", "W", "R", "", "lens"]), *HEAD], weights={"lens": np.array([3, 5], np.int32)}),
        "sequence_lens gives windows lengths of their own",
    ),
    "clip": (lambda: model_of([TURN, gru(clip=3.0), *HEAD]), "clip=3 limits what enters the gates"),
    "elu inside": (lambda: model_of([TURN, gru(activations=["Sigmoid", "Elu"]), *HEAD]), "Elu has no integer form inside a cell"),
    "direction": (lambda: model_of([TURN, gru(direction="sideways"), *HEAD]), "direction='sideways'; expected one of forward"),
    "first step": (
        lambda: model_of([TURN, gru(), node("Gather", ["s", "nought"], ["y"], "pick", axis=0)], weights={"nought": np.array(0)}),
        r"layer 'pick': takes time steps 0 to 1 of .*Take \[:, -1\]",
    ),
    "every second step": (
        lambda: model_of(
            [TURN, gru(), node("Slice", ["s", "a", "b", "a", "two"], ["y"], "cut")],
            weights={"a": np.array([0]), "b": np.array([8]), "two": np.array([2])},
        ),
        "layer 'cut': takes every 2. entry",
    ),
    "flattened window": (
        lambda: model_of(
            [TURN, gru(), node("Reshape", ["s", "to"], ["y"], "flat")], weights={"to": np.array([2, -1])}, shape=(2, 8, 5)
        ),
        "layer 'flat': reshapes .*cuts an axis in pieces|flattens time steps and features together",
    ),
    "two outputs": (
        lambda: model_of(
            [TURN, gru(), *HEAD, node("Relu", ["y"], ["r"], "relu"), node("Tanh", ["y"], ["t"], "tanh")], ("r", "t")
        ),
        "the model has 2 outputs: r, t",
    ),
    "two inputs": (lambda: with_input(model_of([TURN, gru(), *HEAD])), r"the model has 2 inputs \('x', 'other'\)"),
    "open features": (lambda: model_of([TURN, gru(), *HEAD], shape=("b", "t", "f")), "whose number of features is open"),
    "no shape": (lambda: without_shape(model_of([TURN, gru(), *HEAD])), "input 'x' states no shape"),
    "an image": (
        lambda: model_of([TURN, gru(), *HEAD], shape=(1, 3, 8, 8)),
        r"has the shape \(1, 3, 8, 8\); expected \(batch, time",
    ),
    "text": (lambda: model_of([TURN, gru(), *HEAD], elem=TensorProto.STRING), "input 'x' is of type 8"),
    "old opset": (lambda: model_of([TURN, gru(), *HEAD], opset=3), "opset 3 is older than 7"),
    "coming opset": (lambda: model_of([TURN, gru(), *HEAD], opset=9999), "opset 9999 is newer than"),
    "no opset": (lambda: model_of([TURN, gru(), *HEAD], domain="ai.other"), "names no version of the ONNX operators"),
    "wrong shape": (
        lambda: model_of([TURN, gru(inputs=["xt", "R", "R"]), *HEAD]),
        r"layer 'cell': weights \(1, 12, 4\) and \(1, 12, 4\); expected \(1, 12, 5\)",
    ),
    "no recurrent layer": (
        lambda: model_of([node("MatMul", ["x", "M"], ["y"], "product")], weights={"M": np.ones((5, 3), np.float32)}),
        "no recurrent layer",
    ),
    "a matrix of the data": (
        lambda: model_of([node("MatMul", ["x", "x"], ["y"], "product")]),
        "by a matrix that the data decides",
    ),
    "constant output": (lambda: model_of([node("Identity", ["W"], ["y"])]), "the output does not depend on the input"),
    "nothing writes it": (lambda: model_of([TURN, gru()]), "nothing writes the output 'y'"),
    "unordered": (lambda: model_of([gru(), TURN, *HEAD]), r"node 'cell' \(GRU\) reads 'xt', which nothing before it writes"),
    "quantised": (
        lambda: model_of(
            [TURN, gru(), node("QuantizeLinear", ["h", "s1", "z1"], ["y"], "q")], weights={"s1": np.float32(1), "z1": np.int8(0)}
        ),
        "layer 'q': the model is quantised already",
    ),
}


def with_input(model):
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, (1, 2)))
    return model


def without_shape(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_node_and_the_way_out(name, tmp_path):
    """What no graph can say is refused by its node's name, with a reason."""
    make, words = REFUSED[name]
    path = tmp_path / "m.onnx"
    path.write_bytes(make().SerializeToString())
    with pytest.raises(ModelError, match=words):
        load_model(path)


def test_an_unrolled_loop_gets_the_other_exporter():
    """The dynamo exporter writes torch.nn.RNN out step by step; the refusal names the way that keeps the node."""
    with pytest.raises(UnsupportedModelError, match="as one node with dynamo=False"):
        load_model(FOLDER / f"{UNROLLED}.onnx")


def test_inspect_lists_what_is_read_before_a_refusal(tmp_path):
    """The layers before a refused node stand in the table, and so does every other node that is refused."""
    path = tmp_path / "m.onnx"
    nodes = [TURN, gru(), node("NonZero", ["h"], ["n"], "one"), node("TopK", ["n", "zero"], ["y", "i"], "two")]
    path.write_bytes(model_of(nodes).SerializeToString())
    rows = inspect_model(path).layers
    assert [(row.name, row.kind, row.supported) for row in rows] == [
        ("input", "InputLayer", True),
        ("cell", "GRU", True),
        ("one", "NonZero", False),
        ("two", "TopK", False),
    ]
    with pytest.raises(UnsupportedModelError, match="'one'"):
        load_model(path)
