"""The rules around the recurrent layers are those of TFLite's operators: MEAN over a window, QUANTIZE, ADD."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgeseq.arith.product import shift_right
from edgeseq.arith.scale import Scale
from edgeseq.quantize.types import QuantPool, QuantRelu, QuantResidual
from edgeseq.simulate.runners import make_runners
from tests.portability.tflite_graph import Op, StepGraph, schema

RESOLVERS = (OpResolverType.AUTO, OpResolverType.BUILTIN, OpResolverType.BUILTIN_REF)
SCALE = Scale(103, -20)
INT16 = np.arange(-32768, 32768)


def run(model: StepGraph, resolver: OpResolverType, *inputs: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=model.pack(), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value.astype(np.int16))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def quantize(model: StepGraph, source: int, size: int, scale: Scale) -> int:
    return model.op(Op.QUANTIZE, [source], model.tensor((1, size), "int16", scale), schema.QuantizeOptionsT(), "QuantizeOptions")


@pytest.mark.parametrize("resolver", RESOLVERS, ids=lambda r: r.name)
@pytest.mark.parametrize("steps", [*range(1, 34), 63, 64, 65, 100, 127, 128, 1000, 5000])
def test_pooled_mean_is_mean(steps, resolver):
    """After every step of a window the mean so far is int16 MEAN's over it: 0 differences."""
    channels = 500 if steps < 1000 else 40
    x = np.random.default_rng(steps).integers(-32768, 32768, (1, steps, channels))
    x[..., ::2] //= 4096  # small sums, where ties are common
    model = StepGraph()
    source, axis = model.tensor(x.shape, "int16", SCALE), model.tensor((1,), "int32", None, 0, np.array([1], np.int32))
    options = schema.ReducerOptionsT()
    options.keepDims = False
    out = model.tensor((1, channels), "int16", SCALE)
    model.graph.inputs = [source]
    model.graph.outputs = [model.op(Op.MEAN, [source, axis], out, options, "ReducerOptions", version=2)]
    (runner,) = make_runners([QuantPool("pool", channels, SCALE, "average")], 1, None)
    assert np.array_equal(run(model, resolver, x)[0], runner.run(x.astype(np.int32))[0, -1])


@pytest.mark.parametrize("resolver", RESOLVERS, ids=lambda r: r.name)
@pytest.mark.parametrize("shift", range(16))
def test_shift_is_quantize(shift, resolver):
    """QUANTIZE between int16 scales a power of two apart, on all 65,536 inputs: 0 differences."""
    model = StepGraph()
    model.graph.inputs = [model.tensor((1, INT16.size), "int16", SCALE)]
    model.graph.outputs = [quantize(model, 0, INT16.size, SCALE.times_power_of_two(shift))]
    assert np.array_equal(run(model, resolver, INT16[None])[0], shift_right(INT16, shift))


@pytest.mark.parametrize("resolver", RESOLVERS, ids=lambda r: r.name)
@pytest.mark.parametrize("shifts", [(0, 0), (0, 3), (5, 0), (1, 2)])
def test_sum_of_both_sides_is_add(shifts, resolver):
    """QUANTIZE of both sides and ADD at one scale is a residual connection, saturation included: 0 differences."""
    sides = np.random.default_rng(0).integers(-32768, 32768, (2, 1, 60_000))
    total = SCALE.times_power_of_two(8)
    model = StepGraph()
    model.graph.inputs = [model.tensor((1, 60_000), "int16", total.times_power_of_two(-shift)) for shift in shifts]
    moved = [
        quantize(model, tensor, 60_000, total) if shift else tensor
        for tensor, shift in zip(model.graph.inputs, shifts, strict=True)
    ]
    options = schema.AddOptionsT()
    options.potScaleInt16 = False
    out = model.tensor((1, 60_000), "int16", total)
    model.graph.outputs = [model.op(Op.ADD, moved, out, options, "AddOptions")]
    # The runner gets its sides as those of a model of one step: a ReLU and the tensor itself.
    layer = QuantResidual("sum", (QuantRelu("relu", 60_000, SCALE),), (), shifts[0], shifts[1], 60_000, total)
    (runner,) = make_runners([layer], 1, None)
    x = sides[1].astype(np.int32)
    wanted = runner.run(x[:, None])[0, 0]
    assert np.array_equal(run(model, resolver, np.maximum(x, 0), x)[0], wanted)
