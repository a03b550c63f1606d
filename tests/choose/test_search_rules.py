"""The rules of the search on made-up figures: median, front, cutting, scores, verdict, explanation."""

from dataclasses import replace

import numpy as np
import pytest

from edgeseq.choose.about_data import describe, task_shape
from edgeseq.choose.budget import Budget, Cost
from edgeseq.choose.configuration import Configuration
from edgeseq.choose.metric import METRICS
from edgeseq.choose.scores import WindowScores, baseline, window_scores
from edgeseq.choose.search.answer.difference import compared, difference, score_interval
from edgeseq.choose.search.answer.explain import explain
from edgeseq.choose.search.answer.finalists import pick
from edgeseq.choose.search.answer.verdict import judge
from edgeseq.choose.search.proposals.amounts import OPTIONS, as_options
from edgeseq.choose.search.proposals.fit import check_something_fits, first, fit, largest, shrunk
from edgeseq.choose.search.proposals.space import SIZES, Proposal, Space, parameters
from edgeseq.choose.search.proposals.target import Target
from edgeseq.choose.search.study.front import dominates, front, measured_front
from edgeseq.choose.search.trials.median import MedianRule
from edgeseq.choose.search.trials.windows import prepare, seen_by
from edgeseq.cli.amounts import ENERGY, SIZE, TIME
from edgeseq.data import DataSet, Part
from edgeseq.errors import BudgetError, DataError
from edgeseq.targets import load_core
from edgeseq.train import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks import TASKS
from tests.choose.double import predictor
from tests.choose.made_up import candidate, data_set, measured

ACCURACY = METRICS["classification"]
KINDS = (SIZE, SIZE, TIME, ENERGY)
BUDGET = Budget(10_000, 1000)
MODES = ("speed", "size")


def a_target(data: DataSet) -> Target:
    return Target("cortex-m0plus", load_core("cortex-m0plus"), predictor(task_shape(data)))


def test_the_median_rule_needs_curves_and_a_warm_up():
    """A trial whose best is below the median of others' averages is stopped, never among few or in its first epochs."""
    curves = ((0.1, 0.5, 0.9), (0.2, 0.6, 0.9), (0.3, 0.7, 0.9), (0.4, 0.8))
    rule = MedianRule(curves, warm_up=1)
    assert rule.stops(0.0, 1) is None
    assert rule.stops(0.44, 2) == pytest.approx(0.45)
    assert rule.stops(0.45, 2) is None
    # The means are 0.5, 0.567, 0.633 and 0.6, of the one that was stopped by then.
    assert rule.stops(0.0, 3) == pytest.approx((1.7 / 3 + 0.6) / 2)
    assert MedianRule(curves[:3], warm_up=1).stops(0.0, 2) is None
    assert MedianRule().stops(0.0, 9) is None


def test_the_median_does_not_rise_with_what_it_stops():
    """Trials like those before them: most go on after a hundred too (63; 42 by a median of those that were not stopped)."""
    rng, curves, went_on = np.random.default_rng(0), [], []
    for _ in range(200):
        best, rule, curve = -np.inf, MedianRule(tuple(curves), warm_up=2), []
        level = rng.normal()
        for epoch in range(1, 21):
            curve.append(level - 3 / epoch + 0.1 * rng.normal())
            best = max(best, curve[-1])
            if rule.stops(best, epoch) is not None:
                break
        curves.append(tuple(curve))
        went_on.append(len(curve) == 20)
    assert 50 < sum(went_on[100:]) < 90


def test_the_front_is_what_nothing_dominates():
    """Against the definition, on random points with ties."""
    points = [tuple(row) for row in np.random.default_rng(0).integers(0, 6, (60, 3)).astype(float).tolist()]
    chosen = set(front(points))
    for i, each in enumerate(points):
        better = any(all(a <= b for a, b in zip(other, each, strict=True)) and other != each for other in points)
        assert (i in chosen) != better
    assert not dominates((1.0, 2.0), (1.0, 2.0))


def test_a_window_keeps_the_last_steps():
    """Window and stride: the last steps, counted from the end, in their order; as many as Configuration.steps says."""
    data = prepare(data_set(steps=9), 0)
    x = np.arange(9)
    for window, stride, wanted in ((None, 1, x), (4, 1, x[-4:]), (None, 2, x[::2]), (6, 4, x[[4, 8]]), (1, 1, x[-1:])):
        network = Configuration((("gru", 4),), window=window, stride=stride)
        cut = seen_by(data, network)
        assert np.array_equal(cut.x_test, data.x_test[:, wanted])
        assert cut.x_train.shape[1] == network.steps(task_shape(data))


