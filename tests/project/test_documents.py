"""What the documents say is what the code does."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.cores import markdown
from benchmarks.paths import RESULTS
from benchmarks.readme import DOCUMENTS, filled
from edgeseq.cli.commands import COMMANDS
from edgeseq.export.c import export_c
from edgeseq.export.c.portable import PLANNERS
from edgeseq.export.c.support import STRUCTURES, fast_support, portable_support
from edgeseq.frontend.handlers import HANDLERS, NOTES
from edgeseq.quantize.types import LAYER_TYPES
from edgeseq.targets import core_names
from tests.parity.cases import CASES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_tables_are_those_of_the_results():
    """The documents' numbers are the stored results, to the character."""
    results = {"accuracy.json", "compact.json", "cores.json", "host.json", "models.json", "music.json"}
    results |= {"onnx_forms.json", "other_runtimes.json", "pruned.json", "runtimes.json", "sparse.json", "tflite.json"}
    results |= {"choose.json", "compare.json", "fused.json", "predictor.json", "scaleout.json", "streams.json", "wheels.json"}
    assert {path.name for path in RESULTS.glob("*.json")} == results
    for document, tables in DOCUMENTS.items():
        text = (ROOT / document).read_text()
        assert filled(text, tables) == text, document
    assert markdown(json.loads((RESULTS / "cores.json").read_text())["rows"]) == (ROOT / "docs" / "cores.md").read_text()


def test_every_layer_is_described():
    """Each Keras layer with a handler says what of it is supported."""
    assert list(NOTES) == list(HANDLERS)


def test_every_operation_is_exported_or_refused():
    """Every integer layer type is printed by the C exporter, as a kernel or as a structure, never as both."""
    for layer in LAYER_TYPES:
        assert portable_support(layer) is not None, layer
        assert (layer in PLANNERS) != (layer in STRUCTURES), layer


@pytest.mark.parametrize("name", ["gru", "lstm", "mgu, int8", "mingru, int8", "fastgrnn, int8"])
def test_fast_kernels_are_where_the_table_says(name):
    """A layer is left to the portable kernels if and only if the support table says so."""
    graph = CASES[name].build()
    left = fast_support(type(graph.layers[0])) == "left to the portable kernels"
    assert bool(export_c(graph, kernel_set="dsp").fallbacks) == left


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
