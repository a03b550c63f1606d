"""Every cell keeps close to its float model in every scheme; what a file may not hold is refused."""

import dataclasses

import numpy as np
import pytest

from edgeseq.arith.scale import RowScales
from edgeseq.errors import CalibrationError, QuantizedFileError
from edgeseq.graph import FastGrnn, SimpleRnn
from edgeseq.graph.reference import forward
from edgeseq.measure.verify import fidelity, verify
from edgeseq.quantize import quantize
from edgeseq.quantize.choose import dequantized
from edgeseq.quantize.esq import from_bytes, to_bytes
from edgeseq.quantize.types import SCHEMES, QuantSimpleRnn
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from tests.conftest import make_graph, make_quantized
from tests.parity.cases import CASES

# Hidden-state SQNR in dB over 300 steps that each cell keeps, by scheme: 3 dB, rounded down, below what was measured.
FLOORS = {
    "rnn:relu": (39, 45, 21, 21),
    "rnn:linear": (36, 45, 20, 21),
    "rnn:sigmoid": (52, 53, 29, 29),
    "rnn:hard_sigmoid": (53, 55, 31, 31),
    "rnn:hard_sigmoid_keras2": (52, 54, 29, 29),
    "gru:relu:sigmoid": (45, 49, 23, 24),
    "gru:linear:hard_sigmoid": (44, 49, 24, 24),
    "gru:sigmoid:relu": (60, 61, 36, 36),
    "gru:hard_sigmoid:linear": (51, 56, 33, 33),
    "gru_before:relu:hard_sigmoid_keras2": (37, 47, 22, 22),
    "gru_before:tanh:relu": (42, 45, 20, 19),
    "gru_before:sigmoid:tanh": (37, 45, 20, 20),
    "gru_before:linear:sigmoid": (37, 46, 21, 21),
    "lstm:relu:sigmoid": (40, 47, 23, 23),
    "lstm:sigmoid:hard_sigmoid": (55, 56, 32, 32),
    "lstm:hard_sigmoid:tanh": (44, 45, 21, 21),
    "lstm:tanh:relu": (40, 40, 16, 16),
    "lstm:hard_sigmoid_keras2:sigmoid": (53, 54, 30, 30),
    "lstm:relu:hard_sigmoid": (40, 47, 23, 23),
    "mgu": (46, 47, 21, 21),
    "mingru": (46, 46, 21, 21),
    "fastgrnn": (45, 47, 22, 22),
    "fastgrnn_low": (38, 49, 26, 26),
}


def state_sqnr(kind: str, scheme: str) -> float:
    graph = make_quantized(kind, 6, 16, 3, 0, scheme=scheme, input_dtype="int16")
    x = np.random.default_rng(7).normal(0, 1, (2, 300, 6))
    run = Oracle(graph, 2).run(quantize_input(graph.input, x), keep_states=True)
    return fidelity(graph, x, run.outputs, run.states).state_sqnr_db


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", list(FLOORS))
def test_states_stay_close(kind, scheme):
    """A wrong scale or shift of one gate costs far more than the 3 dB below the measured figure."""
    assert state_sqnr(kind, scheme) >= FLOORS[kind][SCHEMES.index(scheme)]


def test_an_identity_relu_cell_holds_its_state():
    """A recurrent weight of 1, which relu cells start from (Le et al. 2015), needs coarser candidates, not a coarser state."""
    rng = np.random.default_rng(0)
    graph = make_graph("rnn:relu", 6, 8, 2)
    layer = graph.layers[0]
    assert isinstance(layer, SimpleRnn)
    identity = dataclasses.replace(layer, recurrent_kernel=0.9 * np.eye(8) + rng.normal(0, 0.01, (8, 8)))
    quantized = quantize(dataclasses.replace(graph, layers=(identity, *graph.layers[1:])), rng.normal(0, 1, (8, 60, 6)))
    cell = quantized.layers[0]
    assert isinstance(cell, QuantSimpleRnn)
    assert cell.candidate_shift > cell.state_shift
    assert cell.block_scales[0].value > cell.out_scale.value
    x = rng.normal(0, 1, (2, 100, 6))
    run = Oracle(quantized, 2).run(quantize_input(quantized.input, x), keep_states=True)
    assert fidelity(quantized, x, run.outputs, run.states).state_sqnr_db > 30


