"""The benchmarks of the search: the hand-tuned baseline's size, the points that are shown, the list of trials."""

import json

import pytest

from benchmarks.bench_models import Size, stand_in
from benchmarks.budget_cases import BUDGETS, Case
from benchmarks.by_hand import most_units
from benchmarks.choose import best_of
from benchmarks.scaleout import trial_list
from benchmarks.tables import choose as tables
from edgeseq.choose.about_data import task_shape
from edgeseq.choose.search.trials.windows import prepare
from edgeseq.measure.profile import profile
from tests.choose.made_up import data_set


@pytest.mark.slow
def test_the_baseline_has_the_most_units_that_fit():
    """Its smallest image is within the budget, and that of four units more is not."""
    case, data = Case("made up", "cortex-m0plus", "16K/2K"), prepare(data_set(), 0)
    shape, budget, units = task_shape(data), BUDGETS["16K/2K"], most_units(case, data)

    def fits(units):
        found = profile(stand_in("gru", Size(shape.features, units, shape.outputs)).graph, case.core, optimize="size")
        return found.flash_image_bytes <= budget.flash_bytes and found.ram_image_bytes <= budget.ram_bytes

    assert fits(units)
    assert not fits(units + 4)


def test_the_best_of_a_cell_is_measured_and_fits():
    """What is too large, unverified or of another cell is not shown beside the recommendation."""
    right = {"cell": "gru", "measured": True, "mismatches": 0, "accuracy": 0.9, "flash_bytes": 9000, "ram_bytes": 900}
    wrong = [{"flash_bytes": 17_000}, {"ram_bytes": 3000}, {"mismatches": 1}, {"measured": False}, {"cell": "lstm"}]
    found = [right, *(right | {"accuracy": 0.99} | each for each in wrong)]
    assert best_of(found, "gru", BUDGETS["16K/2K"]) is right
    assert best_of(found, "rnn", BUDGETS["16K/2K"]) is None


def test_trials_of_the_list_differ():
    """The same list each time; a network comes again with another seed only."""
    specs = trial_list(30, 2)
    assert specs == trial_list(30, 2)
    assert len({(spec.proposal.configuration.title, spec.seed) for spec in specs}) == 30
    assert [spec.number for spec in specs] == list(range(30))


def test_the_table_shows_what_was_found(tmp_path, monkeypatch):
    """Points without numbers of trials; a search that recommends nothing says so."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    point = {"name": "gru(8) int8 #3", "accuracy": 0.915, "flash_bytes": 9000, "ram_bytes": 900}
    row = {"data": "a", "core": "cortex-m4", "budget": "16K/2K", "seconds": 1230, "reused": 2}
    row |= {"baseline": point | {"margin": {"difference": -0.021, "low": -0.05, "high": 0.007}}}
    trials = {"infeasible": 5, "measured": 4, "trained": 6, "stopped early": 1}
    score = {"value": 0.9126, "low": 0.89, "high": 0.93, "among": 4}
    row |= {"trials": trials, "recommended": point, "recommended_score": score, "gru": point, "lstm": None}
    row |= {"margins": [{"cell": "lstm", "against": "b", "difference": 0.015, "low": -0.002, "high": 0.031}]}
    alone = {"recommended": None, "recommended_score": None, "baseline": point | {"margin": None}}
    (tmp_path / "choose.json").write_text(json.dumps([row, row | alone]))
    lines = tables.choose_table().splitlines()
    assert lines[2] == (
        "| a | cortex-m4 | 16K/2K | gru(8) int8, 91.50 %; 91.26 % | 9,000, 900 | none | "
        "gru(8) int8, 91.50 % | LSTM: +1.5 (-0.2 to +3.1) | gru(8) int8, 91.50 %: -2.1 (-5.0 to +0.7) | 9 + 2 | 20 |"
    )
    assert lines[3].endswith("| gru(8) int8, 91.50 % | 9 + 2 | 20 |")
    assert "| 16K/2K | none |  | none |" in lines[3]


def test_the_claim_counts_what_the_rows_hold(tmp_path, monkeypatch):
    """Ahead, level and behind, each with the intervals that exclude zero; the time of the smallest budget alone."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    margins = [(0.02, 0.01, 0.03), (0.01, -0.01, 0.03), (0.0, 0.0, 0.0), (-0.02, -0.04, 0.01), (-0.02, -0.03, -0.01)]
    rows = [
        {"data": "a", "core": "cortex-m4", "budget": "32K/4K" if low else "16K/2K", "seconds": 3000 if low else 660}
        | {"recommended": {"cell": "gru"}, "baseline": {"margin": {"difference": difference, "low": low, "high": high}}}
        for difference, low, high in margins
    ]
    (tmp_path / "choose.json").write_text(json.dumps(rows))
    assert tables.choose_claim() == (
        "5 searches (1 data sets, 2 budgets, 1 cores): the recommended network is more accurate than a GRU tuned by hand in 2 "
        "(1 with a 95 % interval above zero), as accurate in 1, less in 2 (1 with one below zero). Recommended: GRU 5 times. "
        "The smallest budget took 11 minutes at most, on two cores."
    )
