"""First screen: the recommendation, and what of the budget it takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.report.figures import CYCLES, INSTRUCTIONS, LIMITED, Figure, cost, label, percent, score
from edgeseq.report.html.parts import Section
from edgeseq.report.results import Candidate, Results


@dataclass(frozen=True, slots=True)
class Meter:
    """A cost beside its limit. share: of the limit, 0 to 1 for the bar."""

    title: str
    used: str
    limit: str
    share: float
    over: bool
    limited: bool
    label: str


def verdict(results: Results, run: str) -> Section:
    """What is recommended, in the search's own sentences, and the budget."""
    chosen = results.candidate(results.recommended)
    measured = sum(each.measured for each in results.candidates)
    fitting = sum(each.feasible for each in results.candidates)
    values = {
        "chosen": chosen,
        "headline": chosen.name if chosen else "No candidate is recommended",
        "score": score(results.metric, chosen.accuracy) if chosen else None,
        "score_of": _score_of(results, chosen) if chosen else "",
        "sentences": results.verdict or _plain(results, chosen),
        "meters": [meter for figure in LIMITED if (meter := _meter(results, chosen, figure)) is not None],
        "facts": [
            (figure.title, figure.text(cost(chosen, figure)), label(figure, chosen.measured, results.target))
            for figure in (INSTRUCTIONS, CYCLES)
            if chosen and cost(chosen, figure) is not None
        ],
        "counts": f"{len(results.candidates):,} candidates tried, {fitting:,} within the budget, {measured:,} measured",
    }
    return Section("verdict", "Verdict", "verdict.html.j2", values)


def _score_of(results: Results, chosen: Candidate) -> str:
    part = "of the integers on the test part" if chosen.measured else "on the validation part"
    return f"{results.metric.name} {part}"


def _plain(results: Results, chosen: Candidate | None) -> tuple[str, ...]:
    """Sentence for a file that brings none."""
    if chosen is None:
        return ("The search ended without a recommendation; the table of candidates says why each lost.",)
    return (f"{chosen.name} reaches {score(results.metric, chosen.accuracy)} and fits the budget.",)


def _meter(results: Results, chosen: Candidate | None, figure: Figure) -> Meter | None:
    limit = results.budget.get(figure.key)
    value = cost(chosen, figure) if chosen else None
    if limit is None and value is None:
        return None
    if chosen is None and limit is not None:
        return Meter(figure.title, figure.text(limit), "at most", 0.0, over=False, limited=False, label="")
    share = value / limit if value is not None and limit else 0.0
    beside = "(no limit)" if limit is None else f"of {figure.text(limit)}" + (f", {percent(share)}" if value is not None else "")
    how = label(figure, chosen.measured, results.target) if chosen and value is not None else ""
    return Meter(figure.title, figure.text(value), beside, min(1.0, share), share > 1, limit is not None, how)


def compared(results: Results, run: str) -> Section:
    """What the intervals show, in the comparison's own sentences."""
    best = min(
        (row for row in results.cells if row.mean is not None), key=lambda row: results.metric.key(row.mean or 0.0), default=None
    )
    seeds = max((len(row.seeds) for row in results.cells), default=0)
    values = {
        "headline": ", ".join(row.name for row in results.cells),
        "sentences": results.verdict or tuple(pair.verdict for pair in results.pairs),
        "facts": [
            ("made equal", results.match or "", "between the cells"),
            ("seeds", str(seeds), "of each cell, the same for all"),
            ("confidence", percent(results.confidence or 0.0), "of the intervals"),
            *(
                [("best mean", f"{score(results.metric, best.mean)}, {best.name}", "not always shown to be better")]
                if best
                else []
            ),
        ],
    }
    return Section("verdict", "Verdict", "compared.html.j2", values)