def test_the_validating_windows_are_counted_where_all_networks_share_them():
    """Then alone; all else that is said of the data is the same."""
    data = prepare(data_set(), 0)
    alone, shared = describe(data), describe(data, data.validation)
    assert (alone["features"], alone["outputs"], alone["window_steps"], alone["test_windows"]) == (2, 3, 8, 30)
    assert shared == {**alone, "validation_windows": 60 - alone["train_windows"]}


def test_few_windows_or_subjects_validate_with_a_larger_share():
    """A tenth of many; of few as many as tell candidates apart, at most three tenths; what is asked for wins."""
    for windows, validating in ((60, 18), (1000, 200), (2000, 200), (3000, 300)):
        data = prepare(data_set(windows=windows), 0)
        assert data.validation is not None
        assert (len(data.train), len(data.validation)) == (windows - validating, validating)
    by_subject = prepare(data_set(windows=3000, subjects=lambda count: np.arange(count) % 20), 0)
    assert by_subject.validation is not None
    assert len(np.unique(by_subject.validation.subjects)) == 5
    asked = prepare(data_set(windows=1000), 0, 0.05)
    assert asked.validation is not None
    assert len(asked.validation) == 50


def test_scores_equal_those_of_training():
    """The score of the windows is what `judge` of the task says, for every task."""
    rng = np.random.default_rng(0)
    lengths = np.array([3, 8, 5, 8])

    def parts(y):
        x = rng.normal(size=(4, 8, 2)).astype(np.float32)
        return Part(x, y, lengths if y.ndim > 1 and y.shape[1] == 8 else None)

    cases = {
        "classification": (np.array([0, 1, 2, 1]), rng.uniform(size=(4, 3)), "accuracy", ()),
        "tagging": (rng.integers(0, 3, (4, 8)), rng.uniform(size=(4, 8, 3)), "accuracy", ()),
        "regression": (rng.normal(size=(4, 2)).astype(np.float32), rng.normal(size=(4, 2)), "mae", ()),
        "forecast": (rng.normal(size=(4, 8, 1)).astype(np.float32), rng.normal(size=(4, 8, 1)), "mae", (0,)),
        "multilabel": (rng.integers(0, 2, (4, 8, 5)).astype(np.float32), rng.uniform(size=(4, 8, 5)), "nll_nats_per_step", ()),
    }
    for task, (y, outputs, name, columns) in cases.items():
        part = parts(y)
        data = DataSet("case", part, part, part, task, target_columns=columns)
        judged = TASKS[task](data, Split(part, part, part, "given"), Recipe()).judge(
            lambda _, o=outputs: o, Split(part, part, part, "given")
        )
        assert window_scores(data, part, outputs).value == pytest.approx(judged[name], rel=1e-9), task
        assert np.isfinite(baseline(data, part)[1].value)


def test_the_bootstrap_knows_equal_and_different():
    """Equal scores differ by exactly nothing; a difference of 0.2 over 500 windows has the textbook's standard error."""
    rng = np.random.default_rng(0)
    a, b = (WindowScores((rng.uniform(size=500) < p).astype(float), np.ones(500)) for p in (0.9, 0.7))
    same = difference(a, a, ACCURACY)
    assert (same.value, same.error, same.low, same.high) == (0, 0, 0, 0)
    gap = difference(a, b, ACCURACY)
    expected = np.std(a.totals - b.totals) / np.sqrt(500)
    assert gap.error == pytest.approx(expected, rel=0.1)  # 2,000 draws: a spread of 1.6 %
    assert gap.shown
    assert difference(a, b, METRICS["forecast"]).value == -gap.value


