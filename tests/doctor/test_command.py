"""`edgeseq doctor` as a person and as a script use it, and what it says of a Raspberry Pi."""

import json
import shutil
from pathlib import Path

import pytest

from edgeseq.doctor.wheels import MACHINES, advise
from edgeseq.targets.core import read_toml
from tests.cli.test_cli import run as run_main

FILES = Path(__file__).parent / "files"
INT8 = FILES / "gru_step_int8.tflite"


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command in-process at 80 columns; returns (exit code, stdout, stderr)."""
    monkeypatch.setattr("edgeseq.cli.output.RESULT.width", 80, raising=False)
    return lambda *arguments: run_main(capsys, *map(str, arguments))


def test_json(run):
    """The documented fields, and exit 1 where a runtime runs the file wrongly."""
    code, out, err = run("doctor", INT8, "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert set(document) == {"schema", "file", "format", "size_bytes", "facts", "healthy", "runtimes", "findings"}
    assert (document["schema"], document["format"], document["healthy"]) == (1, "tflite", False)
    assert document["size_bytes"] == INT8.stat().st_size
    assert document["runtimes"]["tflm"]["verdict"] == "wrong"
    fields = {"rule", "severity", "runtimes", "where", "what", "why", "way_out"}
    assert all(set(finding) == fields for finding in document["findings"])
    assert document["findings"][0]["rule"] == "int8_state"


def test_text_fits_80_columns(run):
    """Every finding has a where, a why and a way out, in 80 columns."""
    for path in sorted(FILES.glob("*.tflite")):
        _, out, _ = run("doctor", path)
        assert max(map(len, out.splitlines())) <= 80, path
        count = out.count("  way out: ")
        assert count == out.count("  why: ") == out.count("  where: ") > 0, path


def test_exit_codes(run, tmp_path):
    """0 where all is well, 1 where a runtime refuses or miscomputes, 2 for what is no model."""
    assert run("doctor", FILES / "gru_fixed_batch.tflite")[0] == 0
    assert run("doctor", FILES / "gru_step_dynamic_range.tflite")[0] == 1
    assert run("doctor", FILES / "gru_step_dynamic_range.tflite", "--runtime", "litert")[0] == 0
    (tmp_path / "m.tflite").write_bytes(b"no model")
    code, out, err = run("doctor", tmp_path / "m.tflite")
    assert (code, out) == (2, "")
    assert "a .tflite has 'TFL3' at its fifth byte" in err


def test_flash(run):
    """--flash is compared with the file, in bytes or KiB."""
    small = FILES / "gru_fixed_batch.tflite"
    for text, expected in (("10176", 0), ("10175", 1), ("9K", 1), ("1M", 0)):
        assert run("doctor", small, "--flash", text)[0] == expected, text
    code, _, err = run("doctor", small, "--flash", "ten")
    assert code == 2
    assert "expected bytes, such as 262144, 256K or 1M" in err


BAD = {
    "nothing": ((), "give a FILE"),
    "both": ((INT8, "--target", "raspberry-pi"), "give a FILE"),
    "file with a machine": ((INT8, "--machine", "armv7"), "--machine: of --target alone"),
    "target with flash": (("--target", "raspberry-pi", "--flash", "1K"), "--flash: of a FILE alone"),
    "unknown target": (("--target", "toaster"), "the doctor knows 'raspberry-pi' alone"),
    "unknown machine": (("--target", "raspberry-pi", "--machine", "sparc"), "machine 'sparc' is no Raspberry Pi"),
    "unknown python": (("--target", "raspberry-pi", "--machine", "armv7", "--python", "three"), "expected two numbers"),
    "unknown runtime": ((INT8, "--runtime", "avr"), "no runtime avr for tflite files"),
    "flash of an onnx": ((Path("m.onnx"), "--flash", "1K"), "no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, run):
    """Options that do not fit together end in a message and exit 2."""
    arguments, words = BAD[name]
    code, out, err = run("doctor", *arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


# (machine, python, glibc) -> what is to be typed, first choice first.
PLACES = {
    ("aarch64", "3.11", None): ["ai-edge-litert==2.3.0", 'tflite-runtime==2.14.0 "numpy<2"', "onnxruntime==1.31.1"],
    ("arm64", "3.13", "2.41"): ["ai-edge-litert==2.3.0", "onnxruntime==1.31.1"],
    ("armv7", "3.11", None): ['tflite-runtime==2.14.0 "numpy<2"'],
    ("armhf", "3.9", "2.31"): ['tflite-runtime==2.13.0 "numpy<2"'],
    ("armv7l", "3.13", None): [],
    ("aarch64", "3.9", "2.31"): ["ai-edge-litert==2.1.0", 'tflite-runtime==2.13.0 "numpy<2"', "onnxruntime==1.19.2"],
    ("aarch64", "3.11", "2.26"): ["ai-edge-litert==1.4.0", "onnxruntime==1.16.3"],
}


@pytest.mark.parametrize("place", PLACES)
def test_raspberry_pi(place, run):
    """The pip lines are those of the newest wheels that the place can load."""
    machine, python, glibc = place
    words = ["--machine", machine, "--python", python, *(["--glibc", glibc] if glibc else [])]
    code, out, _ = run("doctor", "--target", "raspberry-pi", *words, "--json")
    document = json.loads(out)
    lines = [choice["pip"] for choice in document["runtimes"] if choice["pip"]]
    assert lines == [f"python3 -m pip install {line}" for line in PLACES[place]]
    assert code == (0 if lines else 1)
    assert document["machine"] == MACHINES[machine]
    _, text, _ = run("doctor", "--target", "raspberry-pi", *words)
    assert max(map(len, text.splitlines())) <= 80
    assert all(line in " ".join(text.split()) for line in lines)


def test_wheels_name_their_source():
    """The table says where its facts are from, and every wheel is of a listed package and machine."""
    data = read_toml(Path(__file__).parents[2] / "edgeseq" / "doctor" / "wheels.toml")
    names = {package["name"] for package in data["package"]}
    assert "pypi.org" in data["source"]
    assert all(wheel["package"] in names and wheel["machine"] in MACHINES.values() for wheel in data["wheel"])


def test_this_interpreter_is_the_default(monkeypatch):
    """Machine, Python and glibc are taken from here where nothing else is said."""
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "11", "2"))
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.36"))
    place = advise().place
    assert (place.machine, place.python, place.glibc) == ("aarch64", "3.11", "2.36")


def test_tensorflow_takes_no_part(run, tmp_path):
    """A file is judged without importing TensorFlow, Keras or a runtime."""
    import subprocess
    import sys

    shutil.copy(INT8, tmp_path / "m.tflite")
    program = (
        "import sys\nfrom edgeseq.doctor import diagnose\n"
        f"diagnose({str(tmp_path / 'm.tflite')!r})\n"
        "assert not {'tensorflow', 'keras', 'ai_edge_litert', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
