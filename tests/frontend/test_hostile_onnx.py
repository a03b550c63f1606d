"""Damaged and hostile .onnx files end in ModelError: no crash, no other exception, nothing read outside the folder."""

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeseq.errors import ModelError
from edgeseq.frontend import load_model

onnx = pytest.importorskip("onnx")

FOLDER = Path(__file__).parent / "onnx_files"
GOOD = (FOLDER / "torch_script_gru.onnx").read_bytes()
LOOP = (FOLDER / "keras3_gru.onnx").read_bytes()
LIMITS = {"max_examples": 150, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def rejected(path: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        load_model(path)


def saved(model, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_no_onnx_at_all(tmp_path):
    """Text, nothing, and another format under the name .onnx."""
    for content in (b"hello, world", b"", b"\x89HDF\r\n\x1a\n"):
        (tmp_path / "m.onnx").write_bytes(content)
        rejected(tmp_path / "m.onnx", "not a readable ONNX model|holds no ONNX graph")


def test_external_data_is_read_and_its_absence_named(tmp_path):
    """Weights in a file beside the model are read; without that file the message names it."""
    whole = FOLDER / "torch_dynamo_gru_external.onnx"
    stored = onnx.load(whole, load_external_data=False).graph.initializer
    name = next(tensor.external_data[0].value for tensor in stored if tensor.external_data)
    assert len(load_model(whole).layers) == 2
    (tmp_path / "m.onnx").write_bytes(whole.read_bytes())
    rejected(tmp_path / "m.onnx", f"its values lie in '{name}', which is not beside the model")


@pytest.mark.parametrize("location", ["/etc/hostname", "../secret.bin", "a/../../secret.bin", "link.bin", "..\\secret.bin", ""])
def test_external_data_outside_is_not_followed(location, tmp_path):
    """Absolute paths, parents and links that lead out of the folder are refused."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(np.ones(100, np.float32).tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    model = onnx.load_from_string(GOOD)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    rejected(saved(model, folder / "m.onnx"), "points outside the model's folder")


def test_external_data_beyond_the_end(tmp_path):
    """An offset behind the file's end is named."""
    (tmp_path / "w.bin").write_bytes(b"1234")
    model = onnx.load_from_string(GOOD)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "100"), ("length", "60")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    rejected(saved(model, tmp_path / "m.onnx"), "bytes 100 to 160 of 'w.bin', which has 4")


def test_weights_bomb(tmp_path):
    """A shape of 10**12 values is refused before anything is allocated; one that its data does not fill, too."""
    for dims, words in (
        ((10**6, 10**6), "refusing to read it"),
        ((3, 50), "do not fit its shape"),
        ((-1, 4), "refusing to read it"),
    ):
        model = onnx.load_from_string(GOOD)
        tensor = next(t for t in model.graph.initializer if len(t.dims) == 2)
        del tensor.dims[:]
        tensor.dims.extend(dims)
        rejected(saved(model, tmp_path / "m.onnx"), words)


def test_shape_arithmetic_is_bounded(tmp_path):
    """Constants that multiply to terabytes are kept as one value or refused, never made."""
    helper = onnx.helper
    model = onnx.load_from_string(GOOD)
    big = onnx.numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "big")
    reps = onnx.numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "reps")
    model.graph.initializer.extend([big, reps])
    nodes = [
        helper.make_node("ConstantOfShape", ["big"], ["huge"], "huge"),
        helper.make_node("Tile", ["huge", "reps"], ["larger"], "larger"),
        helper.make_node("Add", ["huge", "larger"], ["sum"], "sum"),
        helper.make_node("Range", ["zero_", "many", "one_"], ["range"], "range"),
    ]
    for name, value in (("zero_", 0), ("many", 1 << 50), ("one_", 1)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value), name))
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    # None of it leads to the output.
    assert load_model(saved(model, tmp_path / "m.onnx")).output_size == 3


