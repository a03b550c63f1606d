"""What the documents say is what the code does."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.cores import markdown
from benchmarks.paths import RESULTS
from benchmarks.readme import DOCUMENTS, filled
from edgeseq.cli.commands import COMMANDS
from edgeseq.frontend.convert import HANDLERS
from edgeseq.targets import core_names

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_tables_are_those_of_the_results():
    """The documents' numbers are the stored results, to the character."""
    results = {"accuracy.json", "cores.json", "host.json", "models.json", "music.json"}
    assert {path.name for path in RESULTS.glob("*.json")} == results
    for document in DOCUMENTS:
        assert filled(document) == (ROOT / document).read_text()
    assert markdown(json.loads((RESULTS / "cores.json").read_text())["rows"]) == (ROOT / "docs" / "cores.md").read_text()


def test_readme_names_every_supported_layer():
    """Each layer with a handler is in the README (InputLayer goes without saying)."""
    assert all(name in README for name in HANDLERS if name != "InputLayer")


def test_readme_commands_exist():
    """Each `edgeseq VERB` in the README is a command, and so is each field of the JSON page."""
    known = {command.name for command in COMMANDS}
    assert set(re.findall(r"^edgeseq (\w+)", README, re.MULTILINE)) <= known
    assert set(re.findall(r"^(\w+): +\{", (ROOT / "docs" / "json.md").read_text(), re.MULTILINE)) == known


@pytest.mark.parametrize("core", core_names())
def test_targets_name_their_source(core):
    """Every core's cycle model says where its table comes from."""
    text = (ROOT / "edgeseq" / "targets" / "cores" / f"{core}.toml").read_text()
    assert re.search(r'^source = ".{10,}"$', text, re.MULTILINE)
