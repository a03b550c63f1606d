"""What lies in an exported .tflite: built-in operators alone, constants once, names, metadata; and what is refused."""

import dataclasses
import importlib.util
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import tflite

from edgeseq.errors import DataError, EmulationError, MissingExtraError, TargetError
from edgeseq.export.operators import lower
from edgeseq.export.operators import types as ops
from edgeseq.export.tflite import EXACT_FORMS, export_float_tflite, export_tflite
from edgeseq.export.tflite.model import METADATA
from edgeseq.export.tflite.support import WIDER, tflite_support
from edgeseq.graph import Bidirectional, Graph
from edgeseq.graph.reference import forward
from edgeseq.measure.litert_runner import run_litert, what_happened
from edgeseq.measure.litert_worker import LitertModel
from edgeseq.quantize import QuantGraph
from edgeseq.quantize.types import LAYER_TYPES
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from tests.conftest import make_graph, make_quantized, noise, random_codes
from tests.parity.cases import CASES, WINDOW_CASES
from tests.window_models import window_graph

NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
# Operators that need a kernel of TensorFlow, or control flow that no microcontroller runtime has.
BARRED = {"CUSTOM", "DELEGATE", "WHILE", "IF", "CALL", "UNIDIRECTIONAL_SEQUENCE_RNN"}


@pytest.fixture(scope="module")
def gru() -> QuantGraph:
    """GRU(32) of 16 inputs with a Dense head of 10: benchmark model A's sizes."""
    return make_quantized("gru", 16, 32, 10, scheme="int16x8")


def opened(data: bytes) -> tflite.Model:
    return tflite.Model.GetRootAsModel(data, 0)


def operator_names(model: tflite.Model) -> set[str]:
    return {NAMES[model.OperatorCodes(i).BuiltinCode()] for i in range(model.OperatorCodesLength())}


def buffers(model: tflite.Model) -> list[bytes]:
    """Contents of all buffers but the metadata's."""
    held = {model.Metadata(i).Buffer() for i in range(model.MetadataLength())}
    kept = [model.Buffers(i) for i in range(model.BuffersLength()) if i not in held]
    return [bytes(buffer.DataAsNumpy()) for buffer in kept if buffer.DataLength()]


@pytest.mark.parametrize("name", ["gru", "lstm", "layer normalisation", "mean pooling", "tcn", "gelu head", "bent head"])
def test_only_built_in_operators(name):
    """No custom, Flex, WHILE or TensorList operator in any form, nor a code without a name."""
    graph = CASES[name].build()
    for form in EXACT_FORMS:
        model = opened(export_tflite(graph, form, None if form in ("step", "stateful") else 3).data)
        assert not operator_names(model) & BARRED
        assert all(model.OperatorCodes(i).CustomCode() is None for i in range(model.OperatorCodesLength()))


@pytest.mark.parametrize("form", EXACT_FORMS)
def test_attention_and_float_models_are_built_in_too(form):
    """The same of what is written by other ways."""
    if form == "window":
        assert not operator_names(opened(export_tflite(WINDOW_CASES["attention"].build(), form).data)) & BARRED
    model = export_float_tflite(make_graph("lstm", 6, 8, 3, activation="softmax"), form, 1, half_weights=True)
    assert not operator_names(opened(model.data)) & BARRED


def test_unrolled_steps_share_their_constants(gru):
    """Sixteen steps hold each weight once, as one step does, in less than 40 kB."""
    step, unrolled = (export_tflite(gru, *how) for how in (("step",), ("unrolled", 16)))
    for matrix in (matrix for layer in gru.layers for matrix in layer.matrices):
        assert buffers(opened(unrolled.data)).count(matrix.weight.tobytes()) == 1
    assert sum(map(len, buffers(opened(unrolled.data)))) < sum(map(len, buffers(opened(step.data)))) + 200
    assert len(step.data) < 14_000
    assert len(unrolled.data) < 40_000


