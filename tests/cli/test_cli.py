"""The command line as a person and as a script use it: results, JSON, exit codes, messages, nothing half-written."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeseq.cli.main import main
from edgeseq.quantize.esq import write_esq
from tests.conftest import make_quantized
from tests.frontend.keras_models import build


@pytest.fixture(scope="session")
def keras_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "gesture gru.keras"
    build("normalized").save(path)
    return path


@pytest.fixture(scope="session")
def windows(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "windows.npz"
    x = np.random.default_rng(0).normal([0, 5, -3, 1, 100], [1, 2, 0.1, 10, 30], (40, 8, 5)).astype(np.float32)
    np.savez(path, X=x, y=np.arange(40) % 3, stream=x[0], flat=np.arange(3.0), long=x.reshape(8, 40, 5))
    return path


@pytest.fixture(scope="session")
def esq(keras_file, windows, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("esq") / "m.esq"
    main(["quantize", str(keras_file), "--calibration", str(windows), "--out", str(path)])
    return path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run a command in-process; returns (exit code, stdout, stderr)."""
    code = 0
    try:
        main(list(arguments))
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_inspect(capsys, keras_file):
    """Inspect says of every layer what becomes of it."""
    code, out, _ = run(capsys, "inspect", str(keras_file), "--json")
    document = json.loads(out)
    assert code == 0
    assert [row["kind"] for row in document["layers"]] == ["InputLayer", "Normalization", "GRU", "Dense", "Softmax"]
    assert all(row["supported"] for row in document["layers"])
    assert document["parameters"] == 3 * 6 * (5 + 6 + 2) + 6 * 3 + 3


def test_profile_json(capsys, esq):
    """Profile's JSON has every documented field, with consistent numbers."""
    code, out, _ = run(capsys, "profile", str(esq), "--target", "cortex-m0plus", "--optimize", "size", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == 1
    assert document["target"] == "cortex-m0plus"
    assert document["macs_per_step"] == 3 * 6 * (5 + 6) + 6 * 3
    assert document["instructions_per_step"] > document["macs_per_step"]
    assert document["cycles_per_step"]["tier"] == "table, unvalidated"
    assert document["cycles_per_step"]["error_pct"] is None
    assert document["latency_us"] is None
    flash, ram = document["flash_bytes"], document["ram_bytes"]
    assert flash["image"] > flash["model"] + flash["code"] > flash["model"] > 3 * 6 * 11
    assert ram["state"] == 12
    assert ram["image"] >= ram["state"] + ram["scratch"] + ram["stack"]


def test_verify_json(capsys, esq, windows):
    """Verify compares host and core with the oracle and reports fidelity."""
    arguments = ("verify", str(esq), "--input", str(windows), "--against", "c,cortex-m4", "--json")
    code, out, _ = run(capsys, *arguments)
    document = json.loads(out)
    assert code == 0
    assert document["steps"] == 320
    assert [(row["name"], row["mismatches"]) for row in document["against"]] == [("c-host", 0), ("c-cortex-m4", 0)]
    assert document["fidelity"]["state_sqnr_db"] > 28
    assert 0.9 <= document["fidelity"]["agreement"] <= 1


def test_export_is_complete(capsys, esq, tmp_path):
    """The exported folder compiles by itself with the host's C compiler interface that zig offers."""
    code, _, _ = run(capsys, "export", str(esq), "--out", str(tmp_path / "c"), "--name", "Gesture GRU")
    assert code == 0
    sources = [str(p) for p in sorted((tmp_path / "c").rglob("*.c"))]
    flags = ["-std=c99", "-Wall", "-Werror", f"-I{tmp_path / 'c'}", f"-I{tmp_path / 'c' / 'kernels'}", "-shared", "-fPIC"]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, *sources, "-o", str(tmp_path / "x.so"), "-lm"]
    subprocess.run(command, check=True)
    header = (tmp_path / "c" / "gesture_gru.h").read_text()
    assert "edgeseq export m.esq --out c --name 'Gesture GRU'" in header
    assert str(tmp_path) not in header


