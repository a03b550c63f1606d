"""Which candidates fit a budget by prediction, before anything is trained."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, replace

from edgeseq.choose.budget import Budget, Cost
from edgeseq.choose.configuration import Configuration
from edgeseq.choose.prediction.network import kind_of
from edgeseq.choose.search.proposals.amounts import NAMES, amount, as_options, budget_text, excess_text
from edgeseq.choose.search.proposals.space import Proposal, Space, plain
from edgeseq.choose.search.proposals.target import Target
from edgeseq.errors import BudgetError
from edgeseq.targets import OPTIMIZE_MODES, Optimize

# Cells that are tried at several learning rates before any other is tried.
TUNED = ("gru", "lstm")
# Of a prediction whose error nobody told.
MARGIN_PCT = 3.0
_ERRORS = {"flash_bytes": "flash", "ram_bytes": "ram", "latency_us": "cycles", "energy_uj": "cycles"}


@dataclass(frozen=True, slots=True)
class Fit:
    """A candidate's predicted cost with the kernels that were picked: for speed if that fits, else for size.

    excess: by which share of its limit each figure is over; empty if it fits.
    """

    optimize: Optimize
    cost: Cost
    excess: dict[str, float]


def fit(network: Configuration, budget: Budget, target: Target, modes: tuple[Optimize, ...] = OPTIMIZE_MODES) -> Fit:
    """Return the first mode that fits, else the one that is over by least."""
    found = []
    for mode in modes:
        cost = target.predicted(network, mode)
        over = {name: value / max(getattr(budget, name), 1e-9) for name, value in budget.excess(cost).items()}
        if not over:
            return Fit(mode, cost, {})
        found.append(Fit(mode, cost, over))
    return min(found, key=lambda each: max(each.excess.values()))


def why_not(found: Fit, budget: Budget) -> str:
    """Say by how much a candidate is over."""
    return f"does not fit: predicted {excess_text(budget, found.cost)} ({found.optimize} kernels)"


def largest(cell: str, space: Space, budget: Budget, target: Target, modes: tuple[Optimize, ...]) -> Proposal:
    """Return the plain candidate of a cell with the most units that fit, or with the fewest if none do."""

    def fits(units: int) -> bool:
        return not fit(plain(cell, units, space).configuration, budget, target, modes).excess

    # Costs grow with units.
    count = bisect.bisect_left(space.sizes, x=True, key=lambda units: not fits(units))
    return plain(cell, space.sizes[max(0, count - 1)], space)


def first(space: Space, budget: Budget, target: Target, modes: tuple[Optimize, ...]) -> list[Proposal]:
    """Return what a search begins with: of each cell the plain candidate of the most units that fit, of TUNED at other rates too.

    Nothing moves what a recurrent network learns as much as the learning rate does (Greff et al. 2017), and TUNED are what
    every answer is compared with; so they come first, at each of their rates.
    """
    plainest = {cell: largest(cell, space, budget, target, modes) for cell in space.cells}
    tuned = [plainest.pop(cell) for cell in TUNED if cell in plainest]
    rates = [rate for rate in reversed(space.learning_rates) if rate not in {each.learning_rate for each in tuned}]
    return (
        tuned + [replace(each, learning_rate=rate) for rate in dict.fromkeys(rates) for each in tuned] + list(plainest.values())
    )


def shrunk(proposal: Proposal, space: Space, budget: Budget, target: Target, modes: tuple[Optimize, ...]) -> Proposal | None:
    """Return the proposal with fewer units in each layer, as few less as let it fit; None if it never does."""
    network = proposal.configuration
    sizes = [space.sizes.index(units) for units in network.units]
    for less in range(1, max(sizes) + 1):
        units = [space.sizes[max(0, size - less)] for size in sizes]
        layers = tuple((cell, count) for (cell, _), count in zip(network.layers, units, strict=True))
        smaller = replace(network, layers=layers)
        if not fit(smaller, budget, target, modes).excess:
            return replace(proposal, configuration=smaller)
    return None


def smallest_of_each(
    space: Space, target: Target, budget: Budget, modes: tuple[Optimize, ...]
) -> list[tuple[Configuration, Fit]]:
    """Return each cell's smallest candidate over schemes, windows and strides, and its fit: the nearest to the budget."""
    found = []
    for cell in space.cells:
        base = plain(cell, space.sizes[0], space)
        networks = [
            replace(base.configuration, scheme=scheme, input_dtype=entry, window=window, stride=stride)
            for scheme in space.schemes
            for entry in space.inputs
            for window in space.windows
            for stride in space.strides
        ]
        fits = [(network, fit(network, budget, target, modes)) for network in networks]
        found.append(min(fits, key=lambda pair: max(pair[1].excess.values(), default=0.0)))
    return found


def check_something_fits(space: Space, target: Target, budget: Budget, modes: tuple[Optimize, ...]) -> None:
    """Raise BudgetError where no cell's smallest candidate fits: by how much each is over, and what budget would do."""
    if any(not fit(plain(cell, space.sizes[0], space).configuration, budget, target, modes).excess for cell in space.cells):
        return
    found = smallest_of_each(space, target, budget, modes)
    if any(not each.excess for _, each in found):
        return
    rows = [f"  {network.title}: {excess_text(budget, each.cost)}" for network, each in found]
    network, nearest = min(found, key=lambda pair: max(pair[1].excess.values()))
    enough = _enough(budget, network, nearest, target)
    over = ", ".join(NAMES[name] for name in budget.excess(nearest.cost))
    way_out = f"What would fit one (too small now: {over}): {as_options(enough)}. To learn something, give more"
    if (enough.flash_bytes or 0) > target.core.flash_bytes or (enough.ram_bytes or 0) > target.core.ram_bytes:
        way_out = (
            f"One would take {as_options(enough)}, and {target.name} has {amount('flash_bytes', target.core.flash_bytes)} of "
            f"flash and {amount('ram_bytes', target.core.ram_bytes)} of RAM. Take other cells, shorter windows (--windows), or a "
            "target with more memory"
        )
    raise BudgetError(
        f"nothing fits {budget_text(budget)} on {target.name}. The smallest candidate of each cell, predicted:\n"
        + "\n".join(rows)
        + f"\n{way_out}"
    )


def _enough(budget: Budget, configuration: Configuration, found: Fit, target: Target) -> Budget:
    """Return the budget, raised where needed to hold this network and what the prediction may be off."""
    raised, kind = {}, kind_of(configuration)
    for name in budget.excess(found.cost):
        errors = target.prediction_error.get(found.optimize, {}).get(kind, {}).get(_ERRORS[name], {})
        value = getattr(found.cost, name) * (1 + errors.get("p95", MARGIN_PCT) / 100)
        raised[name] = 256 * math.ceil(value / 256) if name in ("flash_bytes", "ram_bytes") else math.ceil(value * 10) / 10
    return replace(budget, **raised)


__all__ = ["Fit", "amount", "check_something_fits", "first", "fit", "largest", "shrunk", "smallest_of_each", "why_not"]
