"""The schema accepts what searches and comparisons write, and a broken file is refused with the path of what is wrong."""

import copy
import json

import jsonschema
import pytest

from edgeseq.errors import ResultsError
from edgeseq.report.results_file import checked, read_results, schema
from tests.report import examples

EXAMPLES = {
    "search": examples.search(20),
    "one candidate": examples.search(1),
    "forecast": examples.forecast_search(),
    "hostile": examples.hostile(),
    "comparison": examples.comparison(),
}
SCHEMA = json.loads(schema())


@pytest.mark.parametrize("document", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_are_accepted(document):
    """Every example is valid, also by a plain validator of the published schema, and with fields that it does not name."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert checked({**document, "more": {"to": "come"}}).kind == document["kind"]


def test_every_property_is_described():
    """Each promised field has a description, those of numbers with a unit or a range in words."""

    def walk(node, where):
        for key, value in node.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, f"{where}.{key}"
            walk(value, f"{where}.{key}")
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                walk(node[key], f"{where}[]")

    walk(SCHEMA, "")
    for name, definition in SCHEMA["$defs"].items():
        assert definition["description"], name
        walk(definition, name)


def required_paths(node, definition, path=()):
    """Paths of all required fields that the document holds, through the schema."""
    if "$ref" in definition:
        definition = SCHEMA["$defs"][definition["$ref"].rsplit("/", 1)[1]]
    for option in definition.get("anyOf", ()):
        if node is not None and "$ref" in option:
            yield from required_paths(node, option, path)
    if isinstance(node, dict):
        for key in definition.get("required", ()):
            yield (*path, key)
        for key, inner in definition.get("properties", {}).items():
            if key in node:
                yield from required_paths(node[key], inner, (*path, key))
    elif isinstance(node, list) and node and "items" in definition:
        yield from required_paths(node[0], definition["items"], (*path, 0))


def holder(document, path):
    for part in path[:-1]:
        document = document[part]
    return document


def of_kind(document):
    """The schema with what it requires of this kind alone."""
    (then,) = [each["then"] for each in SCHEMA["allOf"] if each["if"]["properties"]["kind"]["const"] == document["kind"]]
    return {**SCHEMA, "required": [*SCHEMA["required"], *then["required"]]}


ALL_REQUIRED = [
    (kind, path)
    for kind in ("one candidate", "forecast", "comparison")
    for path in required_paths(EXAMPLES[kind], of_kind(EXAMPLES[kind]))
]


def test_required_fields_are_found():
    """The walk above reaches deep: what follows would prove little otherwise."""
    found = {path for _, path in ALL_REQUIRED}
    assert {("kind",), ("candidates", 0, "scores", "device"), ("cells", 0, "seeds", 0, "epochs")} <= found
    assert len(found) > 100


@pytest.mark.parametrize(
    ("kind", "path"), ALL_REQUIRED, ids=[f"{kind}: {'.'.join(map(str, path))}" for kind, path in ALL_REQUIRED]
)
def test_required_fields(kind, path):
    """Without any one required field the document is refused, and the message names the field and where it is missing."""
    broken = copy.deepcopy(EXAMPLES[kind])
    del holder(broken, path)[path[-1]]
    with pytest.raises(ResultsError) as caught:
        checked(broken)
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[:-1]).lstrip(".")
    assert str(caught.value).startswith(f"{where}: " if where else "")
    assert repr(path[-1]) in str(caught.value)


WRONG = {
    "type": (("candidates", 0, "flash_bytes"), "4K", 'candidates[0].flash_bytes: "4K"; expected number or null'),
    "negative": (("candidates", 0, "ram_bytes"), -1, "candidates[0].ram_bytes: -1; expected at least 0"),
    "status": (("candidates", 0, "status"), "done", 'candidates[0].status: "done"; expected one of infeasible, '),
    "task": (("data", "features"), 0, "data.features: 0; expected at least 1"),
    "version": (("schema",), 2, "schema 2; this edgeseq reads 1"),
    "version of a bool": (("schema",), True, "schema true; this edgeseq reads 1"),
    "kind": (("kind",), "guess", 'kind: "guess"; expected one of search, comparison'),
    "empty": (("candidates",), [], "candidates: empty; no trial has ended yet"),
    "recommended": (("recommended",), "nobody", "recommended: 'nobody' is no candidate"),
    "front": (("front",), ["nobody"], "front[0]: 'nobody' is no candidate"),
    "matrix": (("candidates", 0, "confusion"), [[1, 2]], "candidates[0].confusion: expected as many columns as rows"),
    "classes": (("candidates", 0, "confusion"), [[1]], "candidates[0].confusion: 1 rows for 6 class_names"),
    "clock": (("target", "clock_hz"), 0, "target.clock_hz: 0; expected more than 0"),
    "long": (("candidates", 0, "units"), "x" * 500, "..."),
}


@pytest.mark.parametrize(("path", "value", "words"), WRONG.values(), ids=WRONG)
def test_wrong_values(path, value, words):
    """A wrong value is refused with its path, what it is and what was expected."""
    broken = copy.deepcopy(EXAMPLES["search"])
    holder(broken, path)[path[-1]] = value
    with pytest.raises(ResultsError) as caught:
        checked(broken)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def test_names_must_be_unique():
    """Two candidates of one name could not be told apart."""
    broken = copy.deepcopy(EXAMPLES["search"])
    broken["candidates"][3]["name"] = broken["candidates"][0]["name"]
    with pytest.raises(ResultsError, match="stands there more than once; expected unique names"):
        checked(broken)


def test_comparison_is_consistent():
    """A pair names cells of the file, with or without units; cells stand there once, and there is at least one."""
    document = copy.deepcopy(EXAMPLES["comparison"])
    document["pairs"][0]["a"] = "gru(32)"
    assert checked(document).cell("gru(32)").units == (32,)
    document["pairs"][0]["b"] = "mgu"
    with pytest.raises(ResultsError, match=r"pairs\[0\]: 'mgu' is no cell of this file; they are gru\(32\), lstm\(32\), rnn"):
        checked(document)
    swapped = copy.deepcopy(EXAMPLES["comparison"])
    pair = swapped["pairs"][0]
    pair["low"], pair["high"] = pair["high"], pair["low"]
    with pytest.raises(ResultsError, match=r"pairs\[0\]: low .* high .*; expected that order"):
        checked(swapped)
    with pytest.raises(ResultsError, match="cells: empty; no model has been trained yet"):
        checked({**document, "cells": [], "pairs": []})
    with pytest.raises(ResultsError, match="expected each once"):
        checked({**document, "cells": document["cells"] * 2})


FILES = {
    "truncated": (b'{"schema": 1, "kind"', "not JSON"),
    "empty": (b"", "not JSON"),
    "list": (b"[]", "is a JSON list; expected an object"),
    "NaN": (b'{"schema": 1, "x": NaN}', "NaN is no JSON number"),
    "infinite": (b'{"schema": 1, "x": 1e999}', "is too large"),
    "beyond any figure": (b'{"schema": 1, "x": 1.5e308}', "is too large"),
    "huge": (b'{"schema": 1, "x": ' + b"9" * 400 + b"}", "is too large"),
    "longer than Python counts": (b'{"schema": 1, "x": ' + b"9" * 5000 + b"}", "not JSON"),
    "latin-1": ('{"schema": "é"}'.encode("latin-1"), "not UTF-8 at byte 12"),
    "deep": (b"[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES)
def test_no_results(tmp_path, content, words):
    """What is no results.json is refused with its path."""
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(ResultsError) as caught:
        read_results(tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / "results.json") in str(caught.value)


def test_no_file(tmp_path):
    """A folder that nothing was written to says what writes one."""
    with pytest.raises(ResultsError, match="no such file; expected a folder that 'edgeseq choose' or 'edgeseq compare' wrote"):
        read_results(tmp_path)


def test_texts_are_cleaned(tmp_path):
    """Control characters and lone surrogates, which could steer a terminal or end in no file, are replaced."""
    document = copy.deepcopy(EXAMPLES["one candidate"])
    document["data"]["name"] = "a\x1b[31mb\ud800\x00c\td"
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert read_results(tmp_path).data.name == "a\ufffd[31mb\ufffd\ufffdc\td"


def test_epochs_are_numbered():
    """A history that leaves the numbers of its epochs out counts from 1."""
    document = copy.deepcopy(EXAMPLES["one candidate"])
    for row in document["candidates"][0]["history"]:
        del row["epoch"]
    assert [row["epoch"] for row in checked(document).candidates[0].history] == list(range(1, 21))
