"""Records of .tflite files that no converter at hand writes, each with the finding it must give."""

from dataclasses import replace

from edgeseq.doctor.tflite.file import OperatorInfo, SignatureInfo, SubgraphInfo, TensorInfo, TfliteFile

EVERYWHERE, HOSTED = "litert tflite-runtime tflm", "litert tflite-runtime"


def tensor(name, kind="FLOAT32", shape=(1, 8), data=b"", **changes):
    made = TensorInfo(name, shape, (), kind, 1, 0.1, 0, variable=False, sparse=False, data=data)
    return replace(made, **changes)


def operator(index, op, inputs, outputs, version=1, **options):
    return OperatorInfo(index, op, custom=False, version=version, inputs=inputs, outputs=outputs, options=options)


def whole(tensors, operators, inputs=(0,), outputs=None, *, size=4096, signatures=(), more=()):
    outputs = (len(tensors) - 1,) if outputs is None else outputs
    main = SubgraphInfo("main", tuple(tensors), tuple(operators), inputs, outputs)
    return TfliteFile("synthetic.tflite", size, "", (main, *more), tuple(signatures), ())


def product(weights, source="INT8", bias=None, version=1):
    """One FULLY_CONNECTED."""
    tensors = [
        tensor("x", source),
        tensor("w", **weights),
        *([tensor("b", bias, data=b"b" * 8)] if bias else []),
        tensor("y", source),
    ]
    inputs = (0, 1, 2) if bias else (0, 1)
    return whole(tensors, [operator(0, "FULLY_CONNECTED", inputs, (len(tensors) - 1,), version)])


def lstm(cell):
    """A fused LSTM with states of given types."""
    tensors = [tensor("x", "INT8", (1, 6, 4)), tensor("hidden", "INT8"), tensor("cell", cell), tensor("y", "INT8", (1, 6, 8))]
    inputs = (0, *(-1 for _ in range(17)), 1, 2)
    return whole(tensors, [operator(0, "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, (3,))])


def gated(before, after, kind):
    """Tensors and operators of h' = ADD(MUL(h, z), c), numbered from h = `before`, h' = `after`."""
    tensors = [tensor("h", kind), tensor("z", kind), tensor("c", kind), tensor("zh", kind), tensor("new", kind)]
    operators = [operator(0, "MUL", (before, 1), (3,)), operator(1, "ADD", (3, 2), (after,))]
    return tensors, operators


def with_variable(signatures=()):
    """An int8 state in a variable."""
    tensors, operators = gated(0, 4, "INT8")
    tensors = [*tensors, tensor("handle", "RESOURCE", ()), tensor("x", "INT8")]
    first = [operator(2, "VAR_HANDLE", (), (5,), name="h"), operator(3, "READ_VARIABLE", (5,), (0,))]
    return whole(tensors, [*first, *operators, operator(4, "ASSIGN_VARIABLE", (5, 4), ())], (6,), (4,), signatures=signatures)


def with_loop():
    """An int8 state in the body of WHILE."""
    tensors, operators = gated(0, 4, "INT8")
    body = SubgraphInfo("body", tuple(tensors), tuple(operators), (0, 1, 2), (4, 1, 2))
    return whole([tensor("x"), tensor("y")], [operator(0, "WHILE", (0,), (1,), body=1, cond=1)], more=(body,))


MANY = 100
CHAIN = [operator(index, "ADD", (index, index), (index + 1,)) for index in range(MANY)]
RESET = SignatureInfo("reset", 0, {}, {})
BIG = tensor("a", data=b"7" * 400)

# Name -> (file, flash in bytes or None, severity, rule and runtimes).
SYNTHETIC = {
    "too new for any": (product({"kind": "INT8", "data": b"w" * 64}, version=99), None, ("blocks", "too_new", "litert")),
    "16-bit activations, 32-bit bias": (
        product({"kind": "INT8", "data": b"w" * 64}, "INT16", "INT32"),
        None,
        ("blocks", "int32_bias", "tflite-runtime"),
    ),
    "4-bit weights": (product({"kind": "INT4", "data": b"w" * 32}, "INT16"), None, ("blocks", "int4", "tflite-runtime tflm")),
    "sparse weights": (product({"kind": "INT8", "data": b"w" * 9, "sparse": True}), None, ("blocks", "sparse", "tflm")),
    "rows with scales": (product({"kind": "INT8", "data": b"w" * 64, "scales": 8}), None, ("note", "per_channel", EVERYWHERE)),
    "a cell of 8 bits": (lstm("INT8"), None, ("wrong", "int8_state", EVERYWHERE)),
    "a cell of 16 bits": (lstm("INT16"), None, ("costs", "int8_hidden", EVERYWHERE)),
    "state in a variable": (with_variable(), None, ("wrong", "int8_state", EVERYWHERE)),
    "variable without a reset": (with_variable(), None, ("wrong", "variables", HOSTED)),
    "variable with a reset": (with_variable([RESET]), None, ("note", "variables", EVERYWHERE)),
    "state in a loop": (with_loop(), None, ("wrong", "int8_state", EVERYWHERE)),
    "copies of weights": (
        whole([tensor("x"), BIG, replace(BIG, name="b", data=bytes(bytearray(BIG.data))), tensor("y")], []),
        None,
        ("costs", "repeated_weights", EVERYWHERE),
    ),
    "much graph": (whole([tensor(str(n)) for n in range(MANY + 1)], CHAIN), None, ("costs", "overhead", EVERYWHERE)),
    "does not fit": (whole([tensor("x"), tensor("y")], []), 4095, ("blocks", "flash", "tflm")),
    "fits": (whole([tensor("x"), tensor("y")], []), 4096, ("note", "flash", "tflm")),
    "no signature": (
        whole([tensor("a"), tensor("b"), tensor("y")], [], (0, 1), (2,)),
        None,
        ("costs", "edges", EVERYWHERE),
    ),
}
