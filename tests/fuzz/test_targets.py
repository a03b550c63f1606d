"""The fuzzer's targets without coverage: good seeds are taken, changed ones end in edgeseq's own errors or in a value."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, change_bytes, scratch, survives

pytest.importorskip("onnx")
ROOT = Path(__file__).parents[2]
CHANGES = 120


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_changed_seeds(name):
    """Most seeds are good files; of seeded changes some are taken and some refused, and nothing else happens."""
    target, rng = TARGETS[name], random.Random(1)
    seeds = target.seeds()
    with scratch() as folder:
        assert sum(survives(target, seed, Path(folder)) for seed in seeds) > len(seeds) / 2
        taken = 0
        for at in range(CHANGES):
            change = (target.mutate, change_bytes)[at % 4 == 3]
            taken += survives(target, change(rng.choice(seeds), rng), Path(folder))
    assert 0 < taken < CHANGES


@pytest.mark.slow
def test_the_script_runs(tmp_path):
    """Three seconds of the smallest target: executions are counted, nothing is found."""
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.fuzz", "tflite", "--seconds", "3", "--findings", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tflite: " in done.stdout
    assert " executions, coverage " in done.stdout
