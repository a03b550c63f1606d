"""The page without a browser: what it says, that nothing of the data becomes markup, and charts that Plotly accepts."""

import copy
import html.parser
import itertools
import json
import re

import plotly.graph_objects as go
import pytest

from edgeseq.report.figures import FLASH
from edgeseq.report.html import render
from edgeseq.report.html.charts.lines import forecast_chart
from edgeseq.report.html.page import sections
from edgeseq.report.results_file import checked
from edgeseq.report.selection import best_of, shown, undominated
from edgeseq.report.statistics import interval, wilson
from tests.report import examples

EXAMPLES = {
    "search": examples.search(60),
    "one candidate": examples.search(1),
    "forecast": examples.forecast_search(),
    "hostile": examples.hostile(),
    "comparison": examples.comparison(),
}


class Reader(html.parser.HTMLParser):
    """Collects tags, ids and the text of a page, without its scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.words, self.links, self._skip = [], [], [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values[name] for name in ("src", "href") if name in values]
        self._skip += tag in ("script", "style")
        assert not any(name.startswith("on") for name in values), values

    def handle_endtag(self, tag):
        self._skip -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._skip:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", params=EXAMPLES, ids=str)
def example(request):
    results = checked(EXAMPLES[request.param])
    return results, render(results, "run")


def test_the_page_is_alone(example):
    """No link leads out of the page, each id stands there once, each section is linked, and a policy forbids requests."""
    _, page = example
    read = Reader(page)
    assert all(link == "data:," or link.startswith("#") for link in read.links)
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    assert "default-src 'none'" in page
    assert "img" not in read.tags


def test_the_same_results_give_the_same_page(example):
    """Nothing of the page depends on when or where it is made."""
    results, page = example
    assert render(results, "run") == page


def test_every_candidate_is_in_the_page(example):
    """Each candidate, its reason, each cell and each verdict stand there as text, with or without scripts."""
    results, page = example
    text = Reader(page).text
    for each in results.candidates:
        assert " ".join(each.name.split()) in text
        assert " ".join((each.reason or "").split()) in text
    for words in (*results.verdict, *(pair.verdict for pair in results.pairs), *(row.name for row in results.cells)):
        assert " ".join(words.split()) in text


def test_charts_are_of_plotly(example):
    """Plotly's own checks accept every figure, attribute by attribute."""
    results, _ = example
    charts = [chart for section in sections(results, "run") for chart in section.charts]
    assert charts
    for chart in charts:
        for variant in chart.as_json():
            go.Figure({"data": variant["data"], "layout": variant["layout"]})
            assert variant["data"], chart.key


def test_hostile_names_stay_text():
    """Names that hold tags, template marks, entities and a script's end are shown letter by letter."""
    page = render(checked(EXAMPLES["hostile"]), "run")
    read = Reader(page)
    assert read.tags.count("script") == 4
    assert "</script><img src=x onerror=alert(1)>" in read.text
    assert "{{ 7*7 }}" in read.text
    assert "b" not in read.tags
    figures = json.loads(re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)[1])
    names = [trace.get("name", "") for chart in figures.values() for figure in chart for trace in figure["data"]]
    assert any("&lt;" in name for name in names)
    assert not any("<" in name for name in names)
    assert not any(
        "%{x}" in trace.get("hovertemplate", "") for trace in figures["front"][0]["data"] if trace.get("hovertemplate")
    )


def test_first_section_is_the_verdict(example):
    """Budget and verdict come before anything else."""
    results, _ = example
    assert sections(results, "run")[0].key == "verdict"


def test_nothing_recommended():
    """A search that recommends nothing says so, in its own words, and shows its best points all the same."""
    document = copy.deepcopy(EXAMPLES["search"])
    document |= {"recommended": None, "verdict": ["Nothing fits 2 KB of flash."], "front": []}
    text = Reader(render(checked(document), "run")).text
    assert "No candidate is recommended" in text
    assert "Nothing fits 2 KB of flash." in text
    assert "Best GRU beside best LSTM" in text