def test_low_rank_factors_stay_factors():
    """A FastGRNN of rank 2 stores fewer weights than the matrices it stands for, and its real twin has its factors."""
    quantized = make_quantized("fastgrnn_low", 8, 12, 2)
    cell = quantized.layers[0]
    assert len(cell.matrices) == 4
    assert sum(m.weight.size for m in cell.matrices) < 8 * 12 + 12 * 12 + 60
    twin = dequantized(quantized).layers[0]
    assert isinstance(twin, FastGrnn)
    assert [k.shape for k in (*twin.kernels, *twin.recurrent_kernels)] == [(8, 4), (4, 12), (12, 6), (6, 12)]
    original = quantized.source.layers[0]
    # int8 rounding of two factors: some per cent of the largest entry.
    for wanted, got in zip((original.kernels, original.recurrent_kernels), (twin.kernels, twin.recurrent_kernels), strict=True):
        product = wanted[0] @ wanted[1]
        assert np.abs(product - got[0] @ got[1]).max() < 0.05 * np.abs(product).max()


def test_verify_scales_hidden_states():
    """Fidelity of a state beyond 1 is measured in real units, and the C code on this host agrees."""
    graph = CASES["mingru, int16x8"].build()
    result = verify(graph, np.random.default_rng(0).normal(0, 1, (60, graph.input_size)))
    assert result.exact
    assert result.fidelity.state_sqnr_db > 40


def test_a_diverging_model_is_named():
    """A relu cell that grows without bound is refused by name before any scale is chosen."""
    graph = make_graph("rnn:linear", 6, 8, 2)
    wild = dataclasses.replace(graph.layers[0], recurrent_kernel=50 * np.eye(8))
    with pytest.raises(CalibrationError, match=r"layer 'rnn_0': the float model itself diverges"):
        quantize(dataclasses.replace(graph, layers=(wild, *graph.layers[1:])), np.ones((1, 300, 6)) * np.arange(6))
    large = dataclasses.replace(graph.layers[0], kernel=1e6 * graph.layers[0].kernel)
    with pytest.raises(CalibrationError, match=r"the hidden state reached .*int16 holds up to 32768"):
        quantize(dataclasses.replace(graph, layers=(large, *graph.layers[1:])), np.random.default_rng(0).normal(0, 1, (4, 30, 6)))


def test_a_cell_that_counts_far_saturates():
    """An LSTM's cell that reaches 150 stays at 128, its state the same until it comes down; one that reaches 250 is refused."""
    graph = make_graph("lstm", 1, 4, 2)
    counter = dataclasses.replace(  # gates i, f, c, o
        graph.layers[0],
        kernel=np.array([[0.0, 0.0, 9.0, 0.0]]).repeat(4, axis=1),
        recurrent_kernel=np.zeros((4, 16)),
        bias=np.array([12.0, 12.0, 0.0, 1.0]).repeat(4),
    )
    graph = dataclasses.replace(graph, layers=(counter, *graph.layers[1:]))

    def stream(highest):
        return np.repeat([1.0, -1.0], highest)[None, :, None]

    quantized = quantize(graph, stream(150), input_dtype="int16")
    assert quantized.layers[0].cell_shift == 7
    run = Oracle(quantized).run(quantize_input(quantized.input, stream(150).astype(np.float32)), keep_states=True)
    hidden, cell = run.states[0, :, :4] / 32768, run.states[0, :, 4:] / 256
    assert cell.max() == pytest.approx(128, abs=0.01)
    wanted = forward(graph, stream(150), keep_hidden=[counter.name]).hidden[counter.name][0]
    assert np.abs(hidden[:270] - wanted[:270]).max() < 0.002
    assert verify(quantized, stream(150)).exact
    with pytest.raises(CalibrationError, match=r"the cell state reached 25\d; int16 holds up to 128\. Use a bounded"):
        quantize(graph, stream(255), input_dtype="int16")


