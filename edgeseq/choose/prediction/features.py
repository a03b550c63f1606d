"""What instructions, code and stack are linear in: counts of the kernels' own loops, and which functions are there.

A feature's name says whose it is; its coefficient is fitted on measured images (benchmarks/predictor.py). What only one
kind of layer has comes after what it shares with others, so that rare kinds lean on the common ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from edgeseq.choose.prediction.layout import FAST_CELLS, GATES, Part

Features = Mapping[str, float]
# Units whose rows lie together; columns that a row loop takes at a time.
_GROUP = {"compact": 1, "dsp": 4, "thumb1": 4, "scalar": 2, "avr": 4, "portable": 1}
_COLUMNS = {"compact": 1, "dsp": 4, "thumb1": 1, "scalar": 1, "avr": 1, "portable": 1}
_DENSE_GROUP = {"compact": 1, "dsp": 2, "thumb1": 4, "scalar": 2, "avr": 2, "portable": 1}
# Rounds of a turn of the dsp kernels' loop.
_TURN = 4


def _up(value: int, step: int) -> int:
    return -(-value // step)


def instruction_features(parts: Iterable[Part]) -> Features:
    """Rounds of every loop of one step."""
    found: dict[str, float] = defaultdict(float)
    found["call"] = 1
    layers = tuple(parts)
    steps = portable_steps(layers)
    for part in layers:
        if steps[step_name(part)] > 1:
            found["portable.shared"] += part.units
            found[f"portable.shared.{part.cell}"] += part.units
        for name, value in _dense_rounds(part) if part.cell == "dense" else _rounds(part):
            found[name] += value
    if layers[-1].family == "compact":
        # Compiled for size, no loop has a remainder.
        return {name: value for name, value in found.items() if not name.endswith(".remainder")}
    return found


def portable_steps(parts: Iterable[Part]) -> Counter[tuple[str, ...]]:
    """Instances of the portable kernels' steps, by how many layers call them."""
    return Counter(step_name(part) for part in parts if not part.fast)


def step_name(part: Part) -> tuple[str, ...]:
    """The instance of a portable step that runs a layer: its cell and its types."""
    return part.cell, f"x{16 if part.wide else 8}", f"h{16 if part.wide_state else 8}", f"w{part.bits}"


def _dense_rounds(part: Part) -> Iterable[tuple[str, float]]:
    group = _DENSE_GROUP[part.family]
    rows = group * _up(part.units, group)
    yield "dense.row", rows
    yield "dense.mac", rows * _up(part.inputs, _COLUMNS[part.family])
    if part.family not in ("compact", "dsp"):
        yield "dense.odd", part.units % 4 in (1, 2)
        yield "dense.remainder", _up(part.units, 4) * (part.inputs % 4)
        yield "dense.short", (part.units % 4 in (1, 2)) * part.inputs


def _rounds(part: Part) -> Iterable[tuple[str, float]]:
    """Loops of a recurrent layer: its rows, its views, its units."""
    family, bits = part.family, part.bits
    yield from _ROW_ROUNDS[family](part)
    yield f"{family}.view{bits}.{part.entry}", _up(part.inputs, _COLUMNS[family])
    if part.cell != "mingru":
        yield f"{family}.view{bits}.{'state16' if part.wide_state else 'state'}", _up(part.units, _COLUMNS[family])
    yield f"{family}.unit.{part.cell}", part.units
    if _GROUP[family] > 1:
        yield f"{family}.group.{part.cell}", _up(part.units, _GROUP[family])
    yield f"{family}.layer.{part.cell}", 1
    yield f"{family}.unit", part.units
    yield f"{family}.layer", 1


def _sides(part: Part) -> list[tuple[int, int]]:
    """Columns and width of what each matrix reads."""
    sides = [(part.inputs, 16 if part.wide else 8), (part.units, 16 if part.wide_state else 8)]
    return sides[: 1 if part.cell == "mingru" else 2]


def _gates(part: Part) -> tuple[int, int]:
    """Gates, and those that keep their parts apart."""
    sums, apart = FAST_CELLS.get(part.cell, (GATES[part.cell], 0))
    return sums + apart, apart


