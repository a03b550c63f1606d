"""Layers around the recurrent ones: the accuracy that their integers keep, their edges, and what a crafted file may not hold."""

import dataclasses

import numpy as np
import pytest

from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError, QuantizedFileError
from edgeseq.graph.reference import forward
from edgeseq.measure.comparison import sqnr_db
from edgeseq.measure.verify import fidelity
from edgeseq.quantize import quantize
from edgeseq.quantize.esq import from_bytes, to_bytes
from edgeseq.quantize.types import QuantDelay, QuantDepthwise, QuantNormalize, QuantPool, QuantResidual
from edgeseq.quantize.validate import validate
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import dequantize_output, quantize_input
from edgeseq.simulate.runners import make_runners
from tests.around import IDS
from tests.conftest import make_graph, make_quantized, noise, random_codes
from tests.parity.cases import CASES

TCN = "res(conv3.conv3|dense)+relu+res(conv3x2.conv3x2)+relu+res(conv3x4.conv3x4)+relu"
# Output SQNR in dB, the least of three seeds, measured on streams five times as long as calibration windows
# with strong random weights: int8, int16x8, int8x4. A wrong rule or scale costs far more than the 3 dB of slack.
MEASURED_DB = {
    "gru+res(gru)": (46.1, 47.1, 23.6),
    "gru+average": (55.2, 56.3, 31.2),
    "lstm+max": (49.2, 49.4, 23.6),
    "gru+norm+gru": (41.3, 51.2, 26.0),
    "norm-plain+rnn+norm": (38.5, 44.7, 20.7),
    "gru+affine+lstm": (37.8, 43.8, 21.1),
    "conv3+gru": (37.2, 44.8, 21.0),
    "conv5x2+conv3": (35.1, 43.2, 18.8),
    "depthwise3x2+dense": (32.8, 35.9, 32.8),
    "embedding+gru": (39.3, 39.4, 20.6),
    TCN: (29.6, 38.5, 14.9),
}
SLACK_DB = 3.0


@pytest.mark.parametrize("scheme", ["int8", "int16x8", "int8x4"])
@pytest.mark.parametrize("kinds", list(MEASURED_DB))
def test_integers_stay_close_to_the_float_model(kinds, scheme):
    """Outputs of 300-step streams keep the measured SQNR, less 3 dB, in every scheme."""
    wanted = MEASURED_DB[kinds][("int8", "int16x8", "int8x4").index(scheme)]
    for seed in range(3):
        graph = make_graph(kinds, 1 if kinds.startswith("embedding") else 6, 16, 3, seed)
        quantized = quantize(graph, noise(graph, (16, 60), seed), scheme)
        assert validate(quantized) is None
        x = noise(graph, (2, 300), seed + 9)
        outputs = Oracle(quantized, 2).run(quantize_input(quantized.input, x)).outputs
        assert sqnr_db(forward(graph, x).outputs, dequantize_output(quantized, outputs)) > wanted - SLACK_DB


def test_carried_values_are_those_of_the_states():
    """Every layer knows how many of the oracle's state columns are its own, whatever the case."""
    for case in CASES.values():
        graph = case.build()
        states = Oracle(graph).run(random_codes(graph, 2)[None], keep_states=True).states
        assert sum(layer.carried_values for layer in graph.every_layer) == states.shape[2]


def test_states_inside_branches_are_judged():
    """Fidelity finds the hidden states behind rings, pools and branches; without recurrent layers there are none to judge."""
    for kinds, recurrent in (("conv3x2+res(conv4.gru|lstm)+average+norm", True), ("conv3+max", False)):
        graph = make_graph(kinds, 5, 8, 3)
        x = noise(graph, (8, 60), 1)
        quantized = quantize(graph, x, "int16x8")
        run = Oracle(quantized, 8).run(quantize_input(quantized.input, x), keep_states=True)
        judged = fidelity(quantized, x, run.outputs, run.states)
        assert (judged.state_sqnr_db is not None) == recurrent
        assert judged.state_sqnr_db is None or judged.state_sqnr_db > 28
        assert judged.output_sqnr_db > 28


def test_the_mean_of_a_constant_is_the_constant():
    """Through 70,000 steps and their halvings, at both ends of int16 and beside zero."""
    (runner,) = make_runners([QuantPool("pool", 5, Scale(1, -15), "average")], 1, None)
    x = np.broadcast_to(np.array([-32768, -1, 0, 5, 32767], np.int32), (1, 70_000, 5))
    assert np.array_equal(runner.run(x), x)


def test_ids_outside_the_table_are_clamped():
    """The lowest and the highest code, and everything between the table's end and them, act as the table's ends."""
    graph = make_quantized("embedding+gru", 1, 6, 2)
    low, high = graph.input.code_range
    given = np.array([low, -1, 0, IDS - 1, IDS, high], np.int16)[None, :, None]
    clamped = np.clip(given, 0, IDS - 1)
    assert np.array_equal(Oracle(graph).run(given).outputs, Oracle(graph).run(clamped).outputs)
    assert np.array_equal(quantize_input(graph.input, np.arange(IDS)[:, None] * 1.0)[:, 0], np.arange(IDS))
    with pytest.raises(CalibrationError, match="token ids, which are int16 codes; leave the input dtype at auto"):
        make_quantized("embedding+gru", 1, 6, 2, input_dtype="int8")


