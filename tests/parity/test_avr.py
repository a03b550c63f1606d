"""The exported C on an emulated ATmega328P: every case of the table, its counts, and models that do not fit."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeseq.errors import ToolchainError
from edgeseq.export.c import export_c
from edgeseq.export.c.isa import FAMILIES
from edgeseq.firmware import build_firmware, find_toolchain
from edgeseq.firmware.image import read_image
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.profile import profile
from edgeseq.measure.runner import run_image
from edgeseq.measure.verify import run_on_core
from edgeseq.quantize.types import QuantDense, QuantGraph, QuantLstm
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


KERNELS = ("portable", CORE.kernel_set)


def assert_equals_oracle(graph: QuantGraph, kernels: str, folder: Path) -> None:
    """Outputs and states of 60 steps with a reset in the middle, extremes of the codes included."""
    x = random_codes(graph, 60)
    x[20:24], x[24:28] = graph.input.code_range
    reset = np.arange(60) == 30
    project = export_c(graph, name="model", kernel_set=kernels)
    outputs, states = run_on_core(project, x, reset, CORE.name, folder, "gcc")
    oracle = Oracle(graph)
    first = oracle.run(x[None, :30], keep_states=True)
    oracle.reset()
    second = oracle.run(x[None, 30:], keep_states=True)
    assert np.array_equal(outputs, np.concatenate([first.outputs[0], second.outputs[0]]))
    assert np.array_equal(states, np.concatenate([first.states[0], second.states[0]]))


def with_shifts(graph: QuantGraph, shift: int) -> QuantGraph:
    """The same matrices, requantised by another shift; what the model computes is no matter."""
    layers = []
    for layer in graph.layers:
        if isinstance(layer, QuantDense):
            layers.append(replace(layer, matvec=replace(layer.matvec, shift=shift)))
        else:
            matrices = {"input": replace(layer.input, shift=shift), "recurrent": replace(layer.recurrent, shift=shift)}
            layers.append(replace(layer, **matrices))
    return replace(graph, layers=tuple(layers))


FAMILY = FAMILIES[CORE.kernel_set]
PAIRS = [(name, "portable") for name in CASES]
PAIRS += [(name, FAMILY.name) for name, case in CASES.items() if case.plain and case.runs_fast(FAMILY)]


@pytest.mark.parametrize(("name", "kernels"), PAIRS)
def test_atmega328p_equals_oracle(name, kernels, tmp_path):
    """Every case of the table on the emulated chip: 0 mismatches."""
    assert_equals_oracle(CASES[name].build(), kernels, tmp_path)


@pytest.mark.parametrize("shift", range(16, 33, 2))
def test_every_requantisation_shift(shift, tmp_path):
    """Each path of the requantisation in assembly, from shift 16 to 32: 0 mismatches."""
    assert_equals_oracle(with_shifts(CASES["relu head"].build(), shift), CORE.kernel_set, tmp_path)


@pytest.mark.parametrize("cell_shift", range(8))
def test_every_cell_shift(cell_shift, tmp_path):
    """An LSTM's cell in every scale that a model may have: 0 mismatches."""
    graph = CASES["odd sizes"].build()
    layers = tuple(replace(layer, cell_shift=cell_shift) if isinstance(layer, QuantLstm) else layer for layer in graph.layers)
    assert_equals_oracle(replace(graph, layers=layers), CORE.kernel_set, tmp_path)


@pytest.mark.parametrize("inputs", [256, 300])
def test_more_columns_than_a_byte_counts(inputs, tmp_path):
    """Wide rows are summed 256 columns at a time: 0 mismatches."""
    assert_equals_oracle(make_quantized("rnn", inputs, 1, 1, input_dtype="int16"), CORE.kernel_set, tmp_path)


def test_refusals_name_their_reason():
    """Layers beyond 24-bit accumulators or a shift of 24 go to the portable kernels, and say why."""
    wide = export_c(make_quantized("rnn", 1500, 2, 1), kernel_set=CORE.kernel_set)
    assert wide.fallbacks == {"l0": "a row of 1500 columns can exceed 24 bits"}
    shifted = export_c(with_shifts(CASES["gru"].build(), 25), kernel_set=CORE.kernel_set)
    assert shifted.fallbacks == {"l0": "a requantisation shift of 25 is above 24"}


@pytest.mark.parametrize("kernels", KERNELS)
def test_constants_stay_in_flash(kernels, tmp_path):
    """Static RAM is the model's state and nothing else: weights, tables and parameters are read from flash."""
    project = export_c(CASES["gru over lstm"].build(), name="model", kernel_set=kernels)
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


@pytest.mark.parametrize("kernels", KERNELS)
def test_too_large_a_model_is_refused(kernels, tmp_path):
    """A model beyond 32 KB of flash is a ToolchainError that names the memory."""
    project = export_c(make_quantized("lstm", 40, 80, 10), name="model", kernel_set=kernels)
    with pytest.raises(ToolchainError, match="does not fit the atmega328p memory map \\(32768 B flash, 2048 B RAM\\)"):
        build_firmware(project, CORE, find_toolchain(CORE), tmp_path)