def _compact(part: Part) -> Iterable[tuple[str, float]]:
    """One row after another, all views alike."""
    gates, apart = _gates(part)
    rows = gates * part.units
    for size, _ in _sides(part):
        yield f"compact.mac{part.bits}", rows * (_up(size, 2) if part.bits == 4 else size)
    yield f"compact.row{part.bits}", rows
    yield "compact.apart", apart * part.units


def _portable(part: Part) -> Iterable[tuple[str, float]]:
    """One row after another; the loop of each pair of types is a function that a compiler may unroll."""
    rows = GATES[part.cell] * part.units
    for size, width in _sides(part):
        kind = f"portable.{width}.{part.bits}"
        columns = _up(size, 2) if part.bits == 4 else size
        yield f"{kind}.mac", rows * columns
        yield f"{kind}.row", rows
        yield f"{kind}.remainder", rows * (size % 4)
        yield f"{kind}.odd", rows * (size % 2)
        yield f"{kind}.one", rows * (columns == 1)
    yield f"portable.row.{part.cell}", rows


def _dsp(part: Part) -> Iterable[tuple[str, float]]:
    """Blocks of four rows, rounds of four columns, turns of four rounds."""
    gates, apart = _gates(part)
    groups = _up(part.units, 4)
    for size, width in _sides(part):
        kind = f"dsp.{width}.{part.bits}"
        yield f"{kind}.round", groups * gates * _up(size, 4)
        yield f"{kind}.turn", groups * gates * _up(size, 4 * _TURN)
        yield f"{kind}.block", groups * gates
    yield "dsp.apart", groups * apart