def test_the_best_is_recommended_and_a_smaller_equal_named():
    """The best score that fits wins; the smallest within its error bar is named with what it saves."""
    best = candidate(0, measured=measured([1] * 90 + [0] * 10, 9500), status="measured")
    # Better in all ten stretches together without any one of them, so that the choice owes nothing to luck.
    hits = [int(window not in (5, 25, 45, 65)) for window in range(90)] + [0, 1] * 2 + [0] * 6
    tied = candidate(1, "lstm", measured=measured(hits, 9000), status="measured")
    worse = candidate(2, "tcn", measured=measured([1] * 60 + [0] * 40, 5000), status="measured")
    verdict = judge([best, tied, worse], BUDGET, ACCURACY)
    assert verdict.recommended is best
    text = " ".join(verdict.sentences)
    assert "Take gru(8) int8 #0" in text
    assert "Where memory counts more: lstm(8) int8 #1 scores 2.00 points less, within the standard error of" in text
    assert "takes 5 % less flash" in text
    assert "Against the best LSTM, lstm(8) int8 #1: 2.00 points better" in text
    (margin,) = (each.as_json() for each in verdict.margins)
    gap = compared(best, tied, ACCURACY)
    assert margin == {"cell": "lstm", "against": tied.name, "difference": gap.value, "low": gap.low, "high": gap.high}
    assert gap.value == pytest.approx(0.02)
    assert gap.low < gap.value < gap.high
    assert "The better buy here is LSTM." in " ".join(judge([tied, worse], BUDGET, ACCURACY).sentences)


def test_of_equal_scores_the_smallest_is_recommended():
    """And the larger one's reason says so."""
    large, small = (candidate(n, measured=measured([1] * 90, size), status="measured") for n, size in ((0, 9000), (1, 8000)))
    assert judge([large, small], BUDGET, ACCURACY).recommended is small
    assert explain([large, small], small, BUDGET, ACCURACY)[large.name] == f"fits and scores as {small.name}, which is smaller"


def test_a_network_without_recurrence_can_be_the_better_buy():
    """The verdict says so, and compares it with the best GRU and LSTM."""
    tcn = candidate(0, "tcn", measured=measured([1] * 90 + [0] * 10), status="measured")
    gru = candidate(1, measured=measured([0] * 50 + [1] * 50), status="measured")
    verdict = judge([tcn, gru], BUDGET, ACCURACY)
    assert [(each.cell, each.against) for each in verdict.margins] == [("gru", gru)]
    text = " ".join(verdict.sentences)
    assert "The better buy here is no recurrent network" in text
    assert "40.00 points better" in text
    assert "No LSTM was measured that fits." in text


def test_nothing_is_recommended_where_nothing_helps():
    """Not over budget, not with mismatches, and not what a constant answer beats."""
    over = candidate(0, measured=measured([1] * 100, 10_001), status="measured")
    wrong = candidate(1, measured=measured([1] * 100, mismatches=3), status="measured")
    assert judge([over, wrong], BUDGET, ACCURACY).recommended is None
    useless = candidate(2, measured=measured([1] * 50 + [0] * 50), status="measured")
    constant = WindowScores(np.repeat([0.0, 1.0], [48, 52]), np.ones(100))
    verdict = judge([useless], BUDGET, ACCURACY, ("the most frequent class", constant))
    assert verdict.recommended is None
    assert verdict.sentences[0].startswith("Take no network: gru(8) int8 #2")
    assert judge([], BUDGET, ACCURACY).sentences == ("Nothing is recommended: no candidate was measured.",)


def test_every_loser_is_told_why():
    """One sentence each: over budget by how much, stopped, dominated by whom, worse within the budget."""
    chosen = candidate(0, measured=measured([1] * 90 + [0] * 10), status="measured", validation=0.9)
    candidates = [
        chosen,
        candidate(1, status="infeasible", validation=None, reason="does not fit: predicted 12.0 KB of flash, 2.2 KB (23 %) over"),
        candidate(2, status="stopped early", validation=0.3, reason="stopped after 3 of 20 epochs"),
        candidate(3, validation=0.7, flash=9900),
        candidate(4, validation=0.85, flash=8000),
        candidate(5, measured=measured([1] * 90 + [0] * 10, 12_000), status="measured"),
        candidate(6, measured=measured([1] * 60 + [0] * 40), status="measured"),
        candidate(7, measured=measured([1] * 90 + [0] * 10, mismatches=2), status="measured"),
    ]
    reasons = explain(candidates, chosen, BUDGET, ACCURACY)
    assert len(reasons) == len(candidates)
    told = [reasons[each.name] for each in candidates]
    assert told[0] is None
    assert "2.2 KB (23 %) over" in told[1]
    assert told[2] == "stopped after 3 of 20 epochs"
    assert told[3] == "dominated by gru(8) int8 #0: validation 20.00 points better, 900 B less flash"
    assert told[4].startswith("not measured: validation 85.00 %")
    assert told[5] == "over budget when measured: 11.7 KB of flash, 2.0 KB (20 %) over; predicted 8.8 KB"
    assert told[6] == "fits, but scores 60.00 %: 30.00 points worse than gru(8) int8 #0"
    assert told[7] == "the emulated core differs from the oracle in 2 values"
    assert chosen.name in measured_front(candidates, ACCURACY)


