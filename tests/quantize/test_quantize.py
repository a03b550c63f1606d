"""Calibration, its errors, and the accuracy that the integers keep."""

import time

import numpy as np
import pytest

from benchmarks.bound import hidden_bound
from edgeseq.errors import CalibrationError
from edgeseq.frontend import load_model
from edgeseq.graph.reference import forward, normalize
from edgeseq.measure.comparison import sqnr_db
from edgeseq.quantize import quantize
from edgeseq.quantize.validate import validate
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from tests.conftest import make_graph, make_quantized


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros((3, 4, 7)), r"shape \(3, 4, 7\); model 'case' expects \(n, time, 5\)"),
        (np.zeros(5), "expects"),
        (np.zeros((0, 4, 5)), "empty"),
        (np.full((2, 4, 5), 3.0), "constant .every value is 3"),
        (np.where(np.arange(40).reshape(2, 4, 5) == 7, np.nan, 1.0), "holds 1 NaN"),
        (np.array([["a", "b"]]), "not a numeric array"),
    ],
    ids=["features", "one dimension", "empty", "constant", "nan", "text"],
)
def test_bad_calibration_is_named(data, words):
    """Each unusable calibration array gets its own message."""
    with pytest.raises(CalibrationError, match=words):
        quantize(make_graph("gru", 5, 4, 2), data)


def test_unknown_scheme():
    """An unknown scheme lists the known ones."""
    with pytest.raises(CalibrationError, match="available: int8"):
        quantize(make_graph("gru", 5, 4, 2), np.ones((1, 2, 5)), "int3")


def test_binary_grid_input_is_exact():
    """Data on a binary grid (pixels 0..16) gets a scale that represents it without error."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 17, (20, 8, 5)).astype(float)
    entry = quantize(make_graph("gru", 5, 4, 2), x).input
    codes = quantize_input(entry, x).astype(float)
    assert np.array_equal((codes - entry.zero_point) * entry.scale.value, x)


def test_heavy_tails_get_int16_codes():
    """Heavy-tailed data picks int16 codes by itself; data on a grid of 8 bits stays int8."""
    rng = np.random.default_rng(0)
    graph = make_graph("gru", 5, 8, 2)
    noise = rng.normal(0, 1, (30, 40, 5))
    assert quantize(graph, np.clip(np.round(noise * 32), -127, 127) / 32).input.dtype == "int8"
    assert quantize(graph, noise * np.exp(2 * rng.normal(0, 1, (30, 1, 1)))).input.dtype == "int16"


@pytest.mark.parametrize("kinds", ["gru", "gru_before", "lstm", "rnn", "gru+lstm", "lstm+gru+rnn"])
@pytest.mark.parametrize("seed", range(4))
def test_integers_stay_close_to_the_float_model(kinds, seed):
    """Over streams longer than calibration, states keep at least 28 dB SQNR: a wrong rule costs far more."""
    graph = make_graph(kinds, 6, 16, 3, seed)
    rng = np.random.default_rng(seed)
    quantized = quantize(graph, rng.normal(0, 1, (16, 60, 6)))
    assert validate(quantized) is None
    x = rng.normal(0, 1, (2, 300, 6))
    states = Oracle(quantized, batch=2).run(quantize_input(quantized.input, x), keep_states=True).states
    last = graph.recurrent[-1]
    at = states.shape[2] - (2 if kinds.endswith("lstm") else 1) * last.units
    hidden = forward(graph, x, keep_hidden=[last.name]).hidden[last.name]
    assert sqnr_db(hidden, states[:, :, at : at + last.units] / 32768) > 28


# Hidden-state SQNR in dB of the bound "int8 weights per row, 8-bit h into the matmul, rest float",
# measured on the same weights and streams.
PEER_BOUND_DB = {"A_gru": 46.9, "B_gru": 47.6, "C_gru": 45.2, "A_lstm": 46.4, "B_lstm": 49.1, "C_lstm": 43.9}


@pytest.mark.parametrize("name", list(PEER_BOUND_DB))
def test_benchmark_models_reach_the_bound(name, models_folder):
    """Models A, B, C: state SQNR over the 500-step stream is within 1 dB of the bound, given and recomputed."""
    data = np.load(models_folder / f"{name}.npz", allow_pickle=False)
    graph = load_model(models_folder / f"{name}.keras")
    quantized = quantize(graph, data["calibration"])
    codes = quantize_input(quantized.input, data["stream"])[None]
    states = Oracle(quantized).run(codes, keep_states=True).states
    layer = graph.recurrent[0]
    reached = sqnr_db(data["hidden_float64"], states[0, :, : layer.units] / 32768)
    real = normalize(graph, (codes - quantized.input.zero_point) * quantized.input.scale.value)
    recomputed = sqnr_db(data["hidden_float64"], hidden_bound(layer, real)[0])
    assert reached >= PEER_BOUND_DB[name] - 1
    assert reached >= recomputed - 1


def test_oracle_is_fast_enough_for_a_test_set():
    """2,996 windows of 128 steps through a GRU(32), the size of a HAR test set, take under 20 s of processor time."""
    quantized = make_quantized("gru", 6, 32, 6)
    x = np.random.default_rng(0).integers(-128, 128, (2996, 128, 6)).astype(np.int8)
    start = time.process_time()
    Oracle(quantized, batch=len(x)).run(x)
    assert time.process_time() - start < 20
