"""The exported C on hosted targets: the oracle's integers natively, under QEMU or in Node, exact figures, refusals."""

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseq.errors import EmulationError, ToolchainError
from edgeseq.export.c import KERNEL_SETS, export_c, write_project
from edgeseq.firmware.hosted import HostedImage, build_hosted, hosted_sizes, hosted_toolchain
from edgeseq.firmware.toolchain import STRICT_FLAGS
from edgeseq.firmware.wasm_module import wasm_sizes
from edgeseq.measure import hosted, process_runner, wasm_runner
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.hosted import run_hosted
from edgeseq.measure.process_runner import count_steps, runs_natively
from edgeseq.measure.profile import profile
from edgeseq.measure.verify import run_on_core
from edgeseq.quantize import QuantGraph
from edgeseq.resources import templates_root
from edgeseq.simulate import Oracle
from edgeseq.targets import HostedTarget, load_target
from edgeseq.targets.hosted import hosted_names
from tests.conftest import make_quantized, random_codes
from tests.parity.cases import CASES


def hosted_target(name: str) -> HostedTarget:
    target = load_target(name)
    assert isinstance(target, HostedTarget)
    return target


def reason_to_skip(name: str) -> str | None:
    target = hosted_target(name)
    if target.runner == "node":
        return None if shutil.which("node") or shutil.which("nodejs") else "node is not installed"
    return None if runs_natively(target) or shutil.which(target.qemu) else f"{target.qemu} is not installed"


TARGETS = [
    pytest.param(name, marks=pytest.mark.skipif(reason_to_skip(name) is not None, reason=reason_to_skip(name) or ""))
    for name in hosted_names()
]
COUNTED = [target for target in TARGETS if hosted_target(target.values[0]).qemu]
COUNTER = pytest.mark.skipif(
    any(shutil.which(hosted_target(t.values[0]).qemu) is None for t in COUNTED), reason="qemu-user is not installed"
)

HOSTED_CASES = (
    "odd sizes",
    "wide cell",
    "three layers",
    "large weights",
    "gru reset before, int16 input",
    "gru, int16x8",
    "gru reset before, int16x8",
    "lstm, int16x8",
    "rnn over lstm, int16x8",
)

REMAINDER_KINDS = ("gru", "gru_before", "lstm", "rnn")


def assert_equals_oracle(graph: QuantGraph, name: str, folder: Path, kernel_set: str | None = None) -> None:
    """Outputs and states of 60 steps with a reset in the middle, extremes of the codes included."""
    x = random_codes(graph, 60)
    x[20:24], x[24:28] = graph.input.code_range
    reset = np.arange(60) == 30
    project = export_c(graph, name="model", kernel_set=kernel_set or hosted_target(name).kernel_set)
    outputs, states = run_on_core(project, x, reset, name, folder, "zig")
    oracle = Oracle(graph)
    first = oracle.run(x[None, :30], keep_states=True)
    oracle.reset()
    second = oracle.run(x[None, 30:], keep_states=True)
    assert np.array_equal(outputs, np.concatenate([first.outputs[0], second.outputs[0]]))
    assert np.array_equal(states, np.concatenate([first.states[0], second.states[0]]))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("case", HOSTED_CASES)
def test_hosted_target_equals_oracle(case, name, tmp_path):
    """Every target runs its own kernels to the oracle's integers: 0 mismatches."""
    graph = CASES[case].build()
    assert_equals_oracle(graph, name, tmp_path)
    assert not export_c(graph, kernel_set=hosted_target(name).kernel_set).fallbacks


@pytest.mark.parametrize("name", TARGETS)
def test_extreme_requantisation_shifts(name, tmp_path):
    """Shifts of 16, where most rows saturate, and 32, which no 32-bit multiplier can take, in every matrix."""
    graph = CASES["gru"].build()
    for shift in (16, 32):
        gru, head = graph.layers
        layers = (
            dataclasses.replace(
                gru,
                input=dataclasses.replace(gru.input, shift=shift),
                recurrent=dataclasses.replace(gru.recurrent, shift=shift),
            ),
            dataclasses.replace(head, matvec=dataclasses.replace(head.matvec, shift=shift)),
        )
        assert_equals_oracle(dataclasses.replace(graph, layers=layers), name, tmp_path / str(shift))


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", REMAINDER_KINDS)
def test_sizes_of_every_remainder(kind, name, tmp_path):
    """Units of every remainder by 16 and of 8- and 15-bit states by 8, up to 67: 0 mismatches.

    What all cells share they cover together: int8 and int16 inputs, 8- and 15-bit states and outputs of every remainder by 16.
    Three layers a program: most of the time goes into compiling what is not the model.
    """
    number = REMAINDER_KINDS.index(kind)
    sizes = (*range(1, 17), 23, 29, 31, 37, 43, 52, 64, 67)
    for at in range(8):
        pair = at // 2
        inputs = 1 + 4 * pair + number + 16 * ((number + at) % 4)
        options = {"input_dtype": "int16" if at % 2 == 0 else "int8"}
        options["layer_schemes"] = {f"{kind}_{layer}": "int16x8" for layer in range(3) if (pair + layer + number) % 2 == 0}
        graph = make_quantized("+".join([kind] * 3), inputs, sizes[at::8], 1 + at + 8 * (number % 2), seed=at, **options)
        assert_equals_oracle(graph, name, tmp_path / str(at))


