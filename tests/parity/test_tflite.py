"""The exported .tflite computes the oracle's integers on LiteRT, every layer type in every form."""

import dataclasses
import functools

import numpy as np
import pytest

from edgeseq.export.operators import LOWERINGS
from edgeseq.export.tflite import export_tflite
from edgeseq.measure.litert_runner import states_of_calls
from edgeseq.measure.litert_worker import KERNELS, LitertModel
from edgeseq.quantize import QuantGraph
from edgeseq.quantize.types import LAYER_TYPES
from edgeseq.simulate import Oracle
from tests.conftest import make_quantized, random_codes
from tests.parity.cases import CASES, WINDOW_CASES
from tests.window_models import random_windows

STEPS = 20


@functools.cache
def built(name: str) -> QuantGraph:
    return CASES[name].build()


def windows(graph: QuantGraph, steps: int = STEPS) -> np.ndarray:
    """Noise over all codes, the lowest, the highest and both in turn; (4, steps, features)."""
    noise = random_codes(graph, steps, seed=5)
    low, high = graph.input.code_range
    flip = np.broadcast_to(np.where(np.arange(steps)[:, None] % 2 == 0, high, low), noise.shape)
    return np.stack([noise, np.full_like(noise, low), np.full_like(noise, high), flip]).astype(noise.dtype)


def assert_exact(graph: QuantGraph, form: str, steps: int | None, x: np.ndarray, kernels: str = "default") -> None:
    """Outputs, and the states after every call where they are outside of the model."""
    model = export_tflite(graph, form, steps)
    got = LitertModel(model.data, kernels).run(x)
    wanted = Oracle(graph, batch=len(x)).run(x, keep_states=True)
    assert np.array_equal(got.outputs, wanted.outputs[:, -got.outputs.shape[1] :])
    if form in ("step", "unrolled"):
        assert np.array_equal(got.states, states_of_calls(graph, model.steps, wanted))


def test_every_layer_type_has_a_lowering():
    """No layer type that the C exporter takes is missing."""
    assert set(LOWERINGS) == set(LAYER_TYPES)


@pytest.mark.parametrize("name", CASES)
def test_step_equals_oracle(name):
    """Every output and state of four streams, adversarial ones included: 0 mismatches."""
    assert_exact(built(name), "step", None, windows(built(name)), KERNELS[list(CASES).index(name) % 3])


@pytest.mark.parametrize("name", CASES)
def test_unrolled_steps_equal_oracle(name):
    """Calls of five steps: every output, and the states between calls: 0 mismatches."""
    assert_exact(built(name), "unrolled", 5, windows(built(name)))


@pytest.mark.parametrize("name", CASES)
def test_window_equals_oracle(name):
    """Seven steps in one call without states, each from zero: 0 mismatches."""
    assert_exact(built(name), "window", 7, windows(built(name), 7))


@pytest.mark.parametrize("name", ["gru", "mean pooling", "max pooling", "tcn", "embedding", "layer normalisation"])
def test_last_step_of_a_window_equals_oracle(name):
    """A model whose output is that of the last step computes no other: 0 mismatches, the window form's pooling included."""
    graph = built(name)
    last = dataclasses.replace(graph, source=dataclasses.replace(graph.source, returns_sequence=False))
    assert_exact(last, "window", 13, windows(graph, 13))
    assert export_tflite(last, "window", 13).outputs[0].tensor.shape == (1, graph.output_size)


@pytest.mark.parametrize("name", ["gru", "lstm, int16x8", "gru over lstm", "mean pooling", "conv of int16 input", "no state"])
@pytest.mark.parametrize("steps", [1, 5])
def test_stateful_model_equals_oracle(name, steps):
    """States as variables, reset between streams: 0 mismatches."""
    assert_exact(built(name), "stateful", steps, windows(built(name)))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", WINDOW_CASES)
def test_whole_window_equals_oracle(name, kernels):
    """Models of whole windows, attention included: 0 mismatches."""
    graph = WINDOW_CASES[name].build()
    assert_exact(graph, "window", None, random_windows(graph, 5), kernels)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [range(1, 23), range(23, 45), range(45, 68)], ids=str)
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_every_size_from_1_to_67(kind, sizes):
    """Units and inputs that are no multiple of anything, the schemes in turn: 0 mismatches."""
    for size in sizes:
        scheme = ("int8", "int16x8")[size % 2]
        graph = make_quantized(kind, 68 - size, size, 3, scheme=scheme)
        assert_exact(graph, "step", None, random_codes(graph, 10, seed=size)[None])


@pytest.mark.slow
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", ["gru", "lstm", "gru, int16x8", "lstm, int16x8", "gru, int8x4"])
def test_ten_thousand_steps(name, kernels):
    """One stream of 10,000 steps: 0 mismatches in outputs and states."""
    assert_exact(built(name), "step", None, random_codes(built(name), 10_000)[None], kernels)
