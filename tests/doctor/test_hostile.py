"""Damaged, cut off and foreign files end in ModelError with a message: no other exception, no long loop."""

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeseq.doctor import diagnose
from edgeseq.doctor.tflite.file import read_tflite
from edgeseq.doctor.tflite.rules import RULES
from edgeseq.errors import ModelError

FILES = Path(__file__).parent / "files"
GOOD = {name: (FILES / f"{name}.tflite").read_bytes() for name in ("gru_step_int8", "gru_stateful", "lstm_fused_step_int8")}
ONNX = (FILES.parents[1] / "frontend" / "onnx_files" / "torch_script_gru.onnx").read_bytes()

FUZZ = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def judged(data):
    """Read bytes and run every rule; a file that can be read has findings made of text."""
    file = read_tflite(data, "m.tflite")
    return [finding for rule in RULES for finding in rule(file, 1000)]


def refusal(judge):
    """What a file is refused with, empty where it is judged."""
    try:
        judge()
    except ModelError as error:
        return str(error)
    return ""


def survives(data):
    """ModelError that names the file, or findings."""
    findings = []
    said = refusal(lambda: findings.extend(judged(data)))
    assert not said or said.startswith("m.tflite: ")
    assert all(finding.what for finding in findings)


@pytest.mark.parametrize("name", GOOD)
def test_every_cut(name):
    """A file cut off anywhere is refused or judged by what is left, and always named."""
    data = GOOD[name]
    for length in range(0, len(data), 37):
        survives(data[:length])


@given(name=st.sampled_from(sorted(GOOD)), place=st.integers(0, 6000), value=st.binary(min_size=1, max_size=8))
@FUZZ
def test_overwritten_bytes(name, place, value):
    """Any few bytes may be wrong."""
    data = bytearray(GOOD[name])
    place %= len(data)
    data[place : place + len(value)] = value
    survives(bytes(data[: len(GOOD[name])]))


@given(
    name=st.sampled_from(sorted(GOOD)),
    places=st.lists(st.integers(0, 1500), min_size=1, max_size=6),
    value=st.sampled_from((0, 1, -1, 0x7FFFFFFF, -0x80000000, 1 << 20)),
)
@FUZZ
def test_overwritten_offsets(name, places, value):
    """Any aligned offset, length or number may be huge or negative."""
    data = bytearray(GOOD[name])
    for place in places:
        struct.pack_into("<i", data, 8 + 4 * place % (len(data) - 12), value)
    survives(bytes(data))


@given(data=st.binary(max_size=400))
@FUZZ
def test_noise_behind_the_identifier(data):
    """Nothing but the identifier is right."""
    survives(struct.pack("<I", len(data) % 64) + b"TFL3" + data)


def test_a_huge_vector_is_refused_at_once():
    """A length of four billion ends in a message within a second."""
    data = bytearray(GOOD["gru_step_int8"])
    started = time.monotonic()
    for place in range(8, 1600, 4):
        changed = bytes(data[:place]) + struct.pack("<I", 0xFFFFFFF0) + bytes(data[place + 4 :])
        survives(changed)
    assert time.monotonic() - started < 60  # 398 files


CASES = {
    "empty.tflite": (b"", "is empty; a .tflite has 'TFL3'"),
    "text.tflite": (b"hello world, no model", "begins with b'hello wo'; a .tflite has 'TFL3'"),
    "renamed.tflite": (ONNX, "a .tflite has 'TFL3'"),
    "cut.tflite": (GOOD["gru_step_int8"][:900], "damaged or cut off"),
    "empty.onnx": (b"", "holds no ONNX graph"),
    "text.onnx": (b"hello world, no model", "not a readable ONNX model"),
    "cut.onnx": (ONNX[: len(ONNX) // 2], "not a readable ONNX model"),
    "renamed.onnx": (GOOD["gru_step_int8"], "not a readable ONNX model"),
    "empty.keras": (b"", "neither a .keras archive nor an HDF5 file"),
    "renamed.keras": (GOOD["gru_step_int8"], "neither a .keras archive nor an HDF5 file"),
    "m.pb": (b"\x08\x07", "ends in '.pb'; the doctor reads .tflite, .onnx, .keras, .h5"),
    "m": (b"", "has no suffix; the doctor reads"),
}


@pytest.mark.parametrize("name", CASES)
def test_foreign_files(name, tmp_path):
    """What is no model file, or another than its name says, is refused in words."""
    data, words = CASES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError) as caught:
        diagnose(tmp_path / name)
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_folders_and_absent_files(tmp_path):
    """A folder, an absent file and an unknown runtime are told apart."""
    (tmp_path / "saved.keras").mkdir()
    for name, words in (("saved.keras", "is a folder"), ("gone.tflite", "no such file")):
        with pytest.raises(ModelError, match=words):
            diagnose(tmp_path / name)
    with pytest.raises(ModelError, match="no runtime avr for tflite files; known: litert, tflite-runtime, tflm"):
        diagnose(FILES / "gru_step_int8.tflite", ["avr"])


@given(place=st.integers(0, len(ONNX) - 1), value=st.binary(min_size=1, max_size=6))
@settings(FUZZ, max_examples=60)
def test_overwritten_onnx(place, value, tmp_path_factory):
    """An .onnx with wrong bytes is refused or judged."""
    path = tmp_path_factory.mktemp("fuzz") / "m.onnx"
    path.write_bytes(ONNX[:place] + value + ONNX[place + len(value) :])
    said = refusal(lambda: diagnose(path))
    assert not said or "m.onnx" in said
