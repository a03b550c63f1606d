"""Bytes that the exporter will lay out, from sizes alone: weights, tables, state and scratch.

The twin of edgeseq/export/c/{fast,layout}.py and edgeseq/export/c/isa; a test compares them network by network. What
only weights can tell is assumed as it mostly is: no matrix is sparse, multipliers are short but those of input codes,
and rows are proved to stay within int16 but for those of many or of 16-bit codes, whose largest sums are far beyond
what calibration saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.export.c.buffers import Buffer, Extent, struct_extent, union_extent
from edgeseq.export.c.project import SHARED_TABLES

# Gates whose two parts are added, and gates that keep them apart, of cells that have fast kernels.
FAST_CELLS = {"gru": (2, 1), "lstm": (4, 0), "rnn": (1, 0)}
GATES = {"rnn": 1, "gru": 3, "lstm": 4, "mgu": 2, "mingru": 2, "fastgrnn": 1}
# Families whose products read 15 bits of the state, and those that have 4-bit weights.
_WIDE_STATE, _FOUR_BITS = ("compact", "thumb1", "dsp", "scalar", "simd"), ("compact", "thumb1", "dsp")
# Columns beyond which the Armv6-M kernels mostly refuse 4-bit weights of an 8-bit view: a row could leave 16 bits.
_LARGEST_NIBBLE_ROW = 72
# Columns of 8-bit codes and weights up to which the largest sum mostly stays within what calibration saw, doubled.
_PROVED_INPUTS = 6
_SIGMOID_TABLE = SHARED_TABLES["es_sigmoid_table.c"]

Entry = Literal["codes8", "codes16", "state", "state16"]


@dataclass(frozen=True, slots=True)
class Part:
    """A layer as the exporter plans it.

    family: of its kernels, "portable" where the core's own cannot run it. bounded: whether its rows are proved to stay
    within int16, so that sums need one bias alone.
    """

    cell: str
    inputs: int
    units: int
    bits: int
    entry: Entry
    wide_state: bool
    family: str
    bounded: bool = True

    @property
    def wide(self) -> bool:
        """Whether x has more than 8 bits."""
        return self.entry in ("codes16", "state16")

    @property
    def fast(self) -> bool:
        """Whether a family's kernels run it."""
        return self.family != "portable"


@dataclass(frozen=True, slots=True)
class Layout:
    """Bytes, as CProject has them. padding: what of state and scratch only aligns the rest; AVR aligns nothing."""

    weights: int
    tables: int
    state: int
    scratch: int
    padding: int = field(default=0, compare=False)


def parts_of(configuration: Configuration, shape: TaskShape, kernel_set: str, bounded: Sequence[bool] = ()) -> tuple[Part, ...]:
    """The recurrent layers, then the Dense head, as a kernel set runs them. bounded: of fast layers, where it is known."""
    bits = 4 if configuration.scheme.endswith("x4") else 8
    wide_state = configuration.scheme.startswith("int16")
    codes: Entry = "codes8" if configuration.input_dtype == "int8" else "codes16"
    state: Entry = "state16" if wide_state else "state"
    parts = []
    size, entry, at = shape.features, codes, 0
    for cell, units in configuration.layers:
        able = cell in FAST_CELLS and (bits == 8 or kernel_set in _FOUR_BITS) and (not wide_state or kernel_set in _WIDE_STATE)
        if kernel_set == "thumb1" and bits == 4:
            narrow = [size] * (entry in ("codes8", "state")) + [units] * (not wide_state)
            able = able and max(narrow, default=0) <= _LARGEST_NIBBLE_ROW
        known = bounded[at] if able and at < len(bounded) else _mostly_bounded(entry, size, bits, wide_state)
        at += able
        parts.append(Part(cell, size, units, bits, entry, wide_state, kernel_set if able else "portable", known))
        size, entry = units, state
    return (*parts, Part("dense", size, shape.outputs, 8, "state16", wide_state, kernel_set))


