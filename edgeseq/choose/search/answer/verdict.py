"""What is recommended, from measured candidates alone, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeseq.choose.budget import Budget, Cost
from edgeseq.choose.configuration import REFERENCES
from edgeseq.choose.metric import Metric
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.search.answer.cross_fit import chosen_elsewhere
from edgeseq.choose.search.answer.difference import Difference, compared, difference, goodness_of, interval_of, scores_of
from edgeseq.choose.search.proposals.amounts import amount, budget_text
from edgeseq.choose.search.study.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Margin:
    """By how much the recommended candidate beats the best measured one of another cell that fits, on the test part.

    Both were chosen there, and owe something to luck.
    """

    cell: str
    against: Candidate
    difference: Difference

    def as_json(self) -> dict[str, str | float | None]:
        """Return what results.json has of it."""
        gap = self.difference
        low, high = (end if math.isfinite(end) else None for end in (gap.low, gap.high))
        return {"cell": self.cell, "against": self.against.name, "difference": gap.value, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Verdict:
    """recommended: None where nothing is worth its memory. sentences: for a person, the first says what to take.

    margins: over the best GRU and the best LSTM, except its own cell. scores: of the recommendation on the test part, without
    the luck of having been chosen there (cross_fit); among: of how many that fit.
    """

    recommended: Candidate | None
    sentences: tuple[str, ...]
    margins: tuple[Margin, ...] = ()
    scores: WindowScores | None = None
    among: int = 0

    def chosen_score(self, metric: Metric) -> dict[str, float | int | None] | None:
        """Return what results.json has of the scores; None where nothing is recommended."""
        if self.scores is None:
            return None
        low, high = interval_of(self.scores, metric) or (None, None)
        return {"value": self.scores.value, "low": low, "high": high, "among": self.among}


def judge(
    candidates: Sequence[Candidate], budget: Budget, metric: Metric, nothing: tuple[str, WindowScores] | None = None
) -> Verdict:
    """Recommend the best integer score that fits, of equal ones the smallest; name the smallest within one standard error.

    A budget is there to be used: what is smaller and scores a little less is for the reader to weigh. The rule of one
    standard error is that of Breiman et al. (1984). nothing: what knows nothing, and its scores.
    """
    measured = [each for each in candidates if each.measured]
    fitting = [each for each in measured if each.fits(budget)]
    if not fitting:
        return Verdict(None, _none_fits(measured, budget))
    best = min(fitting, key=lambda each: (-_goodness(each, metric), *_size(each)))
    chosen = _chosen(fitting, metric)
    if nothing is not None and (against := _against_nothing(best, chosen, nothing, metric)):
        return Verdict(None, (against,))
    sentences = [_headline(best, budget, metric), _allowing(chosen, len(fitting), metric), _thrifty(best, fitting, metric)]
    margins = {cell: _margin(cell, best, fitting, metric) for cell in ("gru", "lstm") if cell != best.cell}
    sentences += [_beside(cell, best, margin, metric) for cell, margin in margins.items()]
    sentences.append(_kind(best, fitting, metric))
    return Verdict(best, tuple(filter(None, sentences)), tuple(filter(None, margins.values())), chosen, len(fitting))


def _chosen(finalists: Sequence[Candidate], metric: Metric) -> WindowScores:
    """Return what the best of these scores on the test part, without the luck of being chosen there."""
    ordered = sorted(finalists, key=_size)
    return chosen_elsewhere([scores_of(each.measured) for each in ordered if each.measured], metric)


def _allowing(chosen: WindowScores, among: int, metric: Metric) -> str:
    """Say what is left of the score when it owes nothing to the choice."""
    if among < 2 or len(chosen.totals) < 2:
        return ""
    found = goodness_of(chosen, metric)
    return (
        f"Allowing for the choice among {among} on that part: {metric.text(chosen.value)} (standard error "
        f"{metric.difference(found.error)})."
    )


def _thrifty(best: Candidate, fitting: Sequence[Candidate], metric: Metric) -> str:
    """Name the smallest that cannot be told from the best, if there is one."""
    smallest = min((each for each in fitting if each is best or compared(best, each, metric).tie), key=_size)
    if smallest is best:
        return ""
    gap = compared(best, smallest, metric)
    return (
        f"Where memory counts more: {smallest.name} scores {metric.difference(gap.value)} less, within the standard error of "
        f"{metric.difference(gap.error)}, and takes {_relative(smallest, best)}."
    )


def _goodness(candidate: Candidate, metric: Metric) -> float:
    assert candidate.measured
    return metric.goodness(candidate.measured.shown.score)


def _size(candidate: Candidate) -> tuple[float, float, float, int]:
    cost = _cost(candidate)
    return (cost.flash_bytes, cost.ram_bytes, cost.instructions, candidate.number)


def _cost(candidate: Candidate) -> Cost:
    assert candidate.measured
    return candidate.measured.cost


def _headline(chosen: Candidate, budget: Budget, metric: Metric) -> str:
    assert chosen.measured
    cost = chosen.measured.cost
    figures = [
        amount(name, getattr(cost, name)) + f" of {word}" for name, word in (("flash_bytes", "flash"), ("ram_bytes", "RAM"))
    ]
    figures += [f"{amount('latency_us', cost.latency_us)} a decision"] if cost.latency_us is not None else []
    error = goodness_of(scores_of(chosen.measured), metric).error
    sure = f" (standard error {metric.difference(error)})" if math.isfinite(error) else ""
    return (
        f"Take {chosen.name} ({chosen.measured.optimize} kernels): {metric.text(chosen.measured.shown.score)}"
        f"{sure} on the test part, {', '.join(figures)}; budget {budget_text(budget)}."
    )


def _margin(cell: str, chosen: Candidate, fitting: Sequence[Candidate], metric: Metric) -> Margin | None:
    """Compare with the best of a cell; None where none of it fits."""
    own = [each for each in fitting if each.cell == cell]
    if not own:
        return None
    best = max(own, key=lambda each: _goodness(each, metric))
    return Margin(cell, best, compared(chosen, best, metric))


def _beside(cell: str, chosen: Candidate, margin: Margin | None, metric: Metric) -> str:
    """Say what the best of a cell gives against the recommended one."""
    if margin is None:
        return f"No {cell.upper()} was measured that fits."
    gap, best = margin.difference, margin.against
    sure = "" if gap.shown or not math.isfinite(gap.error) else ": no difference shown"
    better = "better" if gap.value >= 0 else "worse"
    return (
        f"Against the best {cell.upper()}, {best.name}: {metric.difference(abs(gap.value))} {better} "
        f"({gap.interval(metric)}{sure}), {_relative(chosen, best)}."
    )


def _relative(chosen: Candidate, other: Candidate) -> str:
    parts = []
    for name, word in (("flash_bytes", "flash"), ("ram_bytes", "RAM")):
        own, theirs = getattr(_cost(chosen), name), getattr(_cost(other), name)
        share = 100 * (own - theirs) / theirs
        parts.append(f"{abs(share):.0f} % {'more' if share > 0 else 'less'} {word}" if round(share) else f"as much {word}")
    return ", ".join(parts)


def _kind(chosen: Candidate, fitting: Sequence[Candidate], metric: Metric) -> str:
    """Say so where the better buy is no GRU."""
    if chosen.cell in REFERENCES:
        return f"The better buy here is no recurrent network: {chosen.cell} needs a whole window for each decision."
    if chosen.cell == "lstm":
        return "The better buy here is LSTM."
    without = [each for each in fitting if each.cell in REFERENCES]
    if without:
        best = max(without, key=lambda each: _goodness(each, metric))
        gap = compared(chosen, best, metric)
        than = "worse" if gap.value >= 0 else "better, but larger"
        return f"The best network without recurrence that fits, {best.name}, is {metric.difference(abs(gap.value))} {than}."
    return ""


def _against_nothing(best: Candidate, chosen: WindowScores, nothing: tuple[str, WindowScores], metric: Metric) -> str:
    """Say so where even the best candidate shows nothing over what knows nothing; '' where it does."""
    name, scores = nothing
    assert best.measured
    gap = difference(chosen, scores, metric)
    if gap.low > 0 or (not math.isfinite(gap.error) and gap.value > 0):
        return ""
    return (
        f"Take no network: {best.name}, the best that fits, scores {metric.text(best.measured.shown.score)}; {name} scores "
        f"{metric.text(scores.value)} and costs nothing (gain: {gap.interval(metric)}). Give more data, more epochs or a "
        "larger budget."
    )


def _none_fits(measured: Sequence[Candidate], budget: Budget) -> tuple[str, ...]:
    if not measured:
        return ("Nothing is recommended: no candidate was measured.",)
    return (f"Nothing is recommended: none of {len(measured)} measured candidates keeps the budget of {budget_text(budget)}.",)