def test_a_convolution_of_the_input_gets_zero_point_zero():
    """All-positive data would get a zero point of -128; a delay line of zeros must mean zero."""
    x = np.abs(noise(make_graph("conv3", 4, 5, 2), (8, 40), 0))
    assert quantize(make_graph("gru", 4, 5, 2), x, input_dtype="int8").input.zero_point != 0
    assert quantize(make_graph("conv3", 4, 5, 2), x, input_dtype="int8").input.zero_point == 0


def test_sides_of_different_scales_are_brought_to_one():
    """A state of 2^-15 beside a tensor of another scale gets a gain of one; equal mantissas are shifted alone."""
    (_, mixed, _), (_, equal, _) = (make_quantized(f"gru+res({side})", 6, 8, 2).layers for side in ("dense.gru", "gru"))
    assert isinstance(mixed, QuantResidual)
    assert [type(layer).__name__ for layer in equal.body] == ["QuantGru"]
    (first, *_) = make_quantized("dense+res(gru)", 6, 8, 2).layers[1:]
    assert [type(layer).__name__ for layer in first.body] == ["QuantGru", "QuantDepthwise"]
    assert first.body[-1].out_scale.mantissa == first.scale.mantissa


def changed(graph, kind, **fields):
    """The graph with the fields of its first layer of a kind changed, wherever it stands."""

    def walk(layers):
        return tuple(one(layer) for layer in layers)

    def one(layer):
        if isinstance(layer, kind):
            return dataclasses.replace(layer, **fields)
        if isinstance(layer, QuantResidual):
            return dataclasses.replace(layer, body=walk(layer.body), shortcut=walk(layer.shortcut))
        return layer

    return dataclasses.replace(graph, layers=walk(graph.layers))


HOSTILE = {
    "taps": ("tcn", QuantDelay, {"taps": 40_000}, "40000 taps at dilation"),
    "no taps": ("tcn", QuantDelay, {"taps": 1}, "1 taps at dilation"),
    "dilation": ("tcn", QuantDelay, {"dilation": 0}, "dilation 0"),
    "history": ("tcn", QuantDelay, {"dilation": 32_000}, "3 taps at dilation 32000"),
    "kept type": ("tcn", QuantDelay, {"dtype": "int4"}, "of 'int4'"),
    "size": ("tcn", QuantDelay, {"size": 4}, "4 values after a tensor of 5"),
    "shift": ("tcn", QuantResidual, {"body_shift": 31}, "shifts 31 and"),
    "negative shift": ("tcn", QuantResidual, {"shortcut_shift": -1}, "and -1"),
    "empty side": ("tcn", QuantResidual, {"shortcut": ()}, "expected an int16 tensor"),
    "sides differ": ("residual gru", QuantResidual, {"size": 3}, "3 values after a tensor of 11"),
    "pooling": ("mean pooling", QuantPool, {"function": "median"}, "pools by 'median'"),
    "pooled size": ("mean pooling", QuantPool, {"size": 400}, "400 values after"),
    "epsilon": ("layer normalisation", QuantNormalize, {"epsilon": 0}, "epsilon 0"),
    "large epsilon": ("layer normalisation", QuantNormalize, {"epsilon": 1 << 62}, "epsilon 4611686018427387904"),
    "fraction": ("layer normalisation", QuantNormalize, {"fraction_bits": 40}, "40 fraction bits"),
    "channels": ("depthwise conv", QuantDepthwise, {"channels": 4}, "4 channels of"),
    "no channels": ("depthwise conv", QuantDepthwise, {"channels": 0}, "0 channels of"),
    "activation": ("depthwise conv", QuantDepthwise, {"activation": "gelu"}, "activation 'gelu'"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_kernels_cannot_hold_is_refused(name):
    """A file with a fitting checksum around sizes or shifts that no kernel can run names what is wrong."""
    case, kind, fields, words = HOSTILE[name]
    with pytest.raises(QuantizedFileError, match=words):
        from_bytes(to_bytes(changed(CASES[case].build(), kind, **fields)))


def test_a_table_or_a_widening_in_the_middle_is_refused():
    """Only the first layer reads input codes; a ReLU does not."""
    graph = make_quantized("embedding+gru", 1, 6, 2)
    table, gru, head = graph.layers
    for layers, words in (
        ((gru, table, head), "do not fit 1 inputs|not the first layer"),
        ((table, dataclasses.replace(table, name="again"), gru, head), "not the first layer"),
    ):
        with pytest.raises(QuantizedFileError, match=words):
            from_bytes(to_bytes(dataclasses.replace(graph, layers=layers)))
    pooled = make_quantized("average", 4, 1, 2)
    with pytest.raises(QuantizedFileError, match="reads the model's input codes; expected an int16 tensor"):
        from_bytes(to_bytes(dataclasses.replace(pooled, layers=pooled.layers[1:])))
    widen = dataclasses.replace(pooled.layers[0], shift=9)
    with pytest.raises(QuantizedFileError, match="shifts int8 codes by 9"):
        from_bytes(to_bytes(dataclasses.replace(pooled, layers=(widen, *pooled.layers[1:]))))


def test_windows_shorter_than_the_receptive_field():
    """Two convolutions that see 9 steps refuse calibration windows of 8, unless the model itself was built for 8."""
    graph = make_graph("res(conv3x2|dense)+conv5", 4, 6, 2)
    assert graph.receptive_field == 9
    short = np.random.default_rng(0).normal(0, 1, (4, 8, 4))
    with pytest.raises(CalibrationError, match="windows of 8 time steps; an output of model 'case' sees 9 through its conv"):
        quantize(graph, short)
    assert quantize(dataclasses.replace(graph, time_steps=8), short).layers
