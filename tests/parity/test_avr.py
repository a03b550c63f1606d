"""The exported C on an emulated ATmega328P: every case of the table, its counts, and models that do not fit."""

import shutil

import numpy as np
import pytest

from edgeseq.errors import ToolchainError
from edgeseq.export.c import export_c
from edgeseq.firmware import build_firmware, find_toolchain
from edgeseq.firmware.image import read_image
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.profile import profile
from edgeseq.measure.runner import run_image
from edgeseq.measure.verify import run_on_core
from edgeseq.report.tables import cycle_label
from edgeseq.simulate import Oracle
from edgeseq.targets import load_core
from tests.conftest import make_quantized, random_codes
from tests.parity.cases import CASES

pytestmark = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or shutil.which("simavr") is None,
    reason="avr-gcc or simavr is not installed (apt-get install gcc-avr avr-libc simavr libsimavr-dev)",
)
CORE = load_core("atmega328p")


@pytest.mark.parametrize("name", list(CASES))
def test_atmega328p_equals_oracle(name, tmp_path):
    """Outputs and states of 60 steps with a reset in the middle, extremes of the codes included: 0 mismatches."""
    graph = CASES[name].build()
    x = random_codes(graph, 60)
    x[20:24], x[24:28] = graph.input.code_range
    reset = np.arange(60) == 30
    outputs, states = run_on_core(export_c(graph, name="model"), x, reset, CORE.name, tmp_path, "gcc")
    oracle = Oracle(graph)
    first = oracle.run(x[None, :30], keep_states=True)
    oracle.reset()
    second = oracle.run(x[None, 30:], keep_states=True)
    assert np.array_equal(outputs, np.concatenate([first.outputs[0], second.outputs[0]]))
    assert np.array_equal(states, np.concatenate([first.states[0], second.states[0]]))


def test_constants_stay_in_flash(tmp_path):
    """Static RAM is the model's state and nothing else: weights, tables and parameters are read from flash."""
    project = export_c(CASES["gru over lstm"].build(), name="model")
    image = read_image(build_firmware(project, CORE, find_toolchain(CORE), tmp_path).elf)
    assert image.static_ram_bytes == project.state_bytes + project.scratch_bytes


def test_counts_are_simulated_and_repeat():
    """Cycles carry simavr's name and no error bar; every AVR instruction takes one to four; two profiles are equal."""
    graph = CASES["gru"].build()
    m = profile(graph, CORE)
    assert cycle_label(m.cycles_per_step) == "simulated (simavr)"
    assert m.instructions_per_step < m.cycles_per_step.value < 4 * m.instructions_per_step
    assert m == profile(graph, CORE)


def test_counted_calls_are_those_after_the_skipped(tmp_path):
    """Steps, instructions and cycles add up over a stream, however it is split into skipped and counted calls."""
    graph = CASES["one unit"].build()
    firmware = build_firmware(export_c(graph, name="model"), CORE, find_toolchain(CORE), tmp_path)
    frames = encode_frames(np.full((8, 1), 5, np.int8), np.ones(8, bool))
    every, last = (run_image(firmware, frames, count_after=skip).totals for skip in (0, 6))
    assert (every.steps, last.steps) == (8, 2)
    # Each step starts from reset and sees the same input, so all cost the same.
    assert every.cycles == 4 * last.cycles > 0
    assert every.instructions == 4 * last.instructions > 0


def test_too_large_a_model_is_refused(tmp_path):
    """A model beyond 32 KB of flash is a ToolchainError that names the memory."""
    project = export_c(make_quantized("lstm", 40, 80, 10), name="model")
    with pytest.raises(ToolchainError, match="does not fit the atmega328p memory map \\(32768 B flash, 2048 B RAM\\)"):
        build_firmware(project, CORE, find_toolchain(CORE), tmp_path)