def _mostly_bounded(entry: Entry, inputs: int, bits: int, wide_state: bool) -> bool:
    """Whether such rows are mostly proved to stay within int16.

    Right for 92 % of 258 random layers; of those that read a state or 4-bit weights and 8-bit codes, for all but four.
    """
    match entry:
        case "codes8":
            return bits == 4 or inputs <= _PROVED_INPUTS
        case "codes16":
            return bits == 4 and not wide_state
        case _:
            return True


def layout_of(parts: tuple[Part, ...]) -> Layout:
    """Sum of all layers, with the tables they share; the state struct as any of the targets lays it out."""
    weights = [_weights(part) for part in parts]
    carry = [buffer for part in parts for buffer in _carry(part)]
    state = struct_extent(carry).size
    work = [struct_extent(_work(part)) for part in parts if _work(part)]
    scratch = struct_extent([struct_extent(carry), struct_extent([union_extent(work)])]).size - state
    packed = sum(each.size_bytes for each in carry) + max((sum(each.size for each in _work(part)) for part in parts), default=0)
    tables = sum(t for _, t in weights) + _SIGMOID_TABLE
    return Layout(sum(w for w, _ in weights), tables, state, scratch, state + scratch - packed)


def _carry(part: Part) -> Iterator[Buffer]:
    for name in {"dense": "", "lstm": "hc"}.get(part.cell, "h"):
        yield Buffer(name, "int16", part.units, "")


def _work(part: Part) -> list[Extent]:
    """Buffers that live during the layer alone."""
    if part.cell == "dense":
        return []
    if part.fast:
        views: list[tuple[int, Entry]] = [(part.inputs, part.entry), (part.units, "state16" if part.wide_state else "state")]
        return [_view(part.family, size, part.bits, entry) for size, entry in views if not _read_in_place(part, entry)]
    state = 2 if part.wide_state else 1
    x = [Extent(state * part.inputs, state)] if part.entry in ("state", "state16") else []
    h = Extent(state * part.units, state)
    if part.cell == "mingru":
        return x
    return [*x, Extent(2 * part.units, 2), h, h] if part.cell == "mgu" else [*x, h]


def _read_in_place(part: Part, entry: str) -> bool:
    """Codes that the family reads where they lie."""
    return (part.family == "scalar" and entry.startswith("codes")) or (part.family == "avr" and entry == "codes16")


def _bytes(size: int) -> Extent:
    return Extent(size, 1)


def _halves(size: int) -> Extent:
    return Extent(2 * size, 2)


def _words(size: int) -> Extent:
    return Extent(4 * size, 4)


def _view(family: str, size: int, bits: int, entry: Entry) -> Extent:
    """The view of `size` values."""
    match family:
        case "compact":
            return _halves(size + (size % 2 if bits == 4 else 0))
        case "dsp":
            return _words(2 * _up(size, 4))
        case "thumb1":
            return _halves(3 + size) if bits == 8 else _words(1 + size + size % 2)
        case "scalar":
            return _bytes(size) if entry == "state" else _halves(size)
        case _:
            return _bytes(size + 2 + size % 2)


def head_stack_bytes(head: Part) -> int:
    """The view of its input that a Dense head keeps on the stack."""
    return 2 * (3 + head.inputs) if head.family == "thumb1" else 0