def test_four_bit_weights_take_half_a_byte():
    """A matrix of int8x4 is stored two weights in a byte, or in int8 for runtimes without INT4."""
    graph = CASES["gru, int8x4"].build()
    held = {len(data) for data in buffers(opened(export_tflite(graph).data))}
    weights = [matrix.weight for matrix in graph.layers[0].matrices]
    assert {(weight.size + 1) // 2 for weight in weights} <= held
    wide = export_tflite(graph, wide_weights=True)
    assert {weight.tobytes() for weight in weights} <= set(buffers(opened(wide.data)))
    x = random_codes(graph, 20)[None]
    assert np.array_equal(LitertModel(wide.data).run(x).outputs, Oracle(graph).run(x).outputs)


def test_same_model_gives_the_same_bytes(gru):
    """Nothing of the day, the machine or the process is in the file."""
    again = make_quantized("gru", 16, 32, 10, scheme="int16x8")
    for form in ("step", "stateful"):
        assert export_tflite(gru, form).data == export_tflite(again, form).data


def test_edges_are_named_in_a_fixed_order():
    """X and y come first, then the states in the order of the layers; the signature has the same names at both ends."""
    model = export_tflite(CASES["gru over lstm"].build())
    main = opened(model.data).Subgraphs(0)
    inputs, outputs = ([main.Tensors(i).Name().decode() for i in ends] for ends in (main.InputsAsNumpy(), main.OutputsAsNumpy()))
    assert inputs == ["x", "lstm_0/h", "lstm_0/c", "gru_1/h"]
    assert outputs == ["y", "lstm_0/h:new", "lstm_0/c:new", "gru_1/h:new"]
    signature = opened(model.data).SignatureDefs(0)
    assert signature.SignatureKey() == b"step"
    assert [signature.Outputs(i).Name().decode() for i in range(4)] == ["y", "lstm_0/h", "lstm_0/c", "gru_1/h"]


def test_metadata_turns_raw_values_into_codes():
    """The gain and offset in the file give the codes of quantize_input exactly; names and scales are the model's."""
    graph = make_quantized("gru", 7, 9, 3, input_dtype="int16")
    entry = dataclasses.replace(graph.input, mean=np.linspace(-3, 9, 7), std=np.geomspace(0.01, 300, 7))
    graph = dataclasses.replace(graph, input=entry)
    model = opened(export_tflite(graph).data)
    (held,) = (model.Metadata(i) for i in range(model.MetadataLength()))
    assert held.Name() == METADATA.encode()
    about = json.loads(bytes(model.Buffers(held.Buffer()).DataAsNumpy()))
    assert about["states"] == ["gru_0/h"]
    assert about["output"] == {"scale": graph.output_scale.value, "softmax_left_out": False}
    raw = np.random.default_rng(0).normal(0, 100, (500, 7)).astype(np.float32)
    gain, offset = (np.array(about["input"][name], np.float32) for name in ("gain", "offset"))
    codes = np.clip(np.floor(raw * gain + offset + np.float32(0.5)), *about["input"]["range"])
    assert np.array_equal(codes, quantize_input(entry, raw))


def test_tensorflow_takes_no_part():
    """Writing a file imports neither TensorFlow nor a runtime."""
    code = "import sys, edgeseq.export.tflite; print({'tensorflow', 'ai_edge_litert', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_support_says_which_operators_are_used():
    """Layers said to need int16 operators alone compute with no wider tensor in any form."""
    assert all(tflite_support(layer) for layer in LAYER_TYPES)
    plain = 0
    for name in ("gru", "lstm:relu:hard_sigmoid", "fastgrnn_low, int8", "tcn", "depthwise conv with tanh", "residual gru"):
        graph = CASES[name].build()
        assert not {type(layer) for layer in graph.every_layer} & set(WIDER)
        outputs = [tensor for op in lower(graph, "unrolled", 2).operators for tensor in op.outputs]
        assert {tensor.dtype for tensor in outputs} <= {"int8", "int16"}
        plain += 1
    assert plain == 6


REFUSED = {
    "unrolled without steps": (("unrolled", None), "give --steps"),
    "step of several": (("step", 4), "one time step; got 4 steps"),
    "window without steps": (("window", None), "needs the number of time steps"),
    "too many steps": (("unrolled", 40_000), "expected 1 to 32767"),
}


@pytest.mark.parametrize(("how", "words"), REFUSED.values(), ids=list(REFUSED))
def test_wrong_steps_are_refused(gru, how, words):
    """A form says which steps it needs."""
    with pytest.raises(TargetError, match=words):
        export_tflite(gru, *how)


def test_models_of_windows_have_no_step():
    """A bidirectional model is a window, of its own length."""
    graph = WINDOW_CASES["bidirectional gru"].build()
    with pytest.raises(TargetError, match=r"has no form 'step'.*--form window"):
        export_tflite(graph, "step")
    with pytest.raises(TargetError, match="windows of 12 steps, not 5"):
        export_tflite(graph, "window", 5)


def test_what_the_runtime_refuses_is_a_clear_error(gru, monkeypatch):
    """A damaged file, windows of another length, and a missing runtime end in edgeseq's own errors."""
    model = export_tflite(gru, "unrolled", 4)
    codes = random_codes(gru, 8)[None]
    with pytest.raises(EmulationError, match=r"LiteRT \(default kernels\) refused the model: .*not a valid Flatbuffer"):
        run_litert(dataclasses.replace(model, data=b"TFL3" * 100), codes)
    with pytest.raises(DataError, match="7 steps; the model takes 4 at a time"):
        run_litert(model, codes[:, :7])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"ai_edge_litert is not installed.*edgeseq\[runtimes\]"):
        run_litert(model, codes)