@pytest.mark.parametrize("kernels", [kernels for kernels in KERNEL_SETS if kernels != "simd"])
def test_every_kernel_set_runs_on_another_machine(kernels, tmp_path):
    """A project made for other cores computes the same on 32-bit Arm, where short cuts for one of them would show."""
    if reason := reason_to_skip("armv7-neon"):
        pytest.skip(reason)
    assert_equals_oracle(CASES["three layers"].build(), "armv7-neon", tmp_path, kernels)


@pytest.mark.parametrize("name", hosted_names())
@pytest.mark.parametrize("standard", ["c99", "c++11"])
def test_vectors_compile_without_a_warning(standard, name, tmp_path):
    """Each machine's own instructions pass the strict flags as errors, as C99 and as C++."""
    target = hosted_target(name)
    toolchain = hosted_toolchain(target)
    language = ["-x", "c++"] if standard == "c++11" else []
    shutil.copytree(templates_root() / "port" / "freestanding", tmp_path / "freestanding")
    flags = [*toolchain.flags, f"-mcpu={target.zig_cpu}", *language, f"-std={standard}", *STRICT_FLAGS]
    names = []
    for number, case in enumerate(("lstm, int16 input", "three layers", "rnn over lstm, int16x8")):
        project = export_c(CASES[case].build(), name=f"m{number}", kernel_set=target.kernel_set)
        write_project(project, tmp_path / project.name)
        names.append(project.name)
    # One file of all models: the vectors' own headers take most of the time. Kernels of their own are the same files.
    (tmp_path / "models.c").write_text("".join(f'#include "{name}/{name}.c"\n' for name in names))
    folders = [f"-I{name}{inner}" for name in names for inner in ("", "/kernels")]
    toolchain.run([*flags, *folders, "-idirafter", "freestanding", "-c", "models.c", "-o", "x.o"], tmp_path)


@COUNTER
@pytest.mark.parametrize("name", COUNTED)
def test_counted_instructions_repeat(name, tmp_path):
    """Steps that start from reset with the same input cost the same, whole runs repeat, and the rest is start and end."""
    graph = CASES["odd sizes"].build()
    target = hosted_target(name)
    image = build_hosted(export_c(graph, name="model", kernel_set=target.kernel_set), target, hosted_toolchain(target), tmp_path)
    frames = encode_frames(np.full((6, graph.input_size), 5, np.int8), np.ones(6, bool))
    counts = count_steps(image, frames)
    if counts is None:
        pytest.skip(f"{target.qemu} has no plugins")
    assert len(set(counts.steps)) == 1
    assert graph.source.macs_per_step / 20 < counts.steps[0] < 4 * graph.source.macs_per_step
    assert sum(counts.steps) < counts.total
    assert counts == count_steps(image, frames)


@COUNTER
def test_a_profile_has_what_can_be_had(tmp_path):
    """Instructions are exact, bytes are the image's, and time is there only where this machine runs the code."""
    graph = CASES["gru"].build()
    for name in ("x86_64-avx2", "aarch64-dotprod"):
        target = hosted_target(name)
        m = profile(graph, name)
        project = export_c(graph, kernel_set=m.kernel_set)
        image = build_hosted(project, target, hosted_toolchain(target), tmp_path / name)
        empty = build_hosted(None, target, hosted_toolchain(target), tmp_path / f"{name}-empty", app="empty")
        sizes = hosted_sizes(image, project, empty)
        assert m.kernel_set == target.kernel_set == "simd"
        assert sizes.model_bytes == m.flash_model_bytes == project.weight_bytes + project.table_bytes
        assert (sizes.code_bytes, sizes.image_bytes) == (m.flash_code_bytes, m.flash_image_bytes)
        assert (m.ram_state_bytes, m.ram_scratch_bytes) == (project.state_bytes, project.scratch_bytes)
        assert (m.cycles_per_step, m.ram_stack_bytes, m.ram_image_bytes) == (None, None, None)
        assert (m.time_per_step is not None) == runs_natively(target)
        if m.instructions_per_step is not None:
            assert m.instructions_per_step < m.macs_per_step


