"""`edgeseq report` as a person and as a script use it: files, JSON, exit codes, nothing half-written."""

import json
import subprocess
import sys

import pytest

from edgeseq.report import plots
from edgeseq.report.results_file import schema
from tests.cli.test_cli import run as run_main
from tests.report import examples

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def run(capsys):
    """Runs a command in-process; returns (exit code, stdout, stderr)."""
    return lambda *arguments: run_main(capsys, "report", *map(str, arguments))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(examples.search(12)))
    return tmp_path


def test_page_and_pictures(run, folder):
    """The page goes into the run folder, pictures where they were asked for, and the JSON names them all."""
    code, out, err = run(folder, "--png", folder / "png", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert set(document) == {"schema", "run", "kind", "out", "bytes", "png", "candidates", "cells", "recommended"}
    assert (document["kind"], document["candidates"], document["out"]) == ("search", 12, str(folder / "report.html"))
    assert document["bytes"] == (folder / "report.html").stat().st_size
    assert {path.name for path in (folder / "png").iterdir()} == {"front.png", "curves.png", "memory.png"}
    assert all(path.read_bytes().startswith(PNG) for path in (folder / "png").iterdir())


def test_existing_files_stay(run, folder):
    """What is there is not replaced without --force, and then nothing new is written either."""
    (folder / "report.html").write_text("mine")
    code, out, err = run(folder, "--png", folder / "png")
    assert (code, out) == (2, "")
    assert "report.html already exists. Pass --force" in err
    assert not (folder / "png").exists()
    assert run(folder, "--force")[0] == 0
    assert (folder / "report.html").stat().st_size > 1_000_000
    (folder / "png").mkdir()
    (folder / "png" / "front.png").write_text("mine")
    other = folder / "other.html"
    assert "front.png already exists" in run(folder, "-o", other, "--png", folder / "png")[2]
    assert not other.exists()


BAD = {
    "no results": (None, "no such file; expected a folder that 'edgeseq choose'"),
    "not JSON": ("{", "not JSON"),
    "other version": (json.dumps({"schema": 9}), "schema 9; this edgeseq reads 1"),
    "no kind": (json.dumps({"schema": 1}), "'kind' is a required property"),
    "empty": (json.dumps(examples.search(1, candidates=[], recommended=None, front=[])), "no trial has ended yet"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_bad_input(run, tmp_path, content, words):
    """Exit 2 with words, and no page."""
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    code, out, err = run(tmp_path)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())
    assert {path.name for path in tmp_path.iterdir()} <= {"results.json"}


def test_where_it_cannot_be_written(run, folder):
    """A folder in the page's place, or a file in its folder's, is said before anything is made."""
    assert "is a folder; expected the name of a file" in run(folder, "-o", folder)[2]
    assert run(folder, "-o", folder / "results.json" / "x.html")[0] == 2
    assert {path.name for path in folder.iterdir()} == {"results.json"}


def test_schema(run):
    """--schema prints the published schema, byte for byte; without it a folder is needed, with it none."""
    code, out, _ = run("--schema")
    assert (code, out) == (0, schema())
    assert run("--schema", "x")[0] == 2
    code, _, err = run()
    assert code == 2
    assert "give the RUN_DIR" in err


def test_hostile_names(run, tmp_path, monkeypatch):
    """Names with markup, dollar signs and letters no font has: page and pictures are made, stdout shows them as they are."""
    (tmp_path / "results.json").write_text(json.dumps(examples.hostile()))
    assert run(tmp_path, "--png", tmp_path / "png")[0] == 0
    assert len(list((tmp_path / "png").iterdir())) == 3


def test_pictures_of_a_comparison(run, tmp_path):
    """A comparison has its own pictures; the same results give the same bytes."""
    (tmp_path / "results.json").write_text(json.dumps(examples.comparison()))
    assert run(tmp_path, "--png", tmp_path / "a")[0] == 0
    assert run(tmp_path, "--png", tmp_path / "b", "--force")[0] == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert set(files) == {"cells.png", "pairs.png", "curves.png", "memory.png"}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert int.from_bytes(files["cells.png"][16:20], "big") == plots.DOTS_PER_INCH * 8


@pytest.mark.parametrize("package", ["jinja2", "jsonschema", "plotly", "matplotlib"])
def test_missing_extra(folder, package):
    """Without one of the extra's packages the install line is printed."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"import edgeseq.cli.main as m; m.main(['report', {str(folder)!r}, '--png', {str(folder / 'png')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert f"{package} is not installed. Install it with: pip install 'edgeseq[report]'" in done.stderr
    assert not (folder / "report.html").exists()