def test_all_infeasible():
    """A search in which nothing was trained has no charts and no confusion, but its table with every reason."""
    row = examples.candidate(0, "gru", 60, status="infeasible", reason="flash is over the budget by 3 B")
    row |= {"feasible": False, "accuracy": None}
    document = examples.search(1, candidates=[row], recommended=None, front=[], verdict=[])
    keys = [section.key for section in sections(checked(document), "run")]
    assert keys == ["verdict", "provenance", "commands", "candidates"]
    page = render(checked(document), "run")
    assert "flash is over the budget by 3 B" in page
    assert len(page) < 100_000, "a page without charts carries no script for them"


def test_numbers_may_be_null():
    """Every cost and score may be null; the page has a dash there."""
    row = examples.candidate(0, status="measured")
    costs = ("flash_bytes", "ram_bytes", "instructions", "cycles_per_step", "latency_us", "energy_uj")
    row |= dict.fromkeys((*costs, "accuracy", "profile", "predicted", "confusion", "layer_costs", "mismatches", "seconds"))
    row["scores"] = dict.fromkeys(row["scores"])
    row["history"] = [{"epoch": 1, "loss": None, "val_loss": None}]
    text = Reader(render(checked(examples.search(1, candidates=[row], front=[])), "run")).text
    assert "not verified" in text
    compared = examples.comparison()
    for cell in compared["cells"]:
        cell.update(dict.fromkeys((*costs, "mean", "std", "per_kb", "per_uj", "profile")))
    for pair in compared["pairs"]:
        pair.update(dict.fromkeys(("difference", "low", "high")))
    keys = [section.key for section in sections(checked(compared), "run")]
    assert "efficiency" not in keys
    assert "pairs" in keys


def test_front_is_what_no_cheaper_one_beats():
    """The front against flash, recomputed by comparing all pairs; where less is better too."""
    for name in ("search", "forecast"):
        results = checked(EXAMPLES[name])
        rows = [each for each in results.candidates if each.measured]
        front = {each.name for each in undominated(results.metric, rows, FLASH)}
        for each in rows:
            beaten = any(
                other.flash_bytes <= each.flash_bytes
                and not results.metric.better(each.accuracy, other.accuracy)
                and (other.flash_bytes, other.accuracy) != (each.flash_bytes, each.accuracy)
                for other in rows
            )
            if each.name in front:
                assert not beaten, each.name
            else:
                assert beaten or any(each.flash_bytes == results.candidate(one).flash_bytes for one in front), each.name


def test_best_fits_before_it_scores():
    """The best GRU is one that fits and was measured, even if another, over the budget, scores higher."""
    over = examples.candidate(7, "gru", 90, status="measured", accuracy=0.99)
    results = checked(examples.search(1, candidates=[over, examples.candidate(0, "gru", 16, status="measured")]))
    assert not over["feasible"]
    assert best_of(results, "gru").trial == 0
    assert best_of(results, "lstm") is None
    assert next(iter(shown(results))).trial == 0


def test_interval():
    """Wilson's interval from the counted windows; the file's own goes first; none for what was not measured."""
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = scipy_stats.binomtest(46, 50).proportion_ci(0.95, "wilson")
    # Both evaluate the same closed form in float64.
    assert wilson(46 / 50, 50) == pytest.approx((expected.low, expected.high), abs=1e-12)
    results = checked(EXAMPLES["one candidate"])
    low, high = interval(results, results.candidates[0])
    assert low < results.candidates[0].accuracy < high
    own = checked(examples.search(1, candidates=[examples.candidate(0, status="measured", accuracy_interval=[0.5, 0.9])]))
    assert interval(own, own.candidates[0]) == (0.5, 0.9)
    trained = checked(examples.search(1, candidates=[examples.candidate(0)], front=[]))
    assert interval(trained, trained.candidates[0]) is None


def test_memory_of_a_profile_sums_to_the_image():
    """The blocks that are made from a profile fill the image exactly."""
    memory = next(section for section in sections(checked(EXAMPLES["one candidate"]), "run") if section.key == "memory")
    (_, (flash,)), (_, (ram,)) = memory.values["groups"]
    row = EXAMPLES["one candidate"]["candidates"][0]
    assert (flash.total, ram.total) == (f"{row['flash_bytes']:,} B", f"{row['ram_bytes']:,} B")