def test_row_scales_repeat_per_block():
    """Rows of unlike functions have unlike scales in one matrix."""
    cell = CASES["gru:relu:sigmoid"].build().layers[0]
    scales = RowScales(cell.block_scales, cell.units).value
    assert scales.shape == (3 * cell.units,)
    assert len(set(scales.tolist())) == 2


def damaged(name: str, layer: int = 0, **changes: object) -> bytes:
    graph = CASES[name].build()
    layers = list(graph.layers)
    layers[layer] = dataclasses.replace(layers[layer], **changes)
    return to_bytes(dataclasses.replace(graph, layers=tuple(layers)))


INT16 = np.zeros(5, np.int16)
HOSTILE = {
    "function": ("gru:relu:sigmoid", 0, {"activation": "gelu"}, "a function 'gelu'"),
    "gate shift": ("gru:hard_sigmoid:linear", 0, {"gate_shift": 9}, r"gate shift 9 is outside 0\.\.8"),
    "state shift": ("rnn:relu", 0, {"state_shift": -1}, "state shift -1 is outside"),
    "state shift of another type": ("rnn:relu", 0, {"state_shift": 1.5}, "state shift 1.5 is outside"),
    "candidate shift": ("rnn:relu", 0, {"candidate_shift": 0}, "candidate shift 0 is below state shift"),
    "candidate of mingru": ("mingru, int8", 0, {"candidate_shift": 16}, "candidate shift 16 is outside"),
    "cell shift": ("lstm:sigmoid:hard_sigmoid", 0, {"cell_shift": 8}, r"cell shift 8 is outside 0\.\.7"),
    "product": ("lstm:linear:linear", 0, {"cell_shift": 15, "state_shift": 0}, "do not fit"),
    "zeta": ("fastgrnn, int8", 0, {"zeta": 40000}, "zeta 40000 is outside"),
    "nu": ("fastgrnn, int8", 0, {"nu": True}, "nu True is outside"),
    "candidate bias": ("fastgrnn, int8", 0, {"candidate_bias": INT16}, r"candidate bias \(5,\) int16 does not fit"),
    "threshold": ("bent head", 2, {"threshold": -1}, "threshold -1 is outside"),
    "limit": ("bent head", 2, {"limit": 1 << 20}, "limit 1048576 is outside"),
    "slopes": ("prelu head", 2, {"slope": INT16}, r"slopes \(5,\) int16 do not fit 3 values"),
    "table": ("gelu head", 2, {"table": INT16}, r"a table of \(5,\) int16; expected \(513,\)"),
    "steep table": ("gelu head", 2, {"table": np.where(np.arange(513) % 2, -32768, 32767).astype(np.int16)}, "step beyond int16"),
    "size": ("gelu head", 2, {"size": 4}, "4 units after a tensor of 3"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_files_are_refused(name):
    """Whatever would lead a kernel out of its arrays or its integers is named when the file is read."""
    case, layer, changes, words = HOSTILE[name]
    with pytest.raises(QuantizedFileError, match=words):
        from_bytes(damaged(case, layer, **changes))


def test_a_factor_that_fits_no_matrix_is_refused():
    """Ranks of both factors must agree, and a factor's shift has its limits."""
    graph = CASES["fastgrnn_low, int8"].build()
    factor = graph.layers[0].input_factor
    for changed, words in (
        (dataclasses.replace(factor, shift=16), "factor shift 16"),
        (dataclasses.replace(factor, matvec=graph.layers[0].recurrent), "do not fit"),
    ):
        with pytest.raises(QuantizedFileError, match=words):
            from_bytes(damaged("fastgrnn_low, int8", input_factor=changed))