def test_time_is_measured_with_its_spread():
    """A native program and a module report the median of many batches between the smallest and the largest."""
    names = [name for name in hosted_names() if reason_to_skip(name) is None]
    here = next((name for name in names if runs_natively(hosted_target(name))), None)
    module = next((name for name in names if hosted_target(name).runner == "node"), None)
    if here is None and module is None:
        pytest.skip("this machine is no target, and node is not installed")
    for name in filter(None, (here, module)):
        time = profile(CASES["one unit"].build(), name).time_per_step
        assert time is not None
        assert 0 < time.smallest_ns <= time.ns <= time.largest_ns
        assert time.runs == 31
        assert time.steps >= 64
        assert time.device
        assert ("Node v" in time.device) == (name == module)


def test_only_zig_builds_for_hosted_targets():
    """Another compiler is refused by name."""
    with pytest.raises(ToolchainError, match="aarch64 is built with zig only; use --compiler zig"):
        hosted_toolchain(hosted_target("aarch64"), "gcc")


@pytest.fixture
def foreign_image(tmp_path):
    """A program that no machine here runs by itself."""
    target = dataclasses.replace(hosted_target("aarch64"), machines=("none",))
    return HostedImage(tmp_path / "program", target, hosted_toolchain(target), "speed", "model_step", writes_state=False)


def test_a_missing_qemu_is_named(foreign_image, monkeypatch):
    """Neither running nor counting goes on without the emulator, and the message says how to get it."""
    monkeypatch.setattr(process_runner.shutil, "which", lambda _name: None)
    for run in (run_hosted, count_steps):
        with pytest.raises(EmulationError, match=r"aarch64: .*qemu-aarch64 is not on the PATH.*apt-get install qemu-user"):
            run(foreign_image, b"")


def test_a_missing_feature_is_named(foreign_image, monkeypatch):
    """On the right machine without the right instructions, the message says which are missing."""
    target = dataclasses.replace(foreign_image.target, machines=(process_runner.platform.machine(),), features=("nonsense",))
    monkeypatch.setattr(process_runner.shutil, "which", lambda _name: None)
    with pytest.raises(EmulationError, match="without nonsense, and qemu-aarch64 is not on the PATH"):
        run_hosted(dataclasses.replace(foreign_image, target=target), b"")


def test_no_count_without_plugins(foreign_image, monkeypatch):
    """A QEMU built without plugins gives no count rather than a rough one."""
    monkeypatch.setattr(process_runner.shutil, "which", "/usr/bin/{}".format)
    monkeypatch.setattr(process_runner, "_has_plugins", lambda _qemu: False)
    assert count_steps(foreign_image, b"") is None


def test_a_missing_node_is_named(tmp_path, monkeypatch):
    """The message says what to install."""
    target = hosted_target("wasm32-simd")
    image = HostedImage(tmp_path / "model.wasm", target, hosted_toolchain(target), "speed", None, writes_state=False)
    monkeypatch.setattr(wasm_runner.shutil, "which", lambda _name: None)
    with pytest.raises(EmulationError, match=r"node is not on the PATH.*apt-get install nodejs"):
        run_hosted(image, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs false(1)")
def test_a_failed_program_is_an_error(foreign_image):
    """An exit code is never taken for output."""
    here = dataclasses.replace(foreign_image.target, machines=(process_runner.platform.machine(),), features=())
    if not runs_natively(here):
        pytest.skip("no program runs natively")
    image = dataclasses.replace(foreign_image, target=here, path=Path(shutil.which("false") or "/bin/false"))
    with pytest.raises(EmulationError, match="aarch64: the program returned 1"):
        run_hosted(image, b"")


def test_a_garbled_time_is_an_error():
    """The timing program's line is parsed whole or not at all."""
    with pytest.raises(EmulationError, match=r"the timing program wrote b'1\.0 2\.0'"):
        hosted._parse_time(b"1.0 2.0", "nothing")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"\x7fELF", "not a WebAssembly 1.0 module"), (b"\0asm\1\0\0\0\x0a\x05\x00", "the last section is cut off")],
)
def test_a_broken_module_is_refused(data, message, tmp_path):
    """Sizes come from whole modules only."""
    (tmp_path / "model.wasm").write_bytes(data)
    with pytest.raises(ToolchainError, match=message):
        wasm_sizes(tmp_path / "model.wasm")


def test_a_module_without_a_model_is_refused(tmp_path):
    """There is no empty module to compare with."""
    target = hosted_target("wasm32-simd")
    with pytest.raises(ToolchainError, match="a module without a model has no use"):
        build_hosted(None, target, hosted_toolchain(target), tmp_path)
