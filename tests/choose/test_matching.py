"""Units that make cells alike."""

from dataclasses import replace

import pytest

from edgeseq.choose.comparison.matching import PARAMETERS, match_all, notes_on, parameters, scaled
from edgeseq.choose.comparison.plan import Plan
from edgeseq.errors import TrainingError
from edgeseq.train.backend import import_keras
from edgeseq.train.registry import CELLS

FEATURES, OUTPUTS = 5, 3


def counted(cell: str, units: tuple[int, ...]) -> int:
    return parameters(cell, units, FEATURES, OUTPUTS)


@pytest.mark.parametrize(("cell", "units"), [*((cell, (7,)) for cell in CELLS), ("lstm+gru", (6, 4)), ("gru", (6, 4))])
def test_parameters_are_those_of_keras(cell, units):
    """The formula counts what Keras counts, layer by layer, for every cell that can be trained."""
    keras = import_keras()
    names = cell.split("+") * (len(units) // len(cell.split("+")))
    model = keras.Sequential([keras.Input((None, FEATURES))])
    for index, (name, size) in enumerate(zip(names, units, strict=True)):
        model.add(CELLS[name](keras, size, return_sequences=index + 1 < len(units), name=f"{name}_{index}"))
    model.add(keras.layers.Dense(OUTPUTS))
    assert parameters(cell, units, FEATURES, OUTPUTS) == model.count_params()


def test_every_cell_has_a_formula():
    assert set(PARAMETERS) == set(CELLS)


@pytest.mark.parametrize("reference", list(CELLS))
def test_no_other_units_are_nearer(reference):
    """Of all units, the matched ones come nearest to the reference's parameters; of two as near, the fewer."""
    plan = Plan((reference, *(cell for cell in CELLS if cell != reference)), (24,), "parameters")
    matched = match_all(plan, counted)
    goal = counted(reference, (24,))
    assert (matched[0].units, matched[0].size) == ((24,), goal)
    for each in matched[1:]:
        best = min(range(1, 400), key=lambda units: (abs(counted(each.cell, (units,)) - goal), units))
        assert each.units == (best,), each.cell
        assert each.size == counted(each.cell, (best,))


def test_equal_units_are_equal():
    plan = Plan(("gru", "lstm", "lstm+gru"), (8, 4), "units")
    assert [each.units for each in match_all(plan, lambda _, units: units[0])] == [(8, 4)] * 3


def test_layers_keep_their_proportions():
    """Two layers of a matched cell have the proportions of the reference's."""
    plan = Plan(("gru", "rnn"), (32, 16), "parameters")
    _, rnn = match_all(plan, counted)
    assert rnn.units == scaled((32, 16), rnn.units[0])
    assert rnn.units[0] > 32
    assert rnn.units[1] == round(rnn.units[0] / 2)


def test_steps_of_flash_are_met_from_below():
    """Flash grows in steps of the kernels' groups: of the units on the nearest step, one is taken, and few images are built."""
    built = []

    def flash(cell: str, units: tuple[int, ...]) -> int:
        groups = -(-units[0] // 4)
        return 1500 + 64 * {"gru": 3, "rnn": 1}[cell] * groups * groups

    def counted_builds(cell: str, units: tuple[int, ...]) -> int:
        built.append((cell, units))
        return flash(cell, units)

    gru, rnn = match_all(Plan(("gru", "rnn"), (16,), "flash"), counted_builds)
    assert abs(rnn.size - gru.size) == min(abs(flash("rnn", (units,)) - gru.size) for units in range(1, 200))
    assert len(built) == len(set(built)) < 12


@pytest.mark.parametrize(
    ("cells", "units", "sizes", "words"),
    [
        (("rnn", "gru"), 4, {"rnn": 100, "gru": 1000}, r"RNN\(4\) has 400 B of flash, and GRU\(1\) already 1,000; give more"),
        (("gru", "mingru"), 512, {"gru": 9000, "mingru": 1}, r"minGRU\(1024\), the largest that is tried, 1,024; give fewer"),
    ],
)
def test_what_cannot_be_matched_is_said(cells, units, sizes, words):
    """No number of units that comes near: both sizes, and what to do."""
    plan = Plan(cells, (units,), "flash")
    with pytest.raises(TrainingError, match=words):
        match_all(plan, lambda cell, given: sizes[cell] * given[0])


def test_cells_that_stay_unlike_are_noted():
    """Small cells cannot be alike to the parameter; more than 5 % is said."""
    plan = Plan(("lstm", "gru"), (2,), "parameters")
    matched = match_all(plan, counted)
    (note,) = notes_on(matched, "parameters")
    assert note.startswith(f"GRU({matched[1].units[0]}) has {matched[1].size} parameters, ")
    assert f"against {matched[0].size}: the nearest there is" in note
    assert notes_on(match_all(replace(plan, units=(64,)), counted), "parameters") == ()


def test_one_unit_that_is_near_is_a_match():
    plan = Plan(("rnn", "gru"), (3,), "flash")
    matched = match_all(plan, lambda cell, units: {"rnn": 1000, "gru": 1010}[cell] + units[0])
    assert matched[1].units == (1,)


def test_what_was_matched_before_stays():
    """Going on builds nothing again for the cells that are known."""
    plan = Plan(("gru", "rnn"), (8,), "flash")
    before = match_all(plan, lambda cell, units: {"gru": 300, "rnn": 100}[cell] * units[0])

    def fail(cell: str, units: tuple[int, ...]) -> int:
        raise AssertionError(cell)

    assert match_all(plan, fail, before) == before
    assert before[1].units == (24,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cells": ("gru", "transformer")}, "unknown cell 'transformer'; known: gru, lstm, rnn"),
        ({"cells": ("gru",)}, "cells gru: expected at least two, each once"),
        ({"cells": ("gru", "gru")}, "cells gru,gru: expected at least two, each once"),
        ({"cells": ()}, r"cells \(none\): expected at least two"),
        ({"seeds": 1}, "1 seed: how far .* Take at least 2; 5 are the default"),
        ({"scheme": "int2"}, "unknown scheme 'int2'; known: int8"),
        ({"cells": ("gru", "lstm+gru"), "units": (8, 8, 8)}, "cell 2, units 3, layers 1 values do not fit each other"),
    ],
)
def test_plans_that_make_no_comparison(change, words):
    with pytest.raises(TrainingError, match=words):
        replace(Plan(("gru", "lstm")), **change)