def test_the_predictors_errors_are_a_table():
    """A row for each mode, kind and figure; the numbers of the file, not its text."""
    section = next(each for each in sections(checked(examples.search(4)), "run") if each.key == "provenance")
    table = section.values["tables"][1]
    assert table.headings == ("of", "median", "p95", "largest", "networks")
    assert len(table.rows) == 2 * 3 * 4
    texts = [[cell.text for cell in row] for row in table.rows]
    assert ["size, tiny, flash", "0.2", "2.5", "9.5", "48"] in texts
    assert "{" not in "".join(itertools.chain(*texts))
    for empty in ({"rows": [{}]}, [], {}, None):
        assert render(checked(examples.search(4, prediction_error=empty)), "run")


def test_scores_of_two_parts_are_not_subtracted():
    """A measured GRU is scored on the test part, an LSTM that was not on the validation part."""
    document = examples.search(4)
    assert "points" in beside_of(document)["accuracy"][-1]
    lstm = next(each for each in document["candidates"] if each["cell"] == "lstm")
    lstm |= {"measured": False, "status": "trained"}
    document["front"] = [each["name"] for each in document["candidates"] if each["measured"]]
    assert beside_of(document)["accuracy"][-1] == "\N{EN DASH}"


def beside_of(document):
    """Rows of the GRU beside the LSTM, by title."""
    section = next(each for each in sections(checked(document), "run") if each.key == "beside")
    return {row[0].text: [cell.text for cell in row] for row in section.values["tables"][0].rows}


def test_what_is_counted_and_drawn_is_named():
    """Steps of a task with a class for each; answers for windows are points, not a line through them."""
    document = examples.search(4)
    document["data"]["task"] = "tagging"
    assert "Test steps by true class" in render(checked(document), "run")
    document["data"]["task"] = "regression"
    values = {"truth": [1.0, 2.0], "prediction": [1.5, 2.5]}
    document["candidates"][0]["forecast"] = {"name": "y", "axis": "test window", "time": [0, 1], **values}
    chart = forecast_chart(checked(document))
    figure = chart.variants[0][1]
    assert {trace["mode"] for trace in figure["data"]} == {"markers"}
    assert figure["layout"]["xaxis"]["title"]["text"] == "test window"


def test_gains_are_called_what_they_are():
    """Points over an answer without a network; of an error, what is removed of it."""
    document = examples.comparison()
    assert "Points over an answer without a network" in render(checked(document), "run")
    document["metric"] = {"name": "mae", "higher_is_better": False, "unit": "kW"}
    assert "Per cent of the error of an answer without a network removed" in render(checked(document), "run")


def test_the_oracle_is_compared_where_it_can_be():
    """Not a network that sees part of a window, nor columns of a .csv; the clock asked for is that of the profile."""
    document = examples.search(1)
    document["command"] = ["edgeseq", "choose", "--data", "har.npz", "--clock", "16MHz"]
    page = render(checked(document), "run")
    assert "edgeseq verify" in page
    assert "--clock 16MHz" in page.split("Measure it")[1].split("</")[1] + page.split("Measure it")[1][:600]
    document["candidates"][0]["stride"] = 2
    assert "edgeseq verify" not in render(checked(document), "run")
    document["candidates"][0]["stride"] = 1
    document["command"][3] = "har.csv"
    assert "edgeseq verify" not in render(checked(document), "run")


def test_commands_are_quoted():
    """Words with blanks and quotes go through a shell as they are."""
    import shlex

    for name in ("search", "hostile"):
        results = checked(EXAMPLES[name])
        commands = next(section for section in sections(results, "my run") if section.key == "commands")
        lines = dict(commands.values["lines"])
        assert shlex.split(lines["Run it again"]) == list(results.command)
        assert shlex.split(lines["Make this page again"]) == ["edgeseq", "report", "my run"]
        chosen = results.candidate(results.recommended)
        assert shlex.split(lines["Measure it"])[2] == f"my run/{chosen.files['esq']}"