def test_a_crash_of_the_runtime_is_named():
    """A native runtime that dies takes its own process down, and the error says by which signal."""
    died = subprocess.CompletedProcess([], -signal.SIGSEGV, "", "")
    assert what_happened(died) == "crashed: SIGSEGV"


def assert_close(graph: Graph, form: str, steps: int | None, x: np.ndarray, *, half: bool = False) -> None:
    """float32 has 24 bits, float16 11; sums of some hundred products lose a few more, and a recurrence adds its own."""
    wanted = forward(graph, x).outputs
    got = LitertModel(export_float_tflite(graph, form, steps, half_weights=half).data).run(x.astype(np.float32)).outputs
    error = np.abs(got - wanted[:, -got.shape[1] :]).max() / max(1.0, np.abs(wanted).max())
    assert error < (2.0**-5 if half else 2.0**-15)


# What make_graph takes; other options are of the quantisation.
FLOATS = [name for name, case in CASES.items() if set(case.options) <= {"activation", "gain"}]
NO_FLOAT = {"exponential head": "'exponential'", "bent head": "'rectified'", "softsign head": "'softsign'"}


@pytest.mark.parametrize("name", FLOATS)
def test_float_model_is_close_to_reference(name):
    """float32 of every layer type as unrolled steps, and float16 weights as a stateful step, on 15 steps."""
    case = CASES[name]
    graph = make_graph(case.kinds, case.inputs, case.units, case.outputs, 0, **case.options)
    if name in NO_FLOAT:
        with pytest.raises(TargetError, match=f"function {NO_FLOAT[name]}; export integers"):
            export_float_tflite(graph)
        return
    x = noise(graph, (2, 15), 1)
    assert_close(graph, "unrolled", 5, x)
    assert_close(graph, "stateful", None, x, half=True)


@pytest.mark.parametrize("parts", ["bi gru concat last", "bi lstm sum", "bi rnn mul", "back gru last", "bi gru_before ave"])
def test_float_window_is_close_to_reference(parts):
    """Whole windows, in float32."""
    graph = window_graph(parts, 5, 7, 3)
    assert_close(graph, "window", None, np.random.default_rng(0).normal(0, 1, (2, graph.time_steps, 5)))
    assert any(isinstance(layer, Bidirectional) for layer in graph.layers) == parts.startswith("bi")


@pytest.mark.parametrize("parts", ["attend 1", "attend 2", "gru attend 2 last"])
def test_float_attention_is_close_to_reference(parts):
    """Each step looks at all others, in float32 and with float16 weights."""
    graph = window_graph(parts, 5, 8, 3)
    x = np.random.default_rng(0).normal(0, 1, (3, graph.time_steps, 5))
    assert_close(graph, "window", None, x)
    assert_close(graph, "window", None, x, half=True)


USED = (
    *("gru", "gru, int16x8", "mean pooling", "max pooling", "layer normalisation", "embedding", "depthwise conv", "bent head"),
    *("gelu head", "residual of the input", "rnn:hard_sigmoid"),
)


def test_every_integer_operator_is_used():
    """No operator of the vocabulary is without a model that needs it."""
    programs = [lower(WINDOW_CASES["attention"].build(), "window")]
    for name in USED:
        graph = CASES[name].build()
        last = dataclasses.replace(graph, source=dataclasses.replace(graph.source, returns_sequence=False))
        programs += [lower(graph, "unrolled", 3), lower(last, "window", 3)]
    used = {type(operator).__name__ for program in programs for operator in program.operators}
    floats = {"Divide", "Gelu", "MatrixProduct", "ReciprocalRoot", "Softmax"}
    assert used | floats == {kind.__name__ for kind in ops.Operator.__subclasses__()}