def _up(value: int, step: int) -> int:
    """Steps that cover the value."""
    return -(-value // step)


def _weights(part: Part) -> tuple[int, int]:
    """Bytes of weights and of tables."""
    if part.cell == "dense":
        return _DENSE[part.family](part.inputs, part.units)
    if not part.fast:
        return _portable(part)
    return _ROWS[part.family](part, *FAST_CELLS[part.cell])


def _portable(part: Part) -> tuple[int, int]:
    """One row after another, 32-bit biases, 16-bit multipliers."""
    rows, units = GATES[part.cell] * part.units, part.units
    columns = [part.inputs] if part.cell == "mingru" else [part.inputs, units]
    weights = sum(rows * (_up(count, 2) if part.bits == 4 else count) for count in columns)
    # The bias of the rows of x; a GRU's candidate has another, a FastGRNN's one of 16 bits.
    biases = rows + (units if part.cell == "gru" else 0)
    short = 2 * units if part.cell == "fastgrnn" else 0
    return weights, 2 * rows * len(columns) + 4 * biases + short


def _rows_compact(part: Part, sums: int, apart: int) -> tuple[int, int]:
    rows = (sums + apart) * part.units
    columns = sum(_up(size, 2) if part.bits == 4 else size for size in (part.inputs, part.units))
    return rows * columns, 4 * rows + 2 * apart * part.units + 10


def _rows_dsp(part: Part, sums: int, apart: int) -> tuple[int, int]:
    groups, gates = _up(part.units, 4), sums + apart
    words = sum(4 * _up(size, 4) if part.bits == 8 else _up(size, 2) for size in (part.inputs, part.units))
    # Biases of x's rows, multipliers of both, biases of the state's rows where they are needed.
    return 4 * groups * gates * words, 16 * groups * (3 * gates + (apart if part.bounded else gates))


def _rows_thumb1(part: Part, sums: int, apart: int) -> tuple[int, int]:
    groups, gates = _up(part.units, 4), sums + apart
    if part.bits == 8:
        return 4 * groups * gates * (part.inputs + part.units), 4 * groups * gates * 12
    pairs, single = gates // 2, gates % 2
    columns = sum(pairs * size + single * _up(size, 2) for size in (part.inputs, part.units))
    # Biases, and multipliers of two bytes where the view is wide, else of one.
    multipliers = sum(4 * gates * (2 if long else 1) for long in (part.entry != "state", part.wide_state))
    tables = multipliers + 16 * (gates + (apart if part.bounded else gates))
    return 4 * groups * columns, groups * tables


def _rows_scalar(part: Part, sums: int, apart: int) -> tuple[int, int]:
    groups, gates = _up(part.units, 2), sums + apart
    words = sum(_up(2 * gates * size, 4) for size in (part.inputs, part.units))
    return 4 * groups * words, 4 * groups * (2 * gates + 2 * apart + 2 * gates)


def _rows_avr(part: Part, sums: int, apart: int) -> tuple[int, int]:
    groups, gates = _up(part.units, 4), sums + apart
    return 4 * groups * gates * (part.inputs + part.units), groups * gates * ((24 if part.wide else 20) + 20)


_ROWS = {"compact": _rows_compact, "dsp": _rows_dsp, "thumb1": _rows_thumb1, "scalar": _rows_scalar, "avr": _rows_avr}


def _dense_scalar(columns: int, rows: int) -> tuple[int, int]:
    """Four rows at a time, one or two at the end together."""
    fours = max(0, _up(rows - 2, 4))
    rest = rows - 4 * fours > 0
    return 4 * (fours * columns + (_up(2 * columns, 4) if rest else 0)), fours * 24 + rest * 12


def dense_bytes(family: str, columns: int, rows: int) -> tuple[int, int]:
    """Bytes of weights and of tables of a Dense layer that reads an int16 tensor."""
    return _DENSE[family](columns, rows)


_DENSE: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "portable": lambda columns, rows: (rows * columns, 6 * rows),
    "compact": lambda columns, rows: (rows * columns, 4 * rows + 1),
    "dsp": lambda columns, rows: (8 * _up(rows, 2) * _up(columns, 4), 16 * _up(rows, 2)),
    "thumb1": lambda columns, rows: (4 * _up(rows, 4) * columns, 24 * _up(rows, 4)),
    "scalar": _dense_scalar,
    "avr": lambda columns, rows: (2 * _up(rows, 2) * columns, 12 * _up(rows, 2)),
}
