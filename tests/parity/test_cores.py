"""The exported C on emulated cores computes the oracle's integers, and its figures are exact."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeseq.export.c import export_c, write_project
from edgeseq.firmware import build_firmware, find_toolchain
from edgeseq.firmware.image import read_image
from edgeseq.firmware.toolchain import STRICT_FLAGS
from edgeseq.measure.frames import decode_outputs, encode_frames
from edgeseq.measure.profile import profile
from edgeseq.measure.runner import run_image
from edgeseq.measure.trace import count_instructions
from edgeseq.measure.verify import run_on_core
from edgeseq.quantize import QuantGraph
from edgeseq.resources import templates_root
from edgeseq.simulate import Oracle
from edgeseq.targets import core_names, load_core
from tests.conftest import make_quantized, random_codes
from tests.parity.cases import CASES

CORES = [load_core(name) for name in core_names()]
BUILDS = [
    pytest.param(core.name, compiler, id=f"{core.name}-{compiler}")
    for core in CORES
    for compiler in ("zig", "gcc")
    if (core.zig_target if compiler == "zig" else shutil.which(f"{core.gcc_prefix}gcc"))
]
# Every kernel around the recurrent ones at least once.
AROUND = [
    "tcn",
    "residual of the input",
    "mean pooling",
    "max pooling",
    "layer normalisation",
    "depthwise conv",
    "embedding and conv",
]
PLAIN = ["gru", "lstm", "odd sizes", "three layers", "large weights", "lstm, int16 input", "tanh head"]
BUILDABLE = sorted({build.values[0] for build in BUILDS})


# Portable on every core: compact cells, other functions, a table, straight pieces; and no state at all.
UNUSUAL = ["fastgrnn_low, int8x4", "mingru, int16x8", "lstm:hard_sigmoid:tanh", "gelu head", "bent head", "no state"]


# Without blocks of zeros: sums and parts, both widths, unbounded rows.
PRUNED = ["pruned gru", "pruned gru reset before", "pruned to nothing", "pruned, unbounded rows", "pruned, int16x8"]

# What no core has kernels of its own for is the same C everywhere: one build for each instruction set.
ONE_OF_EACH = [("cortex-m0plus", "zig"), ("cortex-m4", "gcc"), ("cortex-m55", "zig"), ("rv32imc", "zig"), ("atmega328p", "gcc")]
CHECKED = [(name, *build.values) for name in PLAIN for build in BUILDS]
CHECKED += [(name, *build.values) for name in [*AROUND, *UNUSUAL] for build in BUILDS if tuple(build.values) in ONE_OF_EACH]
CHECKED += [(name, core, "zig") for name in PRUNED for core in ("cortex-m0plus", "cortex-m4")]


@pytest.mark.parametrize(("name", "core", "compiler"), CHECKED)
def test_emulated_core_equals_oracle(name, core, compiler, tmp_path):
    """Outputs and states of 100 steps with a reset in the middle: 0 mismatches."""
    graph = CASES[name].build()
    target = load_core(core)
    project, x = export_c(graph, name="model", kernel_set=target.kernel_set), random_codes(graph, 100)
    reset = np.arange(100) == 60
    firmware = build_firmware(project, target, find_toolchain(target, compiler), tmp_path, write_state=True)
    outputs, states = decode_outputs(
        run_image(firmware, encode_frames(x, reset)).output, graph.output_size, project.state_bytes // 2
    )
    oracle = Oracle(graph)
    first = oracle.run(x[None, :60], keep_states=True)
    oracle.reset()
    second = oracle.run(x[None, 60:], keep_states=True)
    assert np.array_equal(outputs, np.concatenate([first.outputs[0], second.outputs[0]]))
    assert np.array_equal(states, np.concatenate([first.states[0], second.states[0]]))


# Cores whose own kernels read 4-bit weights and 15-bit states; assembly that the other machines of the tests never see.
OTHER_SCHEMES = ["cortex-m0plus", "cortex-m4"]


@pytest.mark.parametrize("core", OTHER_SCHEMES)
@pytest.mark.parametrize("size", [5, 6, 7])
@pytest.mark.parametrize("scheme", ["int8x4", "int16x4", "int16x8"])
def test_other_schemes_on_emulated_cores(scheme, size, core, tmp_path):
    """Every kind of layer in each of the schemes, all remainders of the loops: 0 mismatches."""
    options = {"input_dtype": "int16"} if size % 2 else {}
    graph = make_quantized("gru+lstm+gru_before+rnn", size + 6, size, 3, seed=size, scheme=scheme, **options)
    assert_core_equals_oracle(graph, core, tmp_path, fallbacks={})


@pytest.mark.parametrize(("core", "bits"), [("cortex-m0plus", 16), ("cortex-m4", 20)])
def test_rows_beyond_a_word_fall_back(core, bits, tmp_path):
    """4-bit rows whose sums could overlap run on the portable kernels under a fast head, named with the reason, exactly."""
    graph = make_quantized("rnn", 1500, 3, 2, scheme="int8x4")
    assert_core_equals_oracle(graph, core, tmp_path, fallbacks={"l0": f"a row of 1500 columns can exceed {bits} bits"})


def assert_core_equals_oracle(graph: QuantGraph, core: str, folder: Path, fallbacks: dict[str, str]) -> None:
    """Outputs and states of 40 steps, with zig."""
    target = load_core(core)
    project, x = export_c(graph, name="model", kernel_set=target.kernel_set), random_codes(graph, 40)
    assert project.fallbacks == fallbacks
    outputs, states = run_on_core(project, x, np.zeros(len(x), bool), core, folder, "zig")
    wanted = Oracle(graph).run(x[None], keep_states=True)
    assert np.array_equal(outputs, wanted.outputs[0])
    assert np.array_equal(states, wanted.states[0])


# Models whose code differs from core to core, and for one core of each instruction set the rest.
WARNED = ["gru", "lstm, int16 input", "three layers", "gru, int8x4", "lstm over gru, int16x4"]


# An AVR's flash has a name of its own, which standard C does not know.
@pytest.mark.parametrize(
    ("name", "core", "compiler"),
    [
        (name, *build.values)
        for name in [*WARNED, *AROUND, *PRUNED]
        for build in BUILDS
        if load_core(build.values[0]).isa != "avr" and (name in WARNED or tuple(build.values) in ONE_OF_EACH)
        if name not in PRUNED or build.values[0] in OTHER_SCHEMES
    ],
)
def test_compiles_without_a_warning_for_its_core(name, core, compiler, tmp_path):
    """The code that only the core's own compiler sees passes the strict flags too, as C99, and as C++ with zig."""
    target = load_core(core)
    toolchain = find_toolchain(target, compiler)
    project = export_c(CASES[name].build(), name="model", kernel_set=target.kernel_set)
    write_project(project, tmp_path)
    headers = ["-I.", "-Ikernels", "-idirafter", str(templates_root() / "port" / "freestanding")]
    for language in (["-std=c99"], ["-x", "c++", "-std=c++11"])[: 2 if compiler == "zig" else 1]:
        for source in project.sources:
            flags = [*toolchain.flags, *language, toolchain.optimize_flag("speed"), *STRICT_FLAGS]
            toolchain.run([*flags, *headers, "-c", source, "-o", "x.o"], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("core", core_names())
@pytest.mark.parametrize("cell_shift", range(8))
def test_emulated_core_takes_every_shift(cell_shift, core, tmp_path):
    """Each shift of the cell and of the pre-activations, with gates and cells that saturate: 0 mismatches."""
    graph = make_quantized("lstm", 9, 7, 3, 3, gain=5.0)
    lstm = replace(graph.layers[0], cell_shift=cell_shift, preactivation_shift=2 + cell_shift % 6)
    graph = replace(graph, layers=(lstm, *graph.layers[1:]))
    target = load_core(core)
    project, x = export_c(graph, name="model", kernel_set=target.kernel_set), random_codes(graph, 100)
    firmware = build_firmware(project, target, find_toolchain(target), tmp_path, write_state=True)
    run = run_image(firmware, encode_frames(x, np.zeros(len(x), bool)))
    outputs, states = decode_outputs(run.output, graph.output_size, project.state_bytes // 2)
    wanted = Oracle(graph).run(x[None], keep_states=True)
    assert np.array_equal(outputs, wanted.outputs[0])
    assert np.array_equal(states, wanted.states[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_ten_thousand_steps_on_a_cortex_m4(kind, tmp_path):
    """One stream of 10,000 steps on the emulated core: 0 mismatches in outputs and states."""
    graph = CASES[kind].build()
    core = load_core("cortex-m4")
    project, x = export_c(graph, name="model", kernel_set=core.kernel_set), random_codes(graph, 10_000)
    firmware = build_firmware(project, core, find_toolchain(core), tmp_path, write_state=True)
    run = run_image(firmware, encode_frames(x, np.zeros(len(x), bool)))
    outputs, states = decode_outputs(run.output, graph.output_size, project.state_bytes // 2)
    wanted = Oracle(graph).run(x[None], keep_states=True)
    assert np.array_equal(outputs, wanted.outputs[0])
    assert np.array_equal(states, wanted.states[0])


# The Cortex-M0+ has no board in QEMU 7; its microbit is an M0 with other peripherals at the same addresses.
@pytest.mark.parametrize(
    "core",
    [
        pytest.param(
            core,
            id=core.name,
            marks=pytest.mark.skipif(not shutil.which(core.qemu.program), reason="QEMU is absent"),
        )
        for core in CORES
        if core.qemu is not None
    ],
)
def test_counts_are_those_of_single_stepped_qemu(core, tmp_path):
    """For the same ELF and input, QEMU executes as many instructions one by one, from reset to exit, and writes the same."""
    graph = CASES["gru over lstm"].build()
    firmware = build_firmware(export_c(graph, name="model", kernel_set=core.kernel_set), core, find_toolchain(core), tmp_path)
    frames = encode_frames(random_codes(graph, 3), np.zeros(3, bool))
    run = run_image(firmware, frames, count_all=True)
    counted = count_instructions(run.all_blocks, read_image(firmware.elf), core.isa)
    (tmp_path / "es_input.bin").write_bytes(frames)
    # One translation block per instruction, one log line per block: the log's length is the count.
    board = core.qemu
    command = [board.program, "-M", board.machine, *board.options, "-kernel", "firmware.elf", "-nographic", "-semihosting"]
    command += ["-singlestep", "-d", "exec,nochain", "-D", "trace.log", "-monitor", "none", "-serial", "none"]
    subprocess.run(command, cwd=tmp_path, timeout=120, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    traced = re.findall(r"^Trace 0: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/", (tmp_path / "trace.log").read_text(), re.MULTILINE)
    assert (tmp_path / "es_output.bin").read_bytes() == run.output
    # A board may have a few instructions of its own before the image's first.
    in_flash = [at for at in traced if core.flash_origin <= int(at, 16) < core.flash_origin + core.flash_bytes]
    assert len(in_flash) == counted


def test_counts_repeat_exactly():
    """Two profiles of the same model are equal in every field."""
    graph = CASES["gru"].build()
    assert profile(graph, "cortex-m4") == profile(graph, "cortex-m4")


def array_definitions(text):
    """(bytes of an element, (name, elements)) of each constant array in a model's C."""
    found = re.findall(r"^static const ES_FLASH u?int(8|16|32)_t (\w+)\[(\d+)\]", text, re.MULTILINE)
    return [(int(bits) // 8, (name, size)) for bits, name, size in found]


@pytest.mark.parametrize("name", ["lstm", "odd sizes", "three layers", "gru reset before, int16 input"])
@pytest.mark.parametrize("core", core_names())
def test_profile_agrees_with_the_header(core, name, tmp_path):
    """The datasheet header's state and scratch are the linked state object's size, to the byte; model bytes its constants."""
    graph = CASES[name].build()
    project = export_c(graph, name="model", kernel_set=load_core(core).kernel_set)
    m = profile(graph, core, project=project)
    firmware = build_firmware(project, load_core(core), find_toolchain(load_core(core)), tmp_path)
    assert f"#define MODEL_STATE_BYTES {m.ram_state_bytes}" in project.files["model.h"]
    assert f"#define MODEL_SCRATCH_BYTES {m.ram_scratch_bytes}" in project.files["model.h"]
    symbols = read_image(firmware.elf).symbols
    assert symbols["state"].size == m.ram_state_bytes + m.ram_scratch_bytes
    sizes = {name: width * int(size) for width, (name, size) in array_definitions(project.files["model.c"])}
    sizes |= {"es_sigmoid_table": 512}
    linked = {name: symbols[name].size for name in sizes if name in symbols}
    assert all(size == sizes[name] for name, size in linked.items())
    # A compiler may unroll a small head until its weights stand in the code.
    assert set(sizes) - set(linked) <= {name for name in sizes if sizes[name] <= 512 and "_l0_" not in name}
    parameter_structs = m.flash_model_bytes - sum(linked.values())
    assert 0 <= parameter_structs <= 4 * 48
    assert m.flash_image_bytes > m.flash_model_bytes + m.flash_code_bytes > 0


def test_lstm_costs_more_than_gru():
    """At equal units an LSTM executes more instructions, holds twice the state and more weights."""
    gru, lstm = (profile(CASES[kind].build(), "cortex-m4") for kind in ("gru", "lstm"))
    assert lstm.instructions_per_step > gru.instructions_per_step
    assert lstm.ram_state_bytes == 2 * gru.ram_state_bytes
    assert lstm.flash_model_bytes > gru.flash_model_bytes