def _thumb1(part: Part) -> Iterable[tuple[str, float]]:
    """Two gates of four units at once, a last one alone."""
    gates, _ = _gates(part)
    groups = _up(part.units, 4)
    for size, width in _sides(part):
        kind = "thumb1.8" if part.bits == 8 else f"thumb1.4.{width}"
        for name, count in (("pair", gates // 2), ("single", gates % 2)):
            yield f"{kind}.{name}.column", groups * count * (_up(size, 2) if name == "single" and part.bits == 4 else size)
            yield f"{kind}.{name}", groups * count
            yield f"{kind}.{name}.odd", groups * count * (size % 2)


def _scalar(part: Part) -> Iterable[tuple[str, float]]:
    """All gate rows of two units, four columns a round."""
    gates, apart = _gates(part)
    groups = _up(part.units, 2)
    for size, width in _sides(part):
        yield f"scalar.{width}.mac", groups * gates * size
        yield f"scalar.{width}.column", groups * size
        yield f"scalar.{width}.round", groups * (size // 4)
        yield f"scalar.{width}.remainder", groups * (size % 4)
        yield f"scalar.{width}.loop", groups * (size >= 4)
    yield "scalar.row", groups * gates
    yield "scalar.apart", groups * apart


def _avr(part: Part) -> Iterable[tuple[str, float]]:
    """Blocks of four rows of one gate."""
    gates, apart = _gates(part)
    groups = _up(part.units, 4)
    for (size, width), side in zip(_sides(part), "xh", strict=False):
        yield f"avr.{width}.column", groups * gates * size
        yield f"avr.{width}.block.{side}", groups * gates
    yield "avr.apart", groups * apart


_ROW_ROUNDS = {"compact": _compact, "portable": _portable, "dsp": _dsp, "thumb1": _thumb1, "scalar": _scalar, "avr": _avr}


def code_features(parts: Iterable[Part]) -> Features:
    """Functions of the image, and what each layer adds to the model's own."""
    found: dict[str, float] = defaultdict(float)
    found["image"] = 1
    layers = tuple(parts)
    for part in layers:
        if part.cell == "dense":
            found |= dict.fromkeys(dense_code(part.family, part.inputs, part.units), 1)
            continue
        found |= dict.fromkeys(_functions(part), 1)
        for name in _layer_code(part) if part.fast else _call_code(part):
            found[name] += 1
    for (cell, *types), uses in portable_steps(layers).items():
        # An instance of a step for each pair of types; one that a single layer uses is made for its sizes.
        found["step"] += 1
        found[f"step.{cell}"] += 1
        found["step.shared"] += uses > 1
        found[f"step.{cell}.shared"] += uses > 1
        for name in types:
            found[f"step.{name}"] += 1
            found[f"step.{cell}.{name}"] += 1
    return found


def dense_code(family: str, inputs: int, units: int) -> Iterable[str]:
    """A Dense layer that reads an int16 tensor: its own code, and what it calls."""
    yield f"dense.{family}"
    if family == "thumb1":
        # Eight rows at a time, at most four at the end.
        yield from ["function.rows8"] * (units > 4) + ["function.rows4"] * ((units - 1) % 8 < 4)
        yield from _trips("dense.rows", units, 8, units)
    elif family == "scalar":
        fours = _up(max(0, units - 2), 4)
        yield from _trips("dense.fours", 4 * fours, 4, 4 * fours)
        yield from _trips("dense.columns", inputs, 4, inputs)
        yield f"dense.last{units - 4 * fours}"
        yield f"dense.last{units - 4 * fours}.rest{inputs % 4}"
    elif family != "compact":
        yield from _trips("dense.rows", units, _DENSE_GROUP[family], units)
        yield from _trips("dense.columns", inputs, _COLUMNS[family], inputs)


def _trips(name: str, size: int, step: int, whole: int) -> Iterable[str]:
    """A loop of `step` values a turn: what is left of it where it turns once or never, and what comes after it.

    whole: values that its turns take; no fewer than size where the last one is partly padding.
    """
    if whole < 2 * step:
        yield f"{name}.turns{whole // step}"
    if size % step:
        yield f"{name}.rest"
        yield f"{name}.rest{size % step}"


def _functions(part: Part) -> Iterable[str]:
    """Functions that a layer calls, whoever else does."""
    family, cell, bits = part.family, part.cell, part.bits
    x, h = 16 if part.wide else 8, 16 if part.wide_state else 8
    yield f"has.{family}"
    yield f"has.{family}.{cell}"
    if not part.fast:
        # FastGRNN, MGU and minGRU use both curves; views and row loops are by type.
        yield from (f"dot.{width}.{bits}" for width in ((x,) if cell == "mingru" else (x, h)))
        if cell != "mingru" or part.entry.startswith("state"):
            yield f"function.view{h}"
    elif family == "dsp":
        gates, apart = _gates(part)
        kinds = ["parts"] * (apart > 0 or not part.bounded) + ["sum"] * (part.bounded and gates > apart)
        for kind in kinds:
            yield f"rows.{kind}.{bits}"
            yield f"rows.{kind}.{bits}.{x}.{h}"
    elif family == "thumb1":
        gates, _ = _gates(part)
        names = ["rows"] if bits == 8 else [f"nibbles{width}" for width in (x, h)]
        yield from (f"function.{name}{count}" for name in names for count in {8 * (gates > 1), 4 * (gates % 2)} - {0})
    elif family == "avr":
        yield f"blocks.{part.bounded}.{x}"
    else:
        yield f"rows.{family}.{bits}"


def _call_code(part: Part) -> Iterable[str]:
    """What a layer of portable kernels adds to the model's step."""
    yield "layer.portable"
    yield f"layer.portable.{part.cell}"
    yield f"view.portable.{part.entry}"
    yield from _trips(f"layer.portable.{part.cell}", part.units, 1, part.units)


def _layer_code(part: Part) -> Iterable[str]:
    """What a layer of a family's kernels adds: its loops over groups, its views, its rows where they are inlined."""
    family, cell = part.family, part.cell
    layer = f"layer.{family}.{cell}"
    yield f"layer.{family}"
    yield layer
    if not part.bounded:
        yield f"layer.{family}.unbounded"
        yield f"{layer}.unbounded"
    views = [(part.entry, part.inputs), ("state16" if part.wide_state else "state", part.units)]
    for entry, size in views:
        yield f"view.{family}.{part.bits}.{entry}"
        if family != "compact":
            yield from _trips(f"view.{family}.{part.bits}.{entry}", size, _COLUMNS[family], size)
    group = _GROUP[family]
    yield from _trips(layer, part.units, group, group * _up(part.units, group))
    if family == "scalar":
        rows = 2 * _gates(part)[0]
        for size, width in _sides(part):
            yield from [f"rows.scalar.{width}", f"rows.scalar.{width}.{rows}"] * (size >= 4)
            yield from [f"column.scalar.{rows}"] * (size % 4)
            yield from _trips(f"rows.scalar.{rows}", size, 4, size)
