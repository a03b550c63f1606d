"""Why each candidate that is not recommended lost."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseq.choose.budget import Budget
from edgeseq.choose.metric import Metric
from edgeseq.choose.search.answer.difference import compared
from edgeseq.choose.search.proposals.amounts import amount
from edgeseq.choose.search.study.candidate import Candidate, is_unmeasurable, over_when_measured
from edgeseq.choose.search.study.front import dominates, validation_point
from edgeseq.choose.search.trials.trial import out_of_time


def explain(
    candidates: Sequence[Candidate], recommended: Candidate | None, budget: Budget, metric: Metric
) -> dict[str, str | None]:
    """Return by name why each candidate is not recommended; None for the one that is."""
    return {
        each.name: None
        if recommended is not None and each.name == recommended.name
        else _reason(each, candidates, recommended, budget, metric)
        for each in candidates
    }


def _reason(
    candidate: Candidate, others: Sequence[Candidate], recommended: Candidate | None, budget: Budget, metric: Metric
) -> str:
    if candidate.measured is not None:
        return _measured(candidate, recommended, budget, metric)
    if candidate.status == "trained" and not is_unmeasurable(candidate):
        cut = f"{candidate.reason}; " if out_of_time(candidate.reason) else ""
        return cut + _not_a_finalist(candidate, others, metric)
    return candidate.reason or candidate.status


def _measured(candidate: Candidate, recommended: Candidate | None, budget: Budget, metric: Metric) -> str:
    assert candidate.measured
    if candidate.measured.mismatches:
        return f"the emulated core differs from the oracle in {candidate.measured.mismatches} values"
    over = over_when_measured(candidate, budget)
    if over:
        assert candidate.predicted
        figures = ", ".join(
            f"{amount(name, getattr(candidate.predicted, name))}" for name in budget.excess(candidate.measured.cost)
        )
        return f"over budget when measured: {over}; predicted {figures}"
    if recommended is None:
        return "fits, but scores no better than what knows nothing"
    gap = compared(recommended, candidate, metric)
    text = f"{metric.text(candidate.measured.shown.score)}: {metric.difference(abs(gap.value))}"
    if gap.value > 0:
        doubt = "" if gap.shown else ", a difference that the test part does not show for sure"
        return f"fits, but scores {text} worse than {recommended.name}{doubt}"
    return f"fits and scores as {recommended.name}, which is smaller"


def _not_a_finalist(candidate: Candidate, others: Sequence[Candidate], metric: Metric) -> str:
    """Say which candidate is nowhere worse, or by how much it missed the finalists."""
    own = validation_point(candidate, metric)
    trained = [each for each in others if each.validation is not None and each.predicted is not None and each is not candidate]
    winners = [each for each in trained if dominates(validation_point(each, metric), own)]
    assert candidate.validation is not None
    if winners:
        best = min(winners, key=lambda each: validation_point(each, metric))
        assert best.validation is not None
        gain = metric.goodness(best.validation) - metric.goodness(candidate.validation)
        return f"dominated by {best.name}: validation {metric.difference(gain)} better{_costs(best, candidate)}"
    # The best GRU and LSTM are measured whatever they score.
    better = [
        each.validation
        for each in trained
        if each.measured is not None
        and each.validation is not None
        and metric.goodness(each.validation) >= metric.goodness(candidate.validation)
    ]
    if better:
        last = metric.text(min(better, key=metric.goodness))
        return f"not measured: validation {metric.text(candidate.validation)}; the finalists have {last} and better"
    return "trained, not measured yet"


def _costs(better: Candidate, worse: Candidate) -> str:
    assert better.predicted
    assert worse.predicted
    parts = []
    for name, word in (("flash_bytes", "flash"), ("ram_bytes", "RAM")):
        less = getattr(worse.predicted, name) - getattr(better.predicted, name)
        parts.append(f", {amount(name, less)} less {word}" if less >= 1 else "")
    return "".join(parts)