def test_the_best_gru_and_lstm_are_finalists():
    """The front comes first, whatever cell; GRU and LSTM are measured besides."""
    candidates = [
        candidate(0, "tcn", validation=0.95, flash=5000),
        candidate(1, "mgu", validation=0.94, flash=4000),
        candidate(2, "gru", validation=0.7),
        candidate(3, "gru", validation=0.8),
        candidate(4, "lstm", validation=0.6),
        candidate(5, "lstm", validation=0.9, status="stopped early"),
        candidate(6, "gru", validation=None, status="infeasible"),
    ]
    assert [each.number for each in pick(candidates, ACCURACY, 2)] == [0, 1, 3, 4]
    assert pick([], ACCURACY, 2) == []


def test_speed_is_taken_where_it_fits():
    """Kernels for speed, else for size; what fits in neither says by which share it is over."""
    target = a_target(data_set())
    network = Configuration((("gru", 8),))
    cost = {mode: target.predicted(network, mode) for mode in MODES}
    assert fit(network, Budget(int(cost["speed"].flash_bytes)), target).optimize == "speed"
    assert fit(network, Budget(int(cost["speed"].flash_bytes) - 1), target).optimize == "size"
    tight = fit(network, Budget(int(cost["size"].flash_bytes / 2)), target)
    assert tight.optimize == "size"
    assert tight.excess == {"flash_bytes": pytest.approx(1.0, abs=0.01)}
    assert fit(network, Budget(int(cost["size"].flash_bytes)), target, ("speed",)).excess


def test_the_largest_that_fits_is_found():
    """One size more does not fit; a large proposal is shrunk until it does."""
    target, space, budget = a_target(data_set()), Space(), Budget(10_000, 3000)
    for cell in space.cells:
        found = largest(cell, space, budget, target, MODES).configuration
        assert not fit(found, budget, target).excess
        index = SIZES.index(found.units[0])
        if index + 1 < len(SIZES):
            layers = tuple((name, SIZES[index + 1]) for name, _ in found.layers)
            assert fit(replace(found, layers=layers), budget, target).excess
    smaller = shrunk(Proposal(Configuration((("lstm", 256), ("gru", 64)))), space, budget, target, MODES)
    assert smaller is not None
    assert not fit(smaller.configuration, budget, target).excess
    assert shrunk(Proposal(Configuration((("lstm", 256),))), space, Budget(10), target, MODES) is None


def test_a_search_begins_with_gru_and_lstm_at_each_rate():
    """Alike in all else; the other cells once; a space of one rate, or without these cells, has none of it twice."""
    target, budget = a_target(data_set()), Budget(10_000, 3000)
    found = [(each.configuration.cell, each.learning_rate) for each in first(Space(), budget, target, MODES)]
    assert found[:6] == [(cell, rate) for rate in (3e-3, 1e-2, 1e-3) for cell in ("gru", "lstm")]
    assert [cell for cell, _ in found[6:]] == ["mgu", "fastgrnn", "mingru", "rnn", "lstm+gru", "tcn", "transformer"]
    assert {rate for _, rate in found[6:]} == {3e-3}
    for space, count in ((Space(cells=("gru", "rnn"), learning_rates=(2e-3, 2e-3)), 2), (Space(cells=("rnn", "tcn")), 2)):
        few = first(space, budget, target, MODES)
        assert len(few) == len(set(few)) == count
        assert [parameters(each, space) for each in few]


def test_a_budget_that_nothing_fits_says_what_would():
    """By how much each cell's smallest is over; the budget it names holds the nearest one."""
    target, space = a_target(data_set()), Space(cells=("gru", "lstm"))
    with pytest.raises(BudgetError) as caught:
        check_something_fits(space, target, Budget(2048, 3000), MODES)
    text = str(caught.value)
    assert "nothing fits 2.0 KB of flash, 2.9 KB of RAM on cortex-m0plus" in text
    assert "gru(2) int8x4: 4.9 KB of flash, 2.9 KB (2.5 times the budget) over" in text
    enough = int(text.partition("--flash ")[2].split()[0])
    check_something_fits(space, target, Budget(enough, 3000), MODES)