def test_axes_are_a_handful(tmp_path):
    """A constant of 64 million values, stored as one, is refused as axes at once rather than listed."""
    helper = onnx.helper
    model = onnx.load_from_string(GOOD)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([64 << 20]), "many"))
    nodes = [helper.make_node("ConstantOfShape", ["many"], ["zeros"], "zeros")]
    nodes += [
        helper.make_node(op, ["x", *["zeros"] * count], [op], op) for op, count in (("Slice", 3), ("Tile", 1), ("Expand", 1))
    ]
    nodes += [helper.make_node("ConstantOfShape", ["zeros"], ["more"], "more")]
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    model.graph.node[-1].input[0] = "Slice"
    started = time.monotonic()
    rejected(saved(model, tmp_path / "m.onnx"), "lists 67108864 numbers; expected an axis or a size each")
    assert time.monotonic() - started < 5


def test_nan_weights(tmp_path):
    """Weights that are not finite name their tensor."""
    model = onnx.load_from_string(GOOD)
    tensor = model.graph.initializer[0]
    values = np.full(tuple(tensor.dims), np.nan, np.float32)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    rejected(saved(model, tmp_path / "m.onnx"), f"weight '{tensor.name}'.*NaN or infinite")


def test_too_many_nodes(tmp_path):
    """A chain of nodes beyond the limit is refused before it is walked."""
    model = onnx.load_from_string(GOOD)
    for index in range(20_001):
        model.graph.node.append(onnx.helper.make_node("Identity", ["x"], [f"i{index}"]))
    rejected(saved(model, tmp_path / "m.onnx"), "more than the limit of 20000")


@settings(**LIMITS)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_flipped_byte(tmp_path, position, change):
    """Any byte changed: a graph, or a ModelError."""
    data = bytearray(GOOD)
    data[position] ^= change
    (tmp_path / "m.onnx").write_bytes(data)
    with contextlib.suppress(ModelError):
        load_model(tmp_path / "m.onnx")


@settings(**LIMITS | {"max_examples": 40})
@given(st.integers(0, len(LOOP) - 1), st.integers(1, 255))
def test_any_flipped_byte_around_a_loop(tmp_path, position, change):
    """The same of a model with a loop, whose body is run."""
    data = bytearray(LOOP)
    data[position] ^= change
    (tmp_path / "m.onnx").write_bytes(data)
    with contextlib.suppress(ModelError):
        load_model(tmp_path / "m.onnx")


@settings(**LIMITS | {"max_examples": 60})
@given(st.integers(0, len(GOOD) - 1))
def test_any_truncation(tmp_path, length):
    """The file cut off anywhere: a graph (protobuf has no end mark), or a ModelError."""
    (tmp_path / "m.onnx").write_bytes(GOOD[:length])
    with contextlib.suppress(ModelError):
        load_model(tmp_path / "m.onnx")


MODEL = onnx.load_from_string(GOOD)
attributes = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(), st.text(max_size=5), st.lists(st.integers(-5, 2**33), min_size=1, max_size=4)
)


@settings(**LIMITS)
@given(st.integers(0, len(MODEL.graph.node) - 1), st.integers(0, 3), attributes)
def test_any_attribute(tmp_path, which, key, value):
    """Whatever an attribute of any node holds: a graph, or a ModelError."""
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    node = model.graph.node[which]
    names = [attribute.name for attribute in node.attribute] or ["axis", "perm", "axes", "to"]
    name = names[key % len(names)]
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])
    with contextlib.suppress(ModelError):
        load_model(saved(model, tmp_path / "m.onnx"))


@settings(**LIMITS)
@given(st.integers(0, len(MODEL.graph.node) - 1), st.integers(0, 5), st.integers(0, 200))
def test_any_wiring(tmp_path, which, position, source):
    """Whatever tensor an input of any node names: a graph, or a ModelError."""
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    node = model.graph.node[which]
    names = [name for other in model.graph.node for name in other.output] + [t.name for t in model.graph.initializer] + ["x", ""]
    if node.input:
        node.input[position % len(node.input)] = names[source % len(names)]
    with contextlib.suppress(ModelError):
        load_model(saved(model, tmp_path / "m.onnx"))
