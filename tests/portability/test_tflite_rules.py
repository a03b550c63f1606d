"""The integer rules are those of TFLite's operators: hand-written step graphs match the oracle bit for bit."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgeseq.arith.activation import sigmoid_q15, tanh_q15
from edgeseq.arith.scale import Q7, Q15, Scale, preactivation_scale
from edgeseq.quantize.types import Matvec, QuantGraph, QuantGru, QuantLstm
from edgeseq.simulate import Oracle
from tests.conftest import make_quantized
from tests.portability.tflite_graph import Op, StepGraph, schema

RESOLVERS = (OpResolverType.AUTO, OpResolverType.BUILTIN, OpResolverType.BUILTIN_REF)
STEPS = 500


class StepModel(StepGraph):
    """Builds one int8 step of a recurrent graph with a Dense head out of built-in operators."""

    def requantize(self, source: int, shape: int, dtype: str, scale: Scale) -> int:
        return self.op(Op.QUANTIZE, [source], self.tensor((1, shape), dtype, scale), schema.QuantizeOptionsT(), "QuantizeOptions")

    def dense(self, x: int, matrix: Matvec, in_scale: Scale, out_scale: Scale) -> int:
        scale = matrix.multiplier * 2.0**-matrix.shift * out_scale.value / in_scale.value
        weight = self.tensor(matrix.weight.shape, "int8", scale, 0, matrix.weight)
        # The bias' scale is only declared; int64 biases are added as integers.
        declared = (scale * in_scale.value).astype(np.float32).astype(np.float64)
        bias = self.tensor((matrix.rows,), "int64", declared, 0, matrix.bias.astype(np.int64))
        options = schema.FullyConnectedOptionsT()
        out = self.tensor((1, matrix.rows), "int16", out_scale)
        return self.op(Op.FULLY_CONNECTED, [x, weight, bias], out, options, "FullyConnectedOptions", version=9)

    def binary(self, name: str, a: int, b: int, units: int, scale: Scale) -> int:
        options = getattr(schema, f"{name}OptionsT")()
        if name != "Mul":
            options.potScaleInt16 = False
        out = self.tensor((1, units), "int16", scale)
        return self.op(getattr(Op, name.upper()), [a, b], out, options, f"{name}Options", version=2 if name == "Mul" else 1)

    def activation(self, code: int, x: int, units: int) -> int:
        return self.op(code, [x], self.tensor((1, units), "int16", Q15))


def gate_rows(matrix: Matvec, gate: int, units: int) -> Matvec:
    rows = slice(gate * units, (gate + 1) * units)
    return Matvec(matrix.weight[rows], matrix.bias[rows], matrix.multiplier[rows], matrix.shift)


def build(graph: QuantGraph) -> bytes:
    """Return the .tflite of one step: x and state in, output and state out."""
    layer, head = graph.layers
    assert isinstance(layer, QuantGru | QuantLstm)
    units, pre = layer.units, preactivation_scale(layer.preactivation_shift)
    model = StepModel()
    x8 = model.tensor((1, graph.input_size), "int8", graph.input.scale, graph.input.zero_point)
    h = model.tensor((1, units), "int16", Q15)
    x_scale, h_scale = graph.input.scale.times_power_of_two(-1), Q7.times_power_of_two(-1)
    x16 = model.requantize(x8, graph.input_size, "int16", x_scale)

    def doubled_view(state: int) -> int:
        return model.requantize(model.requantize(state, units, "int8", Q7), units, "int16", h_scale)

    h16 = doubled_view(h)

    def from_input(gate: int) -> int:
        return model.dense(x16, gate_rows(layer.input, gate, units), x_scale, pre)

    def from_state(gate: int, state: int = h16) -> int:
        return model.dense(state, gate_rows(layer.recurrent, gate, units), h_scale, pre)

    def add(a: int, b: int, scale: Scale) -> int:
        return model.binary("Add", a, b, units, scale)

    def mul(a: int, b: int, scale: Scale) -> int:
        return model.binary("Mul", a, b, units, scale)

    def gate(index: int, code: int) -> int:
        return model.activation(code, add(from_input(index), from_state(index), pre), units)

    model.graph.inputs = [x8, h]
    if isinstance(layer, QuantGru):
        z, r = gate(0, Op.LOGISTIC), gate(1, Op.LOGISTIC)
        rest = mul(r, from_state(2), pre) if layer.reset_after else from_state(2, doubled_view(mul(r, h, Q15)))
        c = model.activation(Op.TANH, add(from_input(2), rest, pre), units)
        new_h = add(mul(z, h, Q15), model.binary("Sub", c, mul(z, c, Q15), units, Q15), Q15)
        states = [new_h]
    else:
        cell_scale = Scale(1, layer.cell_shift - 15)
        c = model.tensor((1, units), "int16", cell_scale)
        i, f, g, o = gate(0, Op.LOGISTIC), gate(1, Op.LOGISTIC), gate(2, Op.TANH), gate(3, Op.LOGISTIC)
        cell = add(mul(f, c, cell_scale), mul(i, g, cell_scale), cell_scale)
        argument = cell
        if layer.cell_shift >= 3:
            # c * 24576 * 2**-15: the declared scales make the product's factor exactly 2**-15.
            wide = preactivation_scale(layer.cell_shift - 1)
            factor = Scale(wide.mantissa, wide.exponent - 15 - cell_scale.exponent)
            constant = model.tensor((1, units), "int16", factor, 0, np.full((1, units), 24576, np.int16))
            argument = mul(cell, constant, wide)
        new_h = mul(o, model.activation(Op.TANH, argument, units), Q15)
        model.graph.inputs.append(c)
        states = [new_h, cell]
    model.graph.outputs = [model.dense(new_h, head.matvec, Q15, head.out_scale), *states]
    return model.pack()


CASES = {
    "gru": ("gru", 16, 32, {}),
    "gru, odd sizes": ("gru", 7, 13, {}),
    "gru, large weights": ("gru", 9, 16, {"gain": 3.0}),
    "gru, reset before": ("gru_before", 12, 20, {}),
    "lstm": ("lstm", 16, 32, {}),
    "lstm, wide cell": ("lstm", 9, 16, {"gain": 4.0}),
}


@pytest.mark.parametrize("resolver", RESOLVERS, ids=lambda r: r.name)
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_step_graph_equals_oracle(case, resolver):
    """Every output and state of 500 steps: 0 mismatches in LiteRT, whichever kernels it picks."""
    kind, inputs, units, options = case
    graph = make_quantized(kind, inputs, units, 5, **options)
    x = np.random.default_rng(3).integers(-128, 128, (STEPS, inputs)).astype(np.int8)
    run = Oracle(graph).run(x[None], keep_states=True)
    interpreter = Interpreter(model_content=build(graph), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    x_in, *state_in = (d["index"] for d in interpreter.get_input_details())
    y_out, *state_out = (d["index"] for d in interpreter.get_output_details())
    states = [np.zeros((1, units), np.int16) for _ in state_in]
    outputs, kept = [], []
    for step in x:
        interpreter.set_tensor(x_in, step[None])
        for index, value in zip(state_in, states, strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        states = [interpreter.get_tensor(index).copy() for index in state_out]
        outputs.append(interpreter.get_tensor(y_out)[0].copy())
        kept.append(np.concatenate(states, axis=1)[0])
    assert np.array_equal(np.array(outputs), run.outputs[0])
    assert np.array_equal(np.array(kept), run.states[0])


@pytest.mark.parametrize("shift", range(2, 8))
@pytest.mark.parametrize(("code", "rule"), [(Op.LOGISTIC, sigmoid_q15), (Op.TANH, tanh_q15)], ids=["LOGISTIC", "TANH"])
def test_activation_operator_is_the_table(code, rule, shift):
    """LOGISTIC and TANH on all 65,536 int16 inputs, at every pre-activation scale: 0 differences."""
    values = np.arange(-32768, 32768)
    model = StepModel()
    x = model.tensor((1, values.size), "int16", preactivation_scale(shift))
    model.graph.inputs, model.graph.outputs = [x], [model.activation(code, x, values.size)]
    interpreter = Interpreter(model_content=model.pack())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values[None].astype(np.int16))
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    assert np.array_equal(got, rule(values << shift))