def test_export_reports_both_modes(capsys, esq, tmp_path):
    """With a target, the wanted mode is written and both are measured: speed is faster there, size smaller."""
    code, out, _ = run(capsys, "export", str(esq), "--target", "cortex-m4", "--out", str(tmp_path / "c"), "--json")
    document = json.loads(out)
    assert (code, document["kernels"], document["optimize"], document["fallbacks"]) == (0, "dsp", "speed", {})
    assert "kernels dsp" in (tmp_path / "c" / f"{document['name']}.h").read_text()
    speed, size = (document["modes"][mode] for mode in ("speed", "size"))
    assert speed["instructions_per_step"] < size["instructions_per_step"]
    assert size["flash_bytes"]["image"] < speed["flash_bytes"]["image"]


@pytest.mark.parametrize(("mode", "kernels"), [("speed", "portable"), ("size", "compact")])
def test_export_without_a_target_keeps_the_mode(capsys, esq, tmp_path, mode, kernels):
    """Kernels that suit any machine: the portable ones, or the smallest."""
    code, out, _ = run(capsys, "export", str(esq), "--optimize", mode, "--out", str(tmp_path / "c"), "--json")
    document = json.loads(out)
    assert (code, document["kernels"], document["modes"]) == (0, kernels, {})


def test_export_says_what_it_stored_without_zeros(capsys, tmp_path):
    """Of a pruned model the table, JSON and the header name the layer, its matrices and their blocks."""
    path = tmp_path / "pruned.esq"
    write_esq(make_quantized("gru", 16, 32, 10, pruned=(0.75, (4, 4))), path)
    wanted = "96 of 384 1x4 blocks of the input weights; 192 of 768 1x4 blocks of the recurrent weights"
    arguments = ("export", str(path), "--optimize", "size", "--out", str(tmp_path / "c"))
    _, out, _ = run(capsys, *arguments, "--json")
    document = json.loads(out)
    assert document["sparse"] == {"l0": wanted}
    assert f"l0 sparse: {wanted}" in (tmp_path / "c" / f"{document['name']}.h").read_text()
    _, out, _ = run(capsys, *arguments, "--force")
    assert f"l0 leaves zero blocks out and stores {wanted}" in " ".join(out.split())


def test_export_refuses_to_overwrite(capsys, esq, tmp_path):
    """A folder with something in it stays as it is, unless --force is given."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("keep")
    code, _, err = run(capsys, "export", str(esq), "--out", str(tmp_path / "c"))
    assert code == 2
    assert "--force" in err
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["mine.txt"]
    assert run(capsys, "export", str(esq), "--out", str(tmp_path / "c"), "--force")[0] == 0


def test_targets(capsys):
    """Targets lists bare cores and hosted ones."""
    _, out, _ = run(capsys, "targets", "--json")
    names = {row["name"] for row in json.loads(out)["targets"]}
    assert names >= {"atmega328p", "cortex-m0plus", "cortex-m4", "cortex-m55", "rv32imc", "aarch64", "x86_64-avx2", "wasm32-simd"}


@pytest.fixture(scope="session")
def bidirectional(tmp_path_factory) -> Path:
    """A model that needs whole windows and does not say how long."""
    path = tmp_path_factory.mktemp("bi") / "both ways.keras"
    build("bidirectional mean").save(path)
    return path


def test_window_model(capsys, bidirectional, windows, tmp_path):
    """A model of whole windows from the file to a core: its length is given once, and figures say that they are a window's."""
    esq = str(tmp_path / "m.esq")
    given = ["--calibration", str(windows), "--window", "8"]
    code, out, _ = run(capsys, "quantize", str(bidirectional), *given, "--out", esq, "--json")
    assert (code, json.loads(out)["window_steps"]) == (0, 8)
    code, out, _ = run(capsys, "verify", esq, "--input", str(windows), "--against", "c,cortex-m4", "--json")
    document = json.loads(out)
    assert [(row["name"], row["mismatches"]) for row in document["against"]] == [("c-host", 0), ("c-cortex-m4", 0)]
    code, out, _ = run(capsys, "profile", esq, "--target", "cortex-m4", "--json")
    document = json.loads(out)
    assert document["window"]["steps"] == 8
    assert abs(document["instructions_per_step"] - document["window"]["instructions"] / 8) <= 0.5
    code, out, _ = run(capsys, "profile", esq, "--target", "cortex-m4")
    assert "instructions per window" in out
    assert run(capsys, "export", esq, "--out", str(tmp_path / "c"))[0] == 0
    assert any("_WINDOW_STEPS 8" in path.read_text() for path in (tmp_path / "c").glob("*.h"))


