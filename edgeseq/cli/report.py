"""`edgeseq report`: what a search or a comparison found, as one HTML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edgeseq.cli.options import json_option
from edgeseq.cli.output import show
from edgeseq.errors import OutputError


@click.command()
@click.argument("run", metavar="RUN_DIR", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--out", metavar="FILE", type=click.Path(path_type=Path), help="The page; default: RUN_DIR/report.html.")
@click.option("--png", metavar="FOLDER", type=click.Path(path_type=Path), help="Draw the pictures as PNG files as well.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--schema", "schema_wanted", is_flag=True, help="Print the JSON Schema of results.json instead.")
@json_option
def report(run: Path | None, out: Path | None, png: Path | None, force: bool, schema_wanted: bool, json_wanted: bool) -> None:
    """Write the report of a search or a comparison: one HTML file that needs no network.

    RUN_DIR is what 'edgeseq choose --out' or 'edgeseq compare --out' wrote; its results.json is checked first.
    """
    from edgeseq.report.results_file import schema

    if schema_wanted:
        if run is not None:
            raise click.UsageError("--schema prints what any results.json looks like; leave out RUN_DIR")
        sys.stdout.write(schema())
        return
    if run is None:
        raise click.UsageError("give the RUN_DIR that 'edgeseq choose' or 'edgeseq compare' wrote, or --schema")
    document = _write(run, out, png, force=force)
    files = [document["out"], *document["png"]]
    show("\n".join(f"wrote {path}" for path in files), document, json_wanted=json_wanted)


def _write(run: Path, out: Path | None, png: Path | None, *, force: bool) -> dict[str, Any]:
    """Write the page and the pictures; all is made before the first file is written."""
    from edgeseq.files import check_writable, write_atomically
    from edgeseq.report.html import render
    from edgeseq.report.plots import draw
    from edgeseq.report.results_file import read_results

    results = read_results(run)
    folder = run if run.is_dir() else run.parent
    page = out or folder / "report.html"
    _refuse_existing(page, force=force)
    check_writable(page)
    html = render(results, str(folder))
    pictures = {} if png is None else {png / name: data for name, data in draw(results).items()}
    for path in pictures:
        _refuse_existing(path, force=force)
    for path, data in pictures.items():
        write_atomically(path, data)
    write_atomically(page, html)
    return {
        "schema": 1,
        "run": str(run),
        "kind": results.kind,
        "out": str(page),
        "bytes": len(html.encode()),
        "png": [str(path) for path in pictures],
        "candidates": len(results.candidates),
        "cells": len(results.cells),
        "recommended": results.recommended,
    }


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected the name of a file (-o {path / 'report.html'})")
    if path.exists() and not force:
        raise OutputError(f"{path} already exists. Pass --force to replace it, or choose another name")
