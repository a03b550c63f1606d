"""The benchmarks of other runtimes compare what they say they compare, and refuse what they cannot do."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fused, streams, wheels, wheels_worker
from benchmarks.bench_models import SIZES, stand_in
from benchmarks.paths import RESULTS
from edgeseq.simulate import Oracle
from tests.conftest import random_codes


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "onnxruntime"])
def test_the_worker_runs_files_without_edgeseq(runtime, tmp_path, monkeypatch):
    """As under QEMU, with this machine's Python and the worker alone: 0 mismatches, and one wrong value is one mismatch."""
    monkeypatch.setattr(wheels, "SCHEMES", ("int8x4",))
    monkeypatch.setattr(wheels, "bench_model", lambda _, cell, scheme: stand_in(cell, SIZES["B"], scheme))
    jobs = wheels.write_jobs(runtime, tmp_path, 8)
    assert len(jobs) == 2 * len(wheels.FORMS) * len(wheels.RUNTIMES[runtime].kernels)
    assert set(wheels.RUNTIMES) == set(wheels_worker.RUNNERS)
    command = [sys.executable, "-I", str(Path(wheels_worker.__file__)), runtime, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert json.loads(said.splitlines()[-1]) == {"numpy": np.__version__}
    rows = wheels.compare_jobs(jobs, tmp_path, 8)
    assert [row["mismatches"] for row in rows] == [0] * len(jobs)
    assert all(row["values"] == jobs[0].wanted["outputs"].size + jobs[0].wanted["states"].size for row in rows[:1])
    jobs[0].wanted["states"][0, 0] += 1
    assert wheels.compare_jobs(jobs, tmp_path, 8)[0]["mismatches"] == 1


def test_streams_are_compared_with_every_runner():
    """C, every kernel set of LiteRT and every level of onnxruntime: the one wrong value is the one mismatch of each."""
    graph = stand_in("gru", SIZES["B"], "int16x4").graph
    codes = random_codes(graph, 20)[None]
    oracle = Oracle(graph).run(codes, keep_states=True)
    oracle.outputs[0, 7, 1] += 3
    rows = list(streams.runs(graph, codes, oracle))
    assert len({row.name for row in rows}) == 8
    assert [(row.mismatches, row.max_abs_lsb) for row in rows] == [(1, 3)] * 8


def test_stored_results_have_no_mismatch():
    """No wheel and no stream differs from the oracle; a wheel that does not exist has a reason; writing takes under 3 s."""
    found = json.loads((RESULTS / "wheels.json").read_text())["rows"]
    assert all(row.get("mismatches") == 0 or row["refused"] for row in found)
    assert {"ai-edge-litert", "tflite-runtime"} <= {row["runtime"] for row in found if row["architecture"] == "aarch64"}
    stored = json.loads((RESULTS / "streams.json").read_text())
    assert all(row["mismatches"] == 0 for row in stored["rows"])
    assert {row["form"] for row in stored["export"]} == set(streams.FORMS)
    assert all(row["processor_s"] < 3 for row in stored["export"])


def test_time_of_a_call_is_of_every_form():
    """The forms are called in turn, and each ratio is to the fused one."""
    model = stand_in("lstm", SIZES["B"])
    found = fused.times(model.graph, model.stream)
    assert set(found) == {"step_us", "stateful_us", "fused_us", "step_ratio", "stateful_ratio"}
    assert all(value > 0 for value in found.values())


WRONG = {
    "architecture": (wheels.main, ["--architectures", "m68k"], "--architectures 'm68k'; expected of: aarch64, armv7"),
    "runtime": (wheels.main, ["--runtimes", "torch"], "--runtimes 'torch'; expected of: ai-edge-litert"),
    "no whole calls": (wheels.main, ["--steps", "9"], "--steps 9; expected a multiple of 8"),
    "no steps": (streams.main, ["--steps", "0"], "--steps 0; expected 1 or more"),
    "model": (streams.main, ["--models", "Z"], "--models 'Z'; expected of: A, B, C"),
    "scheme": (streams.main, ["--schemes", "int2"], "--schemes 'int2'; expected of: int8"),
}


@pytest.mark.parametrize(("command", "options", "words"), WRONG.values(), ids=list(WRONG))
def test_wrong_options_end_in_a_message(command, options, words, capsys, tmp_path):
    """Exit 2, the reason, and nothing written."""
    with pytest.raises(SystemExit) as ended:
        command([*options, "--out", str(tmp_path / "out.json")])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_emulator_is_named(monkeypatch, capsys, tmp_path):
    """Without qemu-user nothing is downloaded; the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        wheels.main(["--out", str(tmp_path / "out.json")])
    assert ended.value.code == 2
    assert "qemu-aarch64 is not on the PATH" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