def test_window_length_errors(capsys, bidirectional, windows, tmp_path):
    """No length, another one than the data's, than the file's, or than the model's: exit 2 and a way out."""
    out, esq = str(tmp_path / "m.esq"), str(tmp_path / "done.esq")
    start = ["quantize", str(bidirectional), "--calibration", str(windows), "--out"]
    assert run(capsys, *start, esq, "--window", "8")[0] == 0
    fixed = tmp_path / "fixed.keras"
    build("bidirectional gru").save(fixed)
    cases = {
        r"needs a whole window: layer .* runs one half backwards .*\(--window STEPS\)": [*start, out],
        "windows of 8 time steps; model .* needs exactly 9": [*start, out, "--window", "9"],
        "a window of 40000 time steps; expected 1 to 32767": [*start, out, "--window", "40000"],
        "was quantised for windows of 8 time steps, not 9": ["profile", esq, "--window", "9"],
        "built for windows of 8 time steps, not 4": ["profile", str(fixed), "--calibration", str(windows), "--window", "4"],
        "windows of 40 time steps; .* needs exactly 8": ["verify", esq, "--input", f"{windows}:long"],
    }
    for words, arguments in cases.items():
        code, printed, err = run(capsys, *arguments)
        assert (code, printed) == (2, ""), arguments
        assert re.search(words, " ".join(err.split())), (words, err)
    assert not Path(out).exists()


