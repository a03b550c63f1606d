"""Models that map whole windows: the exported C, on this machine and on emulated cores, computes the oracle's integers."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from edgeseq.errors import DataError, EmulationError
from edgeseq.export.c import KERNEL_SETS, export_c, write_project
from edgeseq.firmware import build_firmware, build_host_library, find_toolchain
from edgeseq.firmware.image import read_image
from edgeseq.firmware.toolchain import STRICT_FLAGS
from edgeseq.measure.host_runner import HostModel
from edgeseq.measure.profile import profile
from edgeseq.measure.verify import as_frames, as_outputs, run_on_core, verify
from edgeseq.quantize.esq import from_bytes, to_bytes
from edgeseq.simulate import Oracle
from edgeseq.targets import load_core
from tests.conftest import make_quantized, random_codes
from tests.parity.cases import WINDOW_CASES
from tests.parity.test_cores import BUILDS
from tests.window_models import STEPS, random_windows, window_quantized

CASES = list(WINDOW_CASES)


@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize("name", CASES)
def test_windows_equal_oracle(name, kernels, tmp_path):
    """Every output of every window, and the states that each leaves: 0 mismatches, extremes of the codes included."""
    graph = WINDOW_CASES[name].build()
    project = export_c(graph, name="model", kernel_set=kernels)
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path))
    x = random_windows(graph, 5)
    outputs, states = model.run_windows(x)
    wanted = as_outputs(project, Oracle(graph, len(x)).run(x, keep_states=True))
    assert np.array_equal(outputs, wanted[0])
    assert np.array_equal(states, wanted[1])


@pytest.mark.parametrize(("core", "compiler"), BUILDS)
@pytest.mark.parametrize(
    "name", ["causal around bidirectional", "two bidirectional", "bidirectional, int16x4", "backwards between causal"]
)
def test_emulated_core_equals_oracle(name, core, compiler, tmp_path):
    """Outputs and states of windows on every core, with both compilers: 0 mismatches."""
    graph = WINDOW_CASES[name].build()
    project = export_c(graph, name="model", kernel_set=load_core(core).kernel_set)
    x = random_windows(graph, 3)
    got = run_on_core(project, as_frames(project, x), np.ones(len(x), bool), core, tmp_path, compiler)
    for value, wanted in zip(got, as_outputs(project, Oracle(graph, len(x)).run(x, keep_states=True)), strict=True):
        assert np.array_equal(value, wanted)


SANITIZED_MAIN = """
#include <stdio.h>
#include "model.h"
static model_state state;
int main(void)
{
    static model_input x[MODEL_WINDOW_STEPS * MODEL_INPUT_SIZE];
    static int16_t y[MODEL_OUTPUT_STEPS * MODEL_OUTPUT_SIZE];
    if (model_init(&state) != ES_OK) { return 1; }
    while (fread(x, sizeof(x), 1, stdin) == 1) {
        if (model_run_window(&state, x, MODEL_WINDOW_STEPS, y) != ES_OK) { return 1; }
        fwrite(y, sizeof(y), 1, stdout);
    }
    if (model_init(NULL) != ES_ERROR_NULL || model_run_window(NULL, x, MODEL_WINDOW_STEPS, y) != ES_ERROR_NULL) { return 2; }
    if (model_run_window(&state, x, MODEL_WINDOW_STEPS + 1, y) != ES_ERROR_STEPS) { return 3; }
    return model_run_window(&state, x, 0, y) == ES_ERROR_STEPS ? 0 : 4;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc with its sanitizer runtimes is not installed")
@pytest.mark.parametrize("kernels", ["portable", "dsp", "simd"])
@pytest.mark.parametrize("name", CASES)
def test_sanitizers_find_nothing(name, kernels, tmp_path):
    """Under AddressSanitizer and UBSan windows run clean and give the oracle's outputs; wrong arguments their codes."""
    graph = WINDOW_CASES[name].build()
    project = export_c(graph, name="model", kernel_set=kernels)
    write_project(project, tmp_path / "p")
    (tmp_path / "p" / "main.c").write_text(SANITIZED_MAIN)
    flags = ["-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I.", "-Ikernels"]
    subprocess.run(["gcc", *flags, "main.c", *project.sources, "-o", "run"], cwd=tmp_path / "p", check=True)
    x = random_windows(graph, 4)
    done = subprocess.run(["./run"], cwd=tmp_path / "p", input=x.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    wanted, _ = as_outputs(project, Oracle(graph, len(x)).run(x, keep_states=True))
    assert np.array_equal(np.frombuffer(done.stdout, np.int16).reshape(len(x), -1), wanted)


@pytest.mark.parametrize("standard", ["c99", "c++11"])
@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_compiles_without_a_warning(kernels, standard, tmp_path):
    """Generated loops pass the strict flags as errors, as C99 and as C++."""
    toolchain = find_toolchain(None)
    for number, name in enumerate(CASES):
        project = export_c(WINDOW_CASES[name].build(), name=f"m{number}", kernel_set=kernels)
        folder = tmp_path / str(number)
        write_project(project, folder)
        language = [*(["-x", "c++"] if standard == "c++11" else []), f"-std={standard}", *STRICT_FLAGS, "-I.", "-Ikernels"]
        toolchain.run([*language, "-c", f"{project.name}.c", "-o", "x.o"], folder)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus", "rv32imc", "atmega328p"])
@pytest.mark.parametrize("name", ["bidirectional gru", "two bidirectional", "bidirectional lstm, sum"])
def test_figures_agree(name, core, tmp_path):
    """State and scratch of the header, of the profile and of the linked ELF are equal; rows between loops share memory."""
    if core == "atmega328p" and (shutil.which("avr-gcc") is None or shutil.which("simavr") is None):
        pytest.skip("avr-gcc or simavr is not installed")
    graph = WINDOW_CASES[name].build()
    target = load_core(core)
    project = export_c(graph, name="model", kernel_set=target.kernel_set)
    m = profile(graph, core, project=project)
    header = project.files["model.h"]
    assert f"#define MODEL_STATE_BYTES {m.ram_state_bytes}\n" in header
    assert f"#define MODEL_SCRATCH_BYTES {m.ram_scratch_bytes}\n" in header
    image = read_image(build_firmware(project, target, find_toolchain(target), tmp_path).elf)
    assert image.symbols["state"].size == m.ram_state_bytes + m.ram_scratch_bytes
    assert m.window.steps == STEPS
    assert m.instructions_per_step == pytest.approx(m.window.instructions / STEPS, abs=0.51)
    assert m.cycles_per_step.value == pytest.approx(m.window.cycles / STEPS, abs=0.51)
    assert m == profile(graph, core, project=project)


def test_rows_share_memory():
    """Of four backward cells in a row, two tensors of T rows live at a time, so only two have room."""
    graph = window_quantized("back gru+back gru+back gru+back gru", 5, 8, 2, sequence=True)
    project = export_c(graph, name="model")
    assert f"int16_t kept[{2 * STEPS * 8}];" in project.files["model.h"]


def test_wrong_window_lengths():
    """Oracle and verify refuse another length and a single step, naming the layer that needs the window."""
    graph = WINDOW_CASES["bidirectional gru"].build()
    oracle = Oracle(graph)
    with pytest.raises(DataError, match=rf"expected \(1, {STEPS}, 6\)"):
        oracle.run(np.zeros((1, STEPS + 1, 6), np.int16))
    with pytest.raises(DataError, match="no single steps: layer 'part_0' runs one half backwards"):
        oracle.step(np.zeros((1, 6), np.int16))
    with pytest.raises(DataError, match=rf"windows of 5 time steps; .* needs exactly {STEPS}"):
        verify(graph, np.zeros((2, 5, 6)))


def test_c_has_no_step_and_checks_the_length(tmp_path):
    """A window model has no step, reset or snapshot; run_window takes its own length alone and leaves y otherwise."""
    graph = WINDOW_CASES["bidirectional gru"].build()
    project = export_c(graph, name="model")
    library = build_host_library(project, find_toolchain(None), tmp_path)
    symbols = ctypes.CDLL(str(library))
    assert not [name for name in ("step", "reset", "get_state", "set_state") if hasattr(symbols, f"model_{name}")]
    assert "layer 'part_0' runs one half backwards" in project.files["model.h"]
    model = HostModel(project, library)
    with pytest.raises(EmulationError, match="model_run_window returned -2"):
        model.run_window(random_windows(graph, 1)[0, :-1], 1)
    y = np.full(graph.output_size, 7, np.int16)
    x = np.ascontiguousarray(random_windows(graph, 1)[0])
    state = ctypes.create_string_buffer(project.state_bytes + project.scratch_bytes)
    status = symbols.model_run_window(state, ctypes.c_void_p(x.ctypes.data), ctypes.c_size_t(3), ctypes.c_void_p(y.ctypes.data))
    assert status == -2
    assert (y == 7).all()


def test_a_causal_model_keeps_its_step(tmp_path):
    """A model of causal layers that was built for windows still streams, and runs windows of any length."""
    graph = make_quantized("gru+lstm", 5, 7, 3)
    project = export_c(graph, name="model")
    assert project.window_steps is None
    assert "WINDOW_STEPS" not in project.files["model.h"]
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path))
    x = random_codes(graph, 9)
    wanted = Oracle(graph).run(x[None]).outputs[0]
    assert np.array_equal(model.run_window(x, 9), wanted)
    assert np.array_equal(model.run(x)[0][-1], Oracle(graph).run(np.concatenate([x, x])[None]).outputs[0, -1])


@pytest.mark.parametrize("name", CASES)
def test_file_round_trip(name):
    """Written and read again, a window model is the same: the same bytes, and the same project."""
    graph = WINDOW_CASES[name].build()
    again = from_bytes(to_bytes(graph))
    assert to_bytes(again) == to_bytes(graph)
    assert export_c(again, name="m").files == export_c(graph, name="m").files