def test_a_target_without_clock_has_no_latency():
    """Nor energy; a clock gives the one, a current the other."""
    target = a_target(data_set())
    with pytest.raises(BudgetError, match=r"has no clock, so no latency. Name a board .* --clock"):
        target.check(Budget(latency_us=100))
    with pytest.raises(BudgetError, match="no supply current with a source"):
        target.check(Budget(energy_uj=1))
    clocked = replace(target, clock_hz=1e6, run_watts=0.01)
    clocked.check(Budget(latency_us=100, energy_uj=1))
    cost = clocked.predicted(Configuration((("gru", 8),)), "speed")
    assert cost.latency_us == pytest.approx(cost.cycles)
    assert cost.energy_uj == pytest.approx(cost.cycles * 0.01)


def test_one_class_is_refused():
    """There is nothing to tell apart."""
    with pytest.raises(DataError, match="all 60 training windows are of class 0; at least 2 classes"):
        prepare(data_set(classes=1), 0)


def test_one_class_left_to_train_on_is_refused():
    """Where the windows of the others validate."""
    train = Part(np.zeros((2, 4, 1), np.float32), np.array([0, 1]))
    with pytest.raises(
        DataError, match=r"all 1 training windows are of class .* The 1 others validate: give more data, or another"
    ):
        prepare(DataSet("two", train, train, None, "classification"), 0)


def test_shared_subjects_are_warned_of():
    """Someone in both parts makes scores too good; someone in one alone does not."""
    both = prepare(data_set(subjects=lambda count: np.arange(count) % 7), 0)
    assert any(
        note.startswith("warning: 7 subjects are in the training and the test part (0, 1, 2, 3, 4, ...)") for note in both.notes
    )
    apart = prepare(data_set(subjects=lambda count: np.full(count, count) + np.arange(count) % 2), 0)
    assert not any(note.startswith("warning") for note in apart.notes)
    # One recording, split by time: there is no other subject to test on.
    alone = prepare(data_set(subjects=np.zeros), 0)
    assert not any(note.startswith("warning") for note in alone.notes)


def test_what_would_fit_is_what_the_command_line_reads():
    """Rounded up, without exponents, so that the suggested budget holds what it was made of."""
    budget = Budget(20_480, 812, 1_234_567.2, 0.012341)
    words = as_options(budget).split()
    read = [kind.convert(words[words.index(name) + 1], None, None) for name, kind in zip(OPTIONS.values(), KINDS, strict=True)]
    limits = (budget.flash_bytes, budget.ram_bytes, budget.latency_us, budget.energy_uj)
    assert read[:2] == [20_480, 812]
    assert all(limit <= value <= 1.001 * limit for value, limit in zip(read, limits, strict=True))


def test_a_candidate_is_written_as_it_was_measured():
    """Over the budget when measured, or not exact: it does not fit, whatever was predicted. Cycles are of a decision."""
    for fields, fits in (({}, True), ({"flash": 10_001}, False), ({"mismatches": 2}, False)):
        found = candidate(0, measured=measured([1] * 9, **fields), status="measured")
        assert found.feasible
        assert found.as_json(None, BUDGET)["feasible"] is fits
    window = measured([1] * 9)
    window = replace(window, cost=replace(window.cost, cycles=6_720_000), profile={"cycles_per_step": {"value": 105_000}})
    written = candidate(0, "transformer", measured=window, status="measured").as_json(None, BUDGET)
    assert written["cycles_per_step"] == written["cycles"] == 6_720_000


def test_what_one_window_leaves_open_is_said():
    """No interval, no standard error, and no rule of one standard error."""
    best, other = (
        candidate(n, cell, measured=measured([hit]), status="measured") for n, cell, hit in ((0, "gru", 1), (1, "lstm", 0))
    )
    verdict = judge([best, other], BUDGET, ACCURACY, ("the most frequent class", WindowScores(np.zeros(1), np.ones(1))))
    assert verdict.recommended is best
    text = " ".join(verdict.sentences)
    assert "Against the best LSTM, lstm(8) int8 #1: 100.00 points better (no interval: one test window)," in text
    assert "standard error" not in text
    assert verdict.margins[0].as_json()["low"] is None
    assert score_interval(best.measured, ACCURACY) is None


def test_an_interval_of_a_score_is_of_what_is_drawn():
    """Between 0 and 1, the lowest first, for errors too."""
    shown = measured([1] * 29 + [0])
    low, high = score_interval(shown, ACCURACY)
    assert 0.8 < low < 29 / 30 < high <= 1
    low, high = score_interval(shown, METRICS["forecast"])
    assert low < 29 / 30 < high


def test_a_cost_that_is_missing_passes_no_limit():
    """Instructions stand in for time on the front."""
    assert Budget(latency_us=5).excess(Cost(1, 1, 1)) == {}
