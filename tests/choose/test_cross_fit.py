"""What a choice on the test part scores there without the luck of the choice."""

import numpy as np
import pytest

from edgeseq.choose.budget import Budget
from edgeseq.choose.metric import METRICS
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.search.answer.cross_fit import chosen_elsewhere
from edgeseq.choose.search.answer.difference import compared
from edgeseq.choose.search.answer.verdict import judge
from tests.choose.made_up import candidate, measured

ACCURACY, MAE = METRICS["classification"], METRICS["forecast"]


def scores(totals, weights=None):
    return WindowScores(np.asarray(totals, float), np.ones(len(totals)) if weights is None else np.asarray(weights, float))


def test_each_stretch_is_scored_by_the_best_of_the_others():
    """By the definition, written out, on random scores of 3 to 57 parts; of errors the least is the best."""
    rng = np.random.default_rng(0)
    for metric, count in ((ACCURACY, 3), (ACCURACY, 10), (ACCURACY, 57), (MAE, 23)):
        finalists = [scores(rng.integers(0, 4, count)) for _ in range(4)]
        found = chosen_elsewhere(finalists, metric)
        for stretch in np.array_split(np.arange(count), min(10, count)):
            rest = np.setdiff1d(np.arange(count), stretch)
            best = max(finalists, key=lambda each: metric.goodness(each.totals[rest].sum()))
            assert np.array_equal(found.totals[stretch], best.totals[stretch])
        assert np.array_equal(found.weights, np.ones(count))


def test_one_finalist_or_one_part_owes_nothing_to_a_choice():
    """Nothing is chosen, or there is nothing to choose by."""
    alone = scores([1, 0, 1])
    assert chosen_elsewhere([alone], ACCURACY) is alone
    first = scores([1])
    assert chosen_elsewhere([first, scores([0])], ACCURACY) is first


def test_the_luck_of_a_choice_is_left_out():
    """Twelve networks that are right by chance: the best of them shows 4 points of luck; without it, none."""
    rng, lucky, honest = np.random.default_rng(1), [], []
    for _ in range(1000):
        finalists = [scores(rng.random(200) < 0.7) for _ in range(12)]
        lucky.append(max(each.value for each in finalists))
        honest.append(chosen_elsewhere(finalists, ACCURACY).value)
    assert np.mean(lucky) == pytest.approx(0.752, abs=0.005)
    assert np.mean(honest) == pytest.approx(0.70, abs=0.004)


def test_the_verdict_says_what_the_choice_is_worth():
    """The score without luck, in words and in numbers; the recommendation is the best of the whole, and margins are its own."""
    rng = np.random.default_rng(2)
    finalists = [
        candidate(number, cell, measured=measured(list(map(int, rng.random(40) < 0.7))), status="measured")
        for number, cell in enumerate(("gru", "gru", "lstm", "lstm"))
    ]
    budget = Budget(10**6, 10**6)
    verdict = judge(finalists, budget, ACCURACY)
    assert verdict.recommended is max(finalists, key=lambda each: each.measured.shown.score)
    of = {each.number: scores(each.measured.shown.totals) for each in finalists}
    everyone = chosen_elsewhere(list(of.values()), ACCURACY)
    assert verdict.chosen_score(ACCURACY)["value"] == everyone.value
    assert verdict.chosen_score(ACCURACY)["among"] == 4
    assert f"Allowing for the choice among 4 on that part: {ACCURACY.text(everyone.value)}" in verdict.sentences[1]
    assert all(each.difference == compared(verdict.recommended, each.against, ACCURACY) for each in verdict.margins)
    assert verdict.margins
    assert judge([], budget, ACCURACY).chosen_score(ACCURACY) is None
