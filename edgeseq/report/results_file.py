"""Reading results.json: whole, valid by its schema, and consistent in itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from edgeseq.errors import MissingExtraError, ResultsError
from edgeseq.report.results import Results, results_of

SCHEMA = 1
FILE_NAME = "results.json"
# What JavaScript counts exactly.
LARGEST = 2**53
# Characters that would steer a terminal or that no file in UTF-8 can hold; tab and line feed stay.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def schema() -> str:
    """Return the published JSON Schema (2020-12) of results.json."""
    return resources.files("edgeseq.report").joinpath("schemas/results.schema.json").read_text(encoding="utf-8")


def read_results(run: Path) -> Results:
    """Read the results.json of a run folder, or the file itself. Raises ResultsError, MissingExtraError."""
    path = run / FILE_NAME if run.is_dir() else run
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ResultsError(
            f"{path}: no such file; expected a folder that 'edgeseq choose' or 'edgeseq compare' wrote (--out)"
        ) from None
    except UnicodeDecodeError as error:
        raise ResultsError(f"{path}: not UTF-8 at byte {error.start}; expected a {FILE_NAME} of edgeseq") from error
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        document = json.loads(text, parse_constant=_not_json, parse_float=_finite, parse_int=_countable)
    except RecursionError as error:
        raise ResultsError(f"{path}: nested too deeply; expected a {FILE_NAME} of edgeseq") from error
    except ValueError as error:
        raise ResultsError(f"{path}: not JSON: {error}. Run the search or comparison again, or add --resume to it") from error
    try:
        return checked(document)
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error


def checked(document: Any) -> Results:
    """Return the values of a document. Raises ResultsError with the path in the document of what is wrong."""
    if not isinstance(document, dict):
        raise ResultsError(f"is a JSON {type(document).__name__}; expected an object")
    version = document.get("schema")
    if "schema" in document and (version != SCHEMA or isinstance(version, bool)):
        raise ResultsError(f"schema {_short(version)}; this edgeseq reads {SCHEMA}. Use the edgeseq that wrote the file")
    _refuse(_problems(document))
    results = results_of(_clean(document))
    _refuse(_inconsistencies(results))
    return results


def _refuse(problems: Iterable[str]) -> None:
    """Raise ResultsError with the first problem, if there is one."""
    for problem in problems:
        raise ResultsError(problem)


@cache
def _validator() -> Any:
    try:
        import jsonschema
    except ImportError as error:
        raise MissingExtraError("jsonschema", "report") from error
    return jsonschema.Draft202012Validator(json.loads(schema()))


def _problems(document: Mapping[str, Any]) -> Iterable[str]:
    """What the schema says against the document: the deepest, most telling violation."""
    violations = _validator().iter_errors(document)
    from jsonschema.exceptions import best_match

    error = best_match(violations)
    if error is None:
        return
    what = f"{_short(error.instance)} is not what is expected there: {error.schema.get('description', '')}"
    if error.validator == "required":
        what = error.message
    elif error.validator == "type":
        wanted = error.validator_value
        what = f"{_short(error.instance)}; expected {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    elif error.validator == "enum":
        what = f"{_short(error.instance)}; expected one of {', '.join(map(str, error.validator_value))}"
    elif error.validator in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        bound = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than", "exclusiveMaximum": "less than"}
        what = f"{_short(error.instance)}; expected {bound[error.validator]} {error.validator_value}"
    yield f"{_where(error.absolute_path)}{what}"


def _where(path: Iterable[Any]) -> str:
    """Path in the document, such as 'candidates[3].flash_bytes: '."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{words}: " if words else ""


def _inconsistencies(results: Results) -> Iterable[str]:
    """What no schema can say: names that lead nowhere, tables of the wrong size."""
    if results.kind == "comparison":
        yield from _inconsistent_cells(results)
        return
    if not results.candidates:
        yield "candidates: empty; no trial has ended yet. Let the search go on (--resume), then report again"
    names = [each.name for each in results.candidates]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        yield f"candidates: the name {twice!r} stands there more than once; expected unique names"
    if results.recommended is not None and results.recommended not in names:
        yield f"recommended: {results.recommended!r} is no candidate"
    for index, name in enumerate(results.front):
        if name not in names:
            yield f"front[{index}]: {name!r} is no candidate"
    yield from _inconsistent_pictures(results)


def _inconsistent_pictures(results: Results) -> Iterable[str]:
    for index, each in enumerate(results.candidates):
        rows = each.confusion or ()
        if any(len(row) != len(rows) for row in rows):
            yield f"candidates[{index}].confusion: expected as many columns as rows, {len(rows)}"
        if rows and results.data.class_names and len(rows) != len(results.data.class_names):
            yield f"candidates[{index}].confusion: {len(rows)} rows for {len(results.data.class_names)} class_names"
        lengths = {len(each.forecast[key]) for key in ("time", "truth", "prediction")} if each.forecast else set()
        if len(lengths) > 1:
            yield f"candidates[{index}].forecast: time, truth and prediction differ in length"


def _inconsistent_cells(results: Results) -> Iterable[str]:
    if not results.cells:
        yield "cells: empty; no model has been trained yet. Let the comparison go on (--resume), then report again"
    names = [each.name for each in results.cells]
    if len(set(names)) < len(names):
        yield f"cells: {', '.join(names)}; expected each once"
    for index, pair in enumerate(results.pairs):
        for name in (pair.a, pair.b):
            if results.cell(name) is None:
                yield f"pairs[{index}]: {name!r} is no cell of this file; they are {', '.join(names)}"
        if pair.low is None or pair.difference is None or pair.high is None:
            continue
        if not pair.low <= pair.difference <= pair.high:
            yield f"pairs[{index}]: low {pair.low:g}, difference {pair.difference:g}, high {pair.high:g}; expected that order"


def _clean(value: Any) -> Any:
    """Return the document with what no report can show replaced in its texts."""
    if isinstance(value, str):
        return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    return value


def _short(value: Any) -> str:
    """Value as it stands in the file, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _not_json(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not abs(value) <= LARGEST:
        raise ValueError(f"{_short(text)} is too large")
    return value


def _countable(text: str) -> int:
    value = int(text)
    if abs(value) > LARGEST:
        raise ValueError(f"{_short(text)} is too large")
    return value
