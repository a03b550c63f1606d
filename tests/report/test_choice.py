"""What `edgeseq choose` prints: in 80 columns, and nothing that was not obtained."""

import io
import re

import pytest
from rich.console import Console

from edgeseq.report.choice import as_text
from tests.report import examples


def printed(document, *, explained=False) -> str:
    """What a terminal of 80 columns shows."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(as_text({"options": {"modes": ["speed", "size"]}} | document, explained=explained))
    return console.export_text()


def words(document) -> str:
    return re.sub(r"\s+", " ", printed(document))


@pytest.mark.parametrize("explained", [False, True])
def test_every_kind_of_network_is_printed(explained):
    """Hybrids and references too; the errors of each kind that was tried, and no line is wider than the terminal."""
    document = examples.search(40)
    text = printed(document, explained=explained)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert document["verdict"][0].split()[0] in text
    assert {"lstm+gru", "transformer"} <= {each["cell"] for each in document["candidates"]}
    told = words(document)
    assert "speed kernels, recurrent networks, before measuring: predicted (flash ± 0.7 %)" in told
    assert "size kernels, reference networks, before measuring: predicted (flash ± 7.5 %)" in told
    assert "tiny networks" not in told


def test_nothing_is_claimed_of_what_was_not_measured():
    """No core equalled anything; one that differs is not called so, nor fitting."""
    document = examples.search(6)
    assert "the emulated core gave the same on" in words(document)
    for each in document["candidates"]:
        each |= {"measured": False, "status": "trained", "mismatches": None}
    document |= {"recommended": None, "verdict": ["Nothing is recommended: no candidate was measured."], "front": []}
    assert "emulated" not in words(document)
    wrong = examples.search(1)
    wrong["candidates"][0] |= {"mismatches": 57, "feasible": False}
    text = words(wrong)
    assert "the emulated core gave the same" not in text
    assert re.search(r"gru\(16\) int8 #0 .* no\b", text)


def test_time_is_labelled_as_the_core_gives_it():
    """A simulator counts; energy is named where there is one."""
    document = examples.search(3)
    assert "us, uJ: modelled (validated, ± 9.6 %) at 32 MHz, without flash wait states" in words(document)
    document["target"] |= {"tier": "simulated (simavr)", "cycle_error_pct": None}
    for each in document["candidates"]:
        each["energy_uj"] = None
    assert "us: simulated (simavr) at 32 MHz" in words(document)
    assert "wait states" not in words(document)
