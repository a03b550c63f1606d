"""results.json -> one self-contained HTML file: no request, no font, no script from elsewhere."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from edgeseq.errors import MissingExtraError
from edgeseq.report.html.parts import Section
from edgeseq.report.html.sections import beside, candidates, charts, comparison, costs, origin, verdict
from edgeseq.report.results import Results

Part = Callable[[Results, str], "Section | None"]
# In the order of the page.
PARTS: dict[str, tuple[Part, ...]] = {
    "search": (
        verdict.verdict,
        charts.front,
        beside.beside,
        charts.curves,
        charts.confusion,
        charts.forecast,
        costs.fidelity,
        costs.layers,
        costs.memory,
        origin.provenance,
        origin.commands,
        candidates.candidates,
    ),
    "comparison": (
        verdict.compared,
        comparison.cells,
        comparison.pairs,
        comparison.efficiency,
        charts.curves,
        costs.memory,
        origin.provenance,
        origin.commands,
    ),
}


def sections(results: Results, run: str) -> tuple[Section, ...]:
    """Return the parts that have something to show. run: the run folder as commands name it."""
    made = (part(results, run) for part in PARTS[results.kind])
    return tuple(section for section in made if section is not None)


def render(results: Results, run: str) -> str:
    """Return the page; the same results give the same bytes. Raises MissingExtraError."""
    parts = sections(results, run)
    figures = {chart.key: chart.as_json() for section in parts for chart in section.charts}
    page = _environment().get_template("page.html.j2")
    return page.render(
        results=results,
        sections=parts,
        figures=figures,
        style=_text("style.css"),
        script=_text("report.js"),
        plotly=plotly() if figures else "",
    )


@cache
def plotly() -> str:
    """Plotly's script, gzip in base64: 2 MB rather than 4.8. The browser unpacks it."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("plotly", "report") from error
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bound"] = _bound
    return environment


def _bound(text: str) -> str:
    """Keep a number and its sign or unit on one line."""
    return text.replace("± ", "±\N{NO-BREAK SPACE}").replace(" %", "\N{NO-BREAK SPACE}%")


def _text(name: str) -> str:
    """Return a file of templates/."""
    return resources.files("edgeseq.report.html").joinpath(f"templates/{name}").read_text(encoding="utf-8")
