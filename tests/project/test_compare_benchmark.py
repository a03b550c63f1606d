"""The claim about GRU says what the rows say, LSTM's wins too."""

import json

import pytest

from benchmarks import compare
from benchmarks.compare import CELLS, FRONT_CELLS, FRONT_UNITS, MATCHES, ledgers_of, store, wanted_of
from benchmarks.fronts import draw
from benchmarks.tables import compare as tables
from edgeseq.choose.comparison.matching import parameters
from edgeseq.data import load_data


def row(data: str, match: str, difference: float, half: float, *, flash: int = 800, first: str = "lstm") -> dict:
    """A comparison of made-up figures. difference: GRU minus LSTM; first: of the pair."""
    sign = -1 if first == "lstm" else 1
    cell = {"units": 32, "parameters": 5, "ram_bytes": 300, "instructions_per_step": 900, "per_kb": 9.0, "per_uj": None}
    cell |= {"train_seconds": 3.0}
    return {
        "data": data,
        "match": match,
        "cells": [
            {"cell": "lstm", "flash_bytes": 1000, "mean": 0.9, **cell},
            {"cell": "gru", "flash_bytes": flash, "mean": 0.9 + difference, **cell},
        ],
        "pairs": [
            {
                "a": first,
                "b": "gru" if first == "lstm" else "lstm",
                "difference": sign * difference,
                "low": sign * difference - half,
                "high": sign * difference + half,
                "seeds": 5,
            }
        ],
    }


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", tmp_path)

    def write(rows: list[dict]) -> None:
        (tmp_path / "compare.json").write_text(json.dumps({"comparisons": rows, "fronts": []}))

    return write


@pytest.mark.parametrize("first", ["gru", "lstm"])
def test_the_claim_names_who_is_better(results, first):
    """GRU ahead, LSTM ahead and neither, whichever comes first in a pair; flash as it was measured."""
    rows = [row("a", "units", 0.02, 0.01, first=first), row("b", "units", -0.03, 0.01, flash=750, first=first)]
    results([*rows, row("c", "units", 0.01, 0.02, first=first), row("a", "parameters", -0.02, 0.01, flash=1010, first=first)])
    lines = tables.gru_claim().splitlines()
    assert lines[0] == (
        "At equal units, the GRU is better on a; the LSTM is better on b; no difference is shown on 1 of 3 data sets; "
        "the GRU's image is 75 % to 80 % of the LSTM's."
    )
    assert lines[1] == "At equal parameters, the LSTM is better on a; the GRU's image is 101 % of the LSTM's."
    assert lines[5] == "| a | equal units | 32 units, 90.00 % | 32 units, 92.00 % | +2.0 (+1.0 to +3.0) | 5 | -20 % |"
    assert lines[6] == "| b | equal units | 32 units, 90.00 % | 32 units, 87.00 % | -3.0 (-4.0 to -2.0) | 5 | -25 % |"


def test_the_fronts_say_what_equal_accuracy_takes(tmp_path, monkeypatch):
    """The smallest of the other cell that is as accurate as the best; a front that is not reached says so."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    points = {"gru": ((4, 0.8, 1000), (8, 0.91, 1500), (16, 0.95, 2400)), "lstm": ((4, 0.85, 1100), (8, 0.91, 2000))}
    rows = [
        {"data": "a", "cell": cell, "units": units, "mean": mean, "flash_bytes": flash}
        for cell, found in points.items()
        for units, mean, flash in found
    ]
    (tmp_path / "compare.json").write_text(json.dumps({"comparisons": [], "fronts": [*rows, rows[0] | {"data": "b"}]}))
    assert tables.front_table().splitlines()[2:] == [
        (
            "| a | 8 units, 91.00 %, 2,000 B | 8 units, 91.00 %, 1,500 B: -25 % of flash | 16 units, 95.00 %, 2,400 B | "
            "none of these sizes |"
        )
    ]


def test_comparisons_that_have_not_both_cells_yet_are_left_out(results):
    """Rows are stored after each model; what is not yet comparable claims nothing."""
    results([row("a", "units", 0.02, 0.01) | {"pairs": []}])
    assert "better" not in tables.gru_claim()
    assert tables.compare_table().count("\n") == 3


def test_every_model_is_trained_once(tmp_path, monkeypatch):
    """Comparisons and fronts share what is alike, and match parameters by Keras's count."""
    monkeypatch.setenv("EDGESEQ_CACHE", str(tmp_path))
    ledgers = ledgers_of("digits", load_data("digits"), 2, 1)
    wanted = wanted_of(ledgers, fronts=True)
    jobs = wanted.jobs(2)
    assert len(jobs) == len(set(jobs)) == 2 * (len(CELLS) + 2 + len(FRONT_CELLS) * (len(FRONT_UNITS) - 1))
    assert [job.seed for job in jobs[:5]] == [0] * 5
    assert [each.cell for each in wanted.matched["units"]] == list(CELLS)
    for each in wanted.matched["parameters"]:
        assert each.size == parameters(each.cell, each.units, 8, 10)
    assert set(ledgers) == set(MATCHES)
    assert ledgers["units"].records is ledgers["parameters"].records


def test_rows_of_other_data_stay(tmp_path, monkeypatch):
    """A run replaces the rows of its data set alone, and fronts only where it has some."""
    monkeypatch.setattr(compare, "TASKS", {"a": None, "b": None})
    out = tmp_path / "compare.json"
    store(out, "b", {"comparisons": [{"data": "b", "n": 1}], "fronts": [{"data": "b", "n": 2}]})
    store(out, "a", {"comparisons": [{"data": "a", "n": 3}], "fronts": []})
    store(out, "b", {"comparisons": [{"data": "b", "n": 4}], "fronts": []})
    assert json.loads(out.read_text()) == {
        "comparisons": [{"data": "a", "n": 3}, {"data": "b", "n": 4}],
        "fronts": [{"data": "b", "n": 2}],
    }


def test_the_figure_is_reproducible(tmp_path):
    """The same rows give the same file, with a panel per data set; one seed has no band."""
    pytest.importorskip("matplotlib")
    rows = [
        {
            "data": data,
            "cell": cell,
            "units": units,
            "flash_bytes": 900 + 40 * units,
            "mean": 0.9,
            "low": low,
            "high": low,
            "seeds": [0.9],
        }
        for data in ("one", "two")
        for cell in ("gru", "lstm")
        for units, low in ((4, None), (8, 0.8))
    ]
    draw(rows, tmp_path / "a.svg")
    draw(list(rows), tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert all(word in text for word in ("one", "two", "GRU", "LSTM", "flash, KB"))
