"""Units of each cell that make the cells alike: in units, in parameters, or in flash of the linked image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeseq.choose.comparison.plan import Match, Plan, title
from edgeseq.errors import TrainingError
from edgeseq.train.recipe import Recipe

# Of the first layer; more is refused.
MOST_UNITS = 1024
# Beyond this difference in size, cells of few units cannot be made alike, and the comparison says so.
NOTED_DIFFERENCE = 0.05

# Trainable numbers of a layer of u units on i inputs, as Keras counts them with the cell's defaults (GRU: reset_after).
PARAMETERS: dict[str, Callable[[int, int], int]] = {
    "rnn": lambda i, u: u * (i + u + 1),
    "gru": lambda i, u: 3 * u * (i + u + 2),
    "lstm": lambda i, u: 4 * u * (i + u + 1),
    "fastgrnn": lambda i, u: u * (i + u + 2) + 2,
    "mgu": lambda i, u: 2 * u * (i + u + 1),
    "mingru": lambda i, u: 2 * u * (i + 1),
}

# Size of a network: parameters, or bytes of flash.
SizeOf = Callable[[str, tuple[int, ...]], int]


@dataclass(frozen=True, slots=True)
class Matched:
    """A cell's units, and its size in what was matched (units of the first layer, parameters, bytes of flash)."""

    cell: str
    units: tuple[int, ...]
    size: int


def parameters(cell: str, units: tuple[int, ...], features: int, outputs: int) -> int:
    """Trainable parameters of a network with its Dense head.

    >>> parameters("gru", (32,), 16, 10), parameters("lstm", (32,), 16, 10)
    (5130, 6602)
    """
    total, inputs = 0, features
    for name, size in Recipe(cell=cell, units=units).stack:
        total, inputs = total + PARAMETERS[name](inputs, size), size
    return total + (inputs + 1) * outputs


def scaled(units: tuple[int, ...], first: int) -> tuple[int, ...]:
    """Units of all layers in the same proportions, with that many in the first.

    >>> scaled((32, 16), 24), scaled((32,), 24)
    ((24, 12), (24,))
    """
    return tuple(max(1, round(size * first / units[0])) for size in units)


def match_all(plan: Plan, size_of: SizeOf, known: tuple[Matched, ...] = ()) -> tuple[Matched, ...]:
    """Return the units of each cell, the reference first. Raises TrainingError where no number of units comes near.

    known: cells that were matched before with the same reference.
    """
    before = {each.cell: each for each in known}
    first = before.get(plan.reference) or Matched(plan.reference, plan.units, size_of(plan.reference, plan.units))
    others = (before.get(cell) or match_cell(plan, cell, first.size, size_of) for cell in plan.cells[1:])
    return (first, *others)


def match_cell(plan: Plan, cell: str, goal: int, size_of: SizeOf) -> Matched:
    """Return the units of one cell whose size comes nearest to the goal; of two as near, the smaller."""
    if plan.match == "units":
        return Matched(cell, plan.units, size_of(cell, plan.units))
    sizes: dict[int, int] = {}

    def size(first: int) -> int:
        if first not in sizes:
            sizes[first] = size_of(cell, scaled(plan.units, first))
        return sizes[first]

    _bracket(plan, cell, goal, size)
    if size(1) >= goal:
        return Matched(cell, scaled(plan.units, 1), size(1))
    low, high = max(at for at, value in sizes.items() if value <= goal), min(at for at, value in sizes.items() if value >= goal)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= goal else (low, middle)
    first = min(sorted(sizes), key=lambda at: abs(sizes[at] - goal))
    return Matched(cell, scaled(plan.units, first), sizes[first])


def _bracket(plan: Plan, cell: str, goal: int, size: Callable[[int], int]) -> None:
    """Try units until both sides of the goal are known. Raises TrainingError where a side has none."""
    kind = "parameters" if plan.match == "parameters" else "B of flash"
    wanted = f"{title(plan.reference, plan.units)} has {goal:,} {kind}"
    smallest = size(1)
    if smallest > goal * (1 + NOTED_DIFFERENCE):
        raise TrainingError(
            f"--match {plan.match}: {wanted}, and {title(cell, scaled(plan.units, 1))} already {smallest:,}; "
            "give more --units, or leave this cell out"
        )
    high = min(MOST_UNITS, max(2, plan.units[0]))
    while (found := size(high)) < goal:
        if high == MOST_UNITS:
            raise TrainingError(
                f"--match {plan.match}: {wanted}, and {title(cell, scaled(plan.units, high))}, the largest that is tried, "
                f"{found:,}; give fewer --units, or leave this cell out"
            )
        high = min(MOST_UNITS, 2 * high)


def notes_on(matched: tuple[Matched, ...], match: Match) -> tuple[str, ...]:
    """Say where cells are not as alike as they should be."""
    goal = matched[0].size
    kind = {"units": "units", "parameters": "parameters", "flash": "B of flash"}[match]
    notes = []
    for each in matched[1:]:
        difference = each.size / goal - 1
        if abs(difference) > NOTED_DIFFERENCE:
            found = f"{title(each.cell, each.units)} has {each.size:,} {kind}"
            notes.append(f"{found}, {difference:+.0%} against {goal:,}: the nearest there is")
    return tuple(notes)
