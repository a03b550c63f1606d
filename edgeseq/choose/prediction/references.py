"""Sizes and loops of the networks without recurrence (edgeseq.train.references), operator by operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.prediction.features import Features, dense_code
from edgeseq.choose.prediction.layout import Layout, dense_bytes
from edgeseq.export.c.buffers import Buffer, struct_extent
from edgeseq.export.c.project import SHARED_TABLES
from edgeseq.train.references import EXPANSION, HEAD_UNITS, TAPS, tcn_blocks

_SIGMOID, _POWER = SHARED_TABLES["es_sigmoid_table.c"], SHARED_TABLES["es_power_table.c"]
# Arrays of (steps, units) that a Transformer keeps between its loops, as the exporter places them.
_KEPT = 8


@dataclass(slots=True)
class _Operators:
    """What an exported network is made of; loops: rounds per time step, by what runs them; code: what their code is linear in."""

    family: str
    bits: int
    weights: int = 0
    tables: int = 0
    carry: list[Buffer] = field(default_factory=list)
    tensors: list[Buffer] = field(default_factory=list)
    loops: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    code: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def dense(self, columns: int, rows: int, *, codes: bool = False, kept: bool = True) -> None:
        """codes: it reads int8 codes, which the portable kernel does; kept: its result is a tensor of the scratch struct."""
        family = "portable" if codes else self.family
        weights, tables = dense_bytes(family, columns, rows)
        self.weights, self.tables = self.weights + weights, self.tables + tables
        kind = "codes" if codes else "dense"
        self.loops[f"{kind}.row"] += rows
        self.loops[f"{kind}.mac"] += weights
        self.loops[f"{kind}.layer"] += 1
        for name in [kind] if codes else dense_code(family, columns, rows):
            self.code[name] = 1 if name.startswith("function.") else self.code[name] + 1
        if kept:
            self.tensor(rows)

    def multiply(self, columns: int, rows: int, *, kept: bool = True) -> None:
        """A convolution's product, or a projection of attention; of 4-bit weights the portable kernel does it."""
        if self.bits == 8:
            self.dense(columns, rows, kept=kept)
            return
        self.weights, self.tables = self.weights + rows * -(-columns // 2), self.tables + 6 * rows
        self.loops["nibbles.row"] += rows
        self.loops["nibbles.mac"] += rows * columns
        self.loops["dense.layer"] += 1
        self.code["nibbles"] += 1
        if kept:
            self.tensor(rows)

    def depthwise(self, units: int, *, kept: bool = True) -> None:
        """One weight a channel."""
        self.weights, self.tables = self.weights + units, self.tables + 6 * units
        self.loops["depthwise"] += units
        if kept:
            self.tensor(units)

    def delay(self, size: int, dilation: int, width: int) -> None:
        """What a convolution sees. width: bytes of a value in its ring, which has an even number of them."""
        values = dilation * (TAPS - 1) * size
        self.carry += [Buffer("", "int8", values + values % 2, "") if width == 1 else Buffer("", "int16", values, "")]
        self.carry.append(Buffer("", "int16", 1, ""))
        self.loops["delay"] += TAPS * size
        self.loops["delay.layer"] += 1
        self.tensor(TAPS * size)

    def pool(self, units: int, *, kept: bool) -> None:
        """The mean over time."""
        self.carry += [Buffer("", "int16", units, ""), Buffer("", "int16", units, ""), Buffer("", "int16", 1, "")]
        self.loops["pool"] += units
        if kept:
            self.tensor(units)

    def values(self, name: str, units: int, *, kept: bool = True) -> None:
        """A loop over values."""
        self.loops[name] += units
        if kept:
            self.tensor(units)

    def tensor(self, size: int) -> None:
        """A member of the scratch struct."""
        self.tensors.append(Buffer("", "int16", size, ""))


@dataclass(frozen=True, slots=True)
class Reference:
    """An exported network: its bytes, and what instructions and code are linear in; steps: of a window, if it maps those."""

    layout: Layout
    loops: Features
    code: Features
    steps: int | None


def reference_of(configuration: Configuration, shape: TaskShape, kernel_set: str) -> Reference:
    """Describe a network without recurrence as a kernel set runs it."""
    ((name, units),) = configuration.layers
    steps = configuration.steps(shape)
    operators = _Operators(kernel_set, 4 if configuration.scheme.endswith("x4") else 8)
    width = 2 if configuration.scheme.startswith("int16") else 1
    shared, rounds = _BUILD[name](operators, configuration, shape, width)
    state = struct_extent(operators.carry).size
    scratch = struct_extent(operators.tensors)
    whole = struct_extent([struct_extent(operators.carry), scratch]).size
    layout = Layout(operators.weights, operators.tables + shared, state, whole - state)
    kind = f"{operators.bits}.{width}.{configuration.input_dtype}"
    code = {"image": 1.0, f"{name}.image": 1.0, f"{name}.{kind}": 1.0, f"{name}.widened": float(units == shape.features)}
    code |= {f"{name}.delays": operators.loops["delay.layer"], **operators.code}
    loops = {f"{name}.{key}": value * rounds for key, value in operators.loops.items()}
    loops |= {f"{name}.call": 1, f"{name}.step": rounds, f"{name}.head.mac": shape.outputs * units}
    return Reference(layout, loops, code, steps if name == "transformer" else None)


def _tcn(made: _Operators, configuration: Configuration, shape: TaskShape, width: int) -> tuple[int, int]:
    """Blocks of two convolutions; it streams. Returns bytes of shared tables, and steps of a call."""
    units, size = configuration.units[0], shape.features
    made.values("widen", size)
    for block in range(tcn_blocks(configuration.steps(shape))):
        for columns in (size, units):
            made.delay(columns, 2**block, width)
            made.multiply(TAPS * columns, units)
        if size != units:
            made.dense(size, units, codes=configuration.input_dtype == "int8")
        elif block == 0:
            made.values("widen", size)  # the shortcut's own copy of the codes
        made.values("sum", units)
        made.values("relu", units)
        size = units
    made.pool(units, kept=True)
    made.dense(units, shape.outputs, kept=False)
    return _SIGMOID, 1


def _transformer(made: _Operators, configuration: Configuration, shape: TaskShape, width: int) -> tuple[int, int]:
    """An embedding, attention over all pairs of steps, a feed-forward layer. As `_tcn`."""
    units, size, steps = configuration.units[0], shape.features, configuration.steps(shape)
    heads = max(1, units // HEAD_UNITS)
    heads = heads if units % heads == 0 else 1
    made.tensors.append(Buffer("", "int16", _KEPT * steps * units, ""))
    made.values("widen", size)
    made.delay(size, 1, width)
    for columns in (TAPS * size, *[units] * 4):
        made.multiply(columns, units, kept=False)
    made.depthwise(units, kept=False)
    made.values("norm", units)
    made.depthwise(units)
    made.dense(units, EXPANSION * units)
    made.dense(EXPANSION * units, units)
    made.values("sum", units)
    made.values("norm", units)
    made.depthwise(units)
    made.pool(units, kept=False)
    made.dense(units, shape.outputs, kept=False)
    made.tensor(steps)  # scores of one step with all
    made.loops |= {"pair": float(heads * steps), "pair.mac": float(2 * units * steps), "head": float(heads)}
    return _SIGMOID + _POWER, steps


_BUILD: dict[str, Callable[[_Operators, Configuration, TaskShape, int], tuple[int, int]]] = {
    "tcn": _tcn,
    "transformer": _transformer,
}