def bad_inputs(folder: Path, model: Path, data: Path, esq: Path) -> dict[str, tuple[list[str], str]]:
    """Commands that must fail, with words their message must hold."""
    (folder / "text.keras").write_text("hello")
    (folder / "cut.keras").write_bytes(model.read_bytes()[:-300])
    flipped = bytearray(esq.read_bytes())
    flipped[-10] ^= 4
    (folder / "flipped.esq").write_bytes(flipped)
    np.savez(folder / "nan.npz", X=np.full((2, 8, 5), np.nan))
    np.savez(folder / "features.npz", X=np.ones((2, 8, 3)))
    np.savez(folder / "constant.npz", X=np.ones((2, 8, 5)))
    np.savez(folder / "objects.npz", X=np.array([{}], dtype=object))
    np.savez(folder / "one_class.npz", X=np.ones((4, 8, 5)), y=np.zeros(4, int))
    with zipfile.ZipFile(folder / "not_numpy.npz", "w") as archive:
        archive.writestr("X.npy", b"junk")
    (folder / "words.csv").write_text("a,b\n1,2\nx,3\n")
    m, d, e = str(model), str(data), str(esq)
    out = str(folder / "result.esq")
    return {
        "missing model": (["inspect", "none.keras"], "none.keras: no such file"),
        "not a model": (["inspect", str(folder / "text.keras")], "neither a .keras archive nor an HDF5 file"),
        "truncated model": (["inspect", str(folder / "cut.keras")], "neither a .keras archive"),
        "no calibration": (["profile", m], "--calibration"),
        "flipped bit": (["profile", str(folder / "flipped.esq")], "checksum mismatch"),
        "unknown target": (["profile", e, "--target", "z80"], "known: atmega328p, cortex-m0plus"),
        "missing data": (["quantize", m, "--calibration", "no.npz", "--out", out], "no.npz: no such file"),
        "unknown data": (["quantize", m, "--calibration", "mnist", "--out", out], "nor a known data set"),
        "nan": (["quantize", m, "--calibration", str(folder / "nan.npz"), "--out", out], "NaN"),
        "features": (
            ["quantize", m, "--calibration", str(folder / "features.npz"), "--out", out],
            r"expects \(n, time, 5\)",
        ),
        "constant": (["quantize", m, "--calibration", str(folder / "constant.npz"), "--out", out], "constant"),
        "objects": (["quantize", m, "--calibration", str(folder / "objects.npz"), "--out", out], "Python objects"),
        "junk npz": (["quantize", m, "--calibration", str(folder / "not_numpy.npz"), "--out", out], "not_numpy.npz"),
        "words": (["quantize", m, "--calibration", str(folder / "words.csv"), "--out", out], "line 3 is not numeric"),
        "missing key": (["quantize", m, "--calibration", f"{d}:nope", "--out", out], "it has X, y, stream, flat"),
        "flat key": (["quantize", m, "--calibration", f"{d}:flat", "--out", out], r"expected \(n, time, features\)"),
        "suffix": (["quantize", m, "--calibration", d, "--out", str(folder / "x.bin")], "must end in .esq"),
        "folder is a file": (["quantize", m, "--calibration", d, "--out", f"{d}/x.esq"], "cannot write"),
        "out is a file": (["export", e, "--out", d], "already exists"),
        "verify features": (["verify", e, "--input", str(folder / "features.npz")], "expects 5"),
        "verify target": (["verify", e, "--input", d, "--against", "c,z80"], "unknown target"),
        "one class": (["train", "--data", str(folder / "one_class.npz"), "--out", str(folder / "m.keras")], "two classes"),
        "train nowhere": (["train", "--data", "digits", "--out", f"{d}/m.keras"], r"cannot write \S*/m.keras"),
        "train suffix": (["train", "--data", "digits", "--out", str(folder / "m.h5")], "must end in .keras"),
        "wrong flag": (["profile", e, "--fast"], "No such option"),
        "wrong command": (["flash"], "No such command"),
    }


def test_bad_input_exits_2_with_one_message(capsys, keras_file, windows, esq, tmp_path):
    """Each bad input: exit 2, a message that names the thing and the way out, no traceback, nothing written."""
    cases = bad_inputs(tmp_path, keras_file, windows, esq)
    before = sorted(tmp_path.rglob("*"))
    for name, (arguments, words) in cases.items():
        code, out, err = run(capsys, *arguments)
        assert code == 2, (name, out, err)
        assert out == "", name
        assert "Traceback" not in err, name
        assert re.search(words, " ".join(err.split())), (name, err)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix" or not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(esq):
    """A stdout that is full is an error, not silence."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "edgeseq", "targets", "--json"]
        assert subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False).returncode != 0


def test_no_compiler(capsys, esq, monkeypatch):
    """Without ziglang the message says how to install it; without gcc, which package brings it."""
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "ziglang" else real(name, *a))
    code, _, err = run(capsys, "profile", str(esq))
    assert code == 2
    assert "pip install 'edgeseq[emulate]'" in err
    monkeypatch.setenv("PATH", "")
    code, _, err = run(capsys, "profile", str(esq), "--compiler", "gcc")
    assert code == 2
    assert "gcc-arm-none-eabi" in err


def test_too_big_for_the_core(capsys, tmp_path):
    """A model beyond the core's memory map is refused with the numbers."""
    from edgeseq.quantize import write_esq
    from tests.conftest import make_quantized

    write_esq(make_quantized("lstm", 100, 400, 3), tmp_path / "m.esq")
    code, _, err = run(capsys, "profile", str(tmp_path / "m.esq"), "--target", "cortex-m0plus")
    assert code == 2
    assert "does not fit the cortex-m0plus memory map" in err


