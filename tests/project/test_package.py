"""The package as it is installed: front door, import cost, wheel without extras on the oldest Python."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgeseq
from edgeseq.resources import templates_root
from edgeseq.targets.core import tomllib

ROOT = Path(__file__).resolve().parents[2]


def test_front_door():
    """Every exported name exists, and the list is the documented one."""
    assert sorted(edgeseq.__all__) == list(edgeseq.__all__)
    for name in edgeseq.__all__:
        assert getattr(edgeseq, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        edgeseq.nonsense  # noqa: B018 - the look-up is what must fail


def test_the_verb_wins_over_the_room():
    """edgeseq.quantize stays a function whatever submodule was imported before."""
    for first in ("edgeseq", "edgeseq.quantize.esq, edgeseq.measure.profile", "edgeseq.quantize"):
        code = f"import {first}, edgeseq; print(edgeseq.quantize.__name__, edgeseq.quantize is edgeseq.quantize)"
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "quantize True\n"


def best_of(count: int, code: str) -> float:
    """Processor seconds of the fastest of several fresh interpreters: wall time would also count what else the machine does."""
    script = f"import time; t = time.process_time()\n{code}\nprint(time.process_time() - t)"
    runs = [subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(count)]
    return min(float(run.stdout.splitlines()[-1]) for run in runs)


def test_import_is_light():
    """`import edgeseq` takes under 0.3 s of processor time and brings neither TensorFlow, Keras nor an emulator."""
    assert best_of(5, "import edgeseq") < 0.3
    code = "import edgeseq, edgeseq.cli.main, sys, json; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert not {"tensorflow", "keras", "unicorn", "capstone", "sklearn", "onnx"} & set(loaded)


def test_export_is_fast_and_needs_no_tensorflow(tmp_path, models_folder):
    """Exporting model A from .keras to C takes under 3 s of processor time, TensorFlow never imported."""
    code = (
        "import sys, edgeseq.cli.main as m\n"
        f"m.main(['export', {str(models_folder / 'A_gru.keras')!r}, '--calibration', "
        f"{str(models_folder / 'A_gru.npz') + ':calibration'!r}, '--out', {str(tmp_path / 'c')!r}, '--force'])\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    assert best_of(3, code) < 3


def test_templates_are_found_in_the_checkout():
    """The one resolver finds this checkout's templates."""
    assert (templates_root() / "kernels" / "es_arith.h").is_file()


def test_versions_agree():
    """Pyproject reads the version from the package; the changelog knows it."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["version"]["path"] == "edgeseq/_version.py"
    assert edgeseq.__version__ in (ROOT / "CHANGELOG.md").read_text()


OLDEST_PYTHON = "python3.10"


def interpreter() -> str | None:
    """The oldest supported Python if it runs here (a version manager's shim may not)."""
    path = shutil.which(OLDEST_PYTHON)
    if path is None:
        return None
    done = subprocess.run([path, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip()
    # pyenv keeps every version under one root, whichever is active.
    versions = sorted((Path(path).parents[1] / "versions").glob("3.10*/bin/python3.10"))
    return str(versions[-1]) if versions else None


@pytest.mark.slow
@pytest.mark.skipif(interpreter() is None, reason=f"{OLDEST_PYTHON}, the oldest supported Python, is not installed")
def test_wheel_without_extras_exports_c(tmp_path, esq_ready_model):
    """The wheel alone, in a fresh venv on Python 3.10, exports a .keras to C and names the missing extra for the rest."""
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT], check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([interpreter(), "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    model, data = esq_ready_model
    command = [tmp_path / "venv" / "bin" / "edgeseq"]
    export = ["export", model, "--calibration", data, "--out", tmp_path / "c"]
    subprocess.run([*command, *export], check=True, cwd=tmp_path)
    assert (tmp_path / "c" / "kernels" / "es_gru_step.h").is_file()
    missing = subprocess.run(
        [*command, "profile", model, "--calibration", data], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert missing.returncode == 2
    assert "pip install 'edgeseq[emulate]'" in missing.stderr
    missing = subprocess.run(
        [*command, "train", "--data", data, "--out", tmp_path / "m.keras"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 2
    assert "pip install 'edgeseq[train]'" in missing.stderr


@pytest.fixture
def esq_ready_model(tmp_path):
    """A small .keras and calibration windows."""
    import numpy as np

    from tests.frontend.keras_models import build

    build("gru").save(tmp_path / "m.keras")
    np.savez(tmp_path / "d.npz", X=np.random.default_rng(0).normal(0, 1, (20, 8, 5)), y=np.arange(20) % 2)
    return tmp_path / "m.keras", tmp_path / "d.npz"