@pytest.mark.slow
def test_train_then_everything(capsys, tmp_path):
    """train, quantize, export, verify and profile in a row on the digits."""
    model, esq = str(tmp_path / "m.keras"), str(tmp_path / "m.esq")
    code, out, _ = run(capsys, "train", "--data", "digits", "--units", "16", "--epochs", "12", "--out", model, "--json")
    assert code == 0
    assert json.loads(out)["test_accuracy"] > 0.85
    assert run(capsys, "quantize", model, "--calibration", "digits", "--out", esq)[0] == 0
    assert run(capsys, "verify", esq, "--input", "digits", "--against", "c,cortex-m0plus")[0] == 0


@pytest.mark.slow
def test_demo(capsys):
    """The demo's int8 accuracy on the emulated cores is the oracle's, and GRU is the smaller of the two."""
    code, out, _ = run(capsys, "demo", "--epochs", "8", "--json")
    document = json.loads(out)
    gru, lstm = document["cells"]
    assert code == 0
    for cell in (gru, lstm):
        assert set(cell["mismatches"].values()) == {0}
        assert all(abs(a - cell["float_accuracy"]) < 0.03 for a in cell["int8_accuracy"].values())
    for a, b in zip(gru["profiles"], lstm["profiles"], strict=True):
        assert a["flash_bytes"]["image"] < b["flash_bytes"]["image"]
        assert a["instructions_per_step"] < b["instructions_per_step"]


def test_train_with_integers_then_export_without_calibration(capsys, keras_file, windows, tmp_path):
    """--qat from a float model writes a .keras that needs no calibration and keeps the scheme it was trained for."""
    out = tmp_path / "q.keras"
    options = ["--qat", "--from", str(keras_file), "--scheme", "int8x4", "--qat-epochs", "2", "--prune", "0.5"]
    code, text, err = run(capsys, "train", "--data", str(windows), *options, "--out", str(out), "--json")
    assert code == 0, err
    document = json.loads(text)
    assert document["epochs_run"] == 2
    assert document["qat"]["scheme"] == "int8x4"
    assert {"distill", "prune", "prune_block", "start"} <= document["qat"].keys()
    code, text, err = run(capsys, "quantize", str(out), "--out", str(tmp_path / "q.esq"), "--json")
    assert code == 0, err
    assert json.loads(text)["scheme"] == "int8x4"
    code, _, err = run(capsys, "quantize", str(out), "--scheme", "int8", "--out", str(tmp_path / "p.esq"))
    assert (code, "was trained as int8x4, not int8" in err.replace("\n", " ")) == (2, True)
    assert not (tmp_path / "p.esq").exists()


BAD_QAT = {
    "prune without qat": (["--prune", "0.5"], "add --qat"),
    "block": (["--qat", "--prune", "0.5", "--prune-block", "4"], "expected ROWSxCOLUMNS"),
    "start of another kind": (["--qat", "--from", "{windows}"], "--from takes a .keras file"),
}


@pytest.mark.parametrize("name", list(BAD_QAT))
def test_qat_options_are_checked(capsys, windows, tmp_path, name):
    """Options that do not fit together end with exit 2, a message that says what to do, and no file."""
    options, words = BAD_QAT[name]
    options = [str(windows) if word == "{windows}" else word for word in options]
    code, _, err = run(
        capsys, "train", "--data", str(windows), "--epochs", "1", "--units", "2", *options, "--out", str(tmp_path / "m.keras")
    )
    assert code == 2
    assert words in " ".join(err.split())
    assert not list(tmp_path.iterdir())
