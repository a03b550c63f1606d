"""The exported C on this machine computes the oracle's integers."""

import functools
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from edgeseq.export.c import KERNEL_SETS, CProject, export_c, write_project
from edgeseq.export.c.isa import FAMILIES
from edgeseq.firmware import build_host_library, find_toolchain
from edgeseq.firmware.build import link_host_library, write_sources
from edgeseq.firmware.toolchain import STRICT_FLAGS, Toolchain
from edgeseq.measure.host_runner import HostModel
from edgeseq.measure.process_runner import cpu_features
from edgeseq.quantize import QuantGraph
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import dequantize_output, quantize_input
from tests.conftest import make_quantized, random_codes
from tests.parity.cases import CASES

KINDS_OF_LAYER = ("gru", "gru_before", "lstm", "rnn")
KINDS = ("noise", "lowest", "highest", "alternating", "impulses")

# Kernel set and flags: each set as any machine of this architecture runs it, then what else "simd" has here.
BUILDS = {kernels: (kernels, ()) for kernels in KERNEL_SETS}
BUILDS["simd, plain C"] = ("simd", ("-DES_PLAIN_C",))
if "avx2" in cpu_features():
    BUILDS["simd, AVX2"] = ("simd", ("-mavx2",))


def needed(name: str, build: str) -> bool:
    """Whether a build of a case has code that no other one has: families run plain cells of the schemes they know."""
    kernels, case = BUILDS[build][0], CASES[name]
    if kernels == "portable":
        return True
    if "pruned" in case.options and FAMILIES[kernels].sparse_block != case.options["pruned"][1]:
        return False
    return case.runs_fast(FAMILIES[kernels]) if case.plain or case.mixed else build == "simd"


PAIRS = [(name, build) for name in CASES for build in BUILDS if needed(name, build)]


def stream(graph: QuantGraph, kind: str = "noise") -> np.ndarray:
    """Noise, or one of the inputs most likely to break fixed-point code; (120, features)."""
    noise = random_codes(graph, 120, seed=5)
    low, high = graph.input.code_range
    even = np.arange(120)[:, None] % 2 == 0
    made = {
        "noise": noise,
        "lowest": np.full_like(noise, low),
        "highest": np.full_like(noise, high),
        "alternating": np.where(even, high, low),
        "impulses": np.where(np.arange(120)[:, None] % 17 == 0, high, 0),
    }[kind]
    return np.broadcast_to(made, noise.shape).astype(noise.dtype)


def quick_toolchain() -> Toolchain:
    """The system's gcc where there is one: it takes a third of zig's time."""
    gcc = shutil.which("gcc")
    return Toolchain("gcc", (gcc,), (), "gcc") if gcc else find_toolchain(None)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request, tmp_path_factory):
    """A quantised graph and its C code as a host library: every set of kernels computes the same anywhere."""
    name, build = request.param
    kernels, flags = BUILDS[build]
    graph = CASES[name].build()
    project = export_c(graph, name="model", kernel_set=kernels)
    # The portable ones as users build them, with zig.
    toolchain = find_toolchain(None) if kernels == "portable" else quick_toolchain()
    library = build_host_library(project, toolchain, tmp_path_factory.mktemp("host"), extra_flags=flags)
    return graph, HostModel(project, library)


@pytest.mark.parametrize("kind", KINDS)
def test_stream_equals_oracle(pair, kind):
    """Every output and every carried value of a stream: 0 mismatches, adversarial inputs included."""
    graph, model = pair
    x = stream(graph, kind)
    wanted = Oracle(graph).run(x[None], keep_states=True)
    model.reset()
    outputs, states = model.run(x)
    assert np.array_equal(outputs, wanted.outputs[0])
    assert np.array_equal(states, wanted.states[0])


def test_chunked_stream_equals_whole(pair):
    """A stream cut into chunks, with its state saved, disturbed and restored between them, is the same stream."""
    graph, model = pair
    x = stream(graph)
    model.reset()
    whole, _ = model.run(x)
    model.reset()
    pieces = []
    for chunk in np.array_split(x, [1, 2, 50, 51]):
        pieces.append(model.run(chunk)[0])
        saved = model.get_state()
        model.run(x[:3])
        model.set_state(saved)
    assert np.array_equal(np.concatenate(pieces), whole)


def test_window_equals_reset_and_stream(pair):
    """run_window starts from zero whatever came before, and yields the offline result."""
    graph, model = pair
    x = stream(graph)[:30]
    model.run(x[::-1])
    assert graph.source.returns_sequence
    assert np.array_equal(model.run_window(x, 30), Oracle(graph).run(x[None]).outputs[0])


def test_float_helpers_equal_python(pair):
    """quantize_input gives Python's codes exactly; dequantize_output its values within float32."""
    graph, model = pair
    raw = np.random.default_rng(2).normal(0, 3, (200, graph.input_size)).astype(np.float32)
    codes = np.stack([model.quantize_input(row) for row in raw])
    assert np.array_equal(codes, quantize_input(graph.input, raw))
    y = Oracle(graph).run(codes[None]).outputs[0]
    real = np.stack([model.dequantize_output(row) for row in y])
    # One float32 rounding per product, or the few of an exp and a division.
    assert np.allclose(real, dequantize_output(graph, y), rtol=2e-6, atol=1e-7)


def test_nan_input_is_defined(pair):
    """NaN becomes the lowest code, +-infinity the ends of the range, without undefined behaviour."""
    graph, model = pair
    assert (model.quantize_input(np.full(graph.input_size, np.nan, np.float32)) == graph.input.code_range[0]).all()
    assert (model.quantize_input(np.full(graph.input_size, np.inf, np.float32)) == graph.input.code_range[1]).all()


@pytest.mark.slow
def test_ten_thousand_steps(tmp_path):
    """A GRU and an LSTM over 10,000 steps of one stream: 0 mismatches in outputs and states."""
    for kind in ("gru", "lstm"):
        graph = CASES[kind].build()
        project = export_c(graph, name=kind)
        model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path / kind))
        x = random_codes(graph, 10_000)
        wanted = Oracle(graph).run(x[None], keep_states=True)
        outputs, states = model.run(x)
        assert np.array_equal(outputs, wanted.outputs[0])
        assert np.array_equal(states, wanted.states[0])


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("kind", KINDS_OF_LAYER)
def test_every_size_from_1_to_67(kind, build, tmp_path):
    """Units and inputs that are no multiple of anything: all sizes 1..67, inputs falling as units rise."""
    assert_sizes_equal_oracle({size: sized(kind, size) for size in range(1, 68)}, build, tmp_path)


@pytest.mark.parametrize("build", ["portable", *(name for name, isa in FAMILIES.items() if isa.wide_state)])
@pytest.mark.parametrize("scheme", ["int8x4", "int16x4", "int16x8"])
def test_sizes_of_other_schemes(scheme, build, tmp_path):
    """Columns and units that leave 0 to 3 of a group of four, and one or two words of a loop: all kinds of layer."""
    sizes = dict(zip((1, 2, 3, 4, 5, 7, 10, 16, 18, 66), KINDS_OF_LAYER * 3, strict=False))
    assert_sizes_equal_oracle({size: sized(kind, size, scheme) for size, kind in sizes.items()}, build, tmp_path)


def one_library(projects: Iterable[CProject], folder: Path, flags: tuple[str, ...] = ()) -> Path:
    """Many models and their kernels in one library.

    Vector kernels alone make one translation unit of the models, which reads the compiler's long headers once; the
    portable ones define functions of the same name in each file.
    """
    projects = list(projects)
    for project in projects:
        write_sources(project, folder)
    together = [f"{project.name}.c" for project in projects if project.kernel_set == "simd" and not project.fallbacks]
    (folder / "models.c").write_text("".join(f'#include "{name}"\n' for name in together))
    alone = dict.fromkeys(file for project in projects for file in project.sources if file not in together)
    sources = (*alone, *(["models.c"] if together else []))
    return link_host_library(sources, quick_toolchain(), folder, "all", ("-O1", *flags))


def assert_sizes_equal_oracle(graphs: dict[int, QuantGraph], build: str, folder: Path) -> None:
    """All models in one library: 0 mismatches."""
    kernels, flags = BUILDS[build]
    projects = {size: export_c(graph, name=f"m{size}", kernel_set=kernels) for size, graph in graphs.items()}
    library = one_library(projects.values(), folder, flags)
    for size, graph in graphs.items():
        x = random_codes(graph, 12, seed=size)
        wanted = Oracle(graph).run(x[None], keep_states=True)
        outputs, states = HostModel(projects[size], library).run(x)
        assert np.array_equal(outputs, wanted.outputs[0]), size
        assert np.array_equal(states, wanted.states[0]), size


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["portable", "dsp", "simd"])
@pytest.mark.parametrize("scheme", ["int8", "int16x4"])
def test_every_convolution_size(scheme, kernels, tmp_path):
    """Convolutions of 1 to 67 channels, 2 to 7 taps, dilations to 5, chunked: 0 mismatches in outputs and rings."""
    graphs = {}
    for size in range(1, 68):
        kinds = f"conv{2 + size % 6}x{1 + size % 5}+depthwise{2 + size % 3}x{1 + size % 2}*{1 + size % 2}+norm+average"
        graphs[size] = make_quantized(kinds, 68 - size, size, 3, seed=size, scheme=scheme)
    projects = {size: export_c(graph, name=f"m{size}", kernel_set=kernels) for size, graph in graphs.items()}
    library = one_library(projects.values(), tmp_path)
    for size, graph in graphs.items():
        x = random_codes(graph, 60, seed=size)
        model = HostModel(projects[size], library)
        outputs, states = model.run(x)
        oracle = Oracle(graph)
        wanted = [oracle.run(chunk[None], keep_states=True) for chunk in np.array_split(x, [1, 7, 33])]
        assert np.array_equal(outputs, np.concatenate([part.outputs[0] for part in wanted])), size
        assert np.array_equal(states, np.concatenate([part.states[0] for part in wanted])), size


def test_a_mean_over_a_stream_without_end(tmp_path):
    """Beyond 32,766 steps sum and count are halved, at the extremes of the codes too: 0 mismatches, nothing overflows."""
    graph = make_quantized("average", 3, 1, 2, input_dtype="int16")
    project = export_c(graph, name="model")
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path))
    low, high = graph.input.code_range
    x = random_codes(graph, 66_000)
    x[:, 0], x[:, 1] = low, high
    outputs, states = model.run(x)
    wanted = Oracle(graph).run(x[None], keep_states=True)
    assert np.array_equal(outputs, wanted.outputs[0])
    assert np.array_equal(states, wanted.states[0])
    assert states[:, -1].max() == 32_766


@functools.cache
def sized(kind: str, size: int, scheme: str = "int8") -> QuantGraph:
    """A model of that many units, every third one with int16 input."""
    options = {"input_dtype": "int16"} if size % 3 == 0 else {}
    return make_quantized(kind, 68 - size, size, 1 + size % 5, seed=size, scheme=scheme, **options)


SANITIZED_MAIN = """
#include <stdio.h>
#include "model.h"
static model_state state;
int main(void)
{
    model_input x[MODEL_INPUT_SIZE];
    int16_t y[MODEL_OUTPUT_SIZE];
    if (model_init(&state) != ES_OK) { return 1; }
    while (fread(x, sizeof(x), 1, stdin) == 1) {
        if (model_step(&state, x, y) != ES_OK) { return 1; }
        fwrite(y, sizeof(y), 1, stdout);
    }
    if (model_step(NULL, x, y) != ES_ERROR_NULL || model_run_window(&state, x, 0, y) != ES_ERROR_STEPS) { return 2; }
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc with its sanitizer runtimes is not installed")
@pytest.mark.parametrize(("name", "build"), PAIRS)
def test_sanitizers_find_nothing(name, build, tmp_path):
    """Under AddressSanitizer and UBSan, adversarial streams run clean and give the oracle's outputs."""
    kernels, extra_flags = BUILDS[build]
    graph = CASES[name].build()
    project = export_c(graph, name="model", kernel_set=kernels)
    write_project(project, tmp_path / "p")
    (tmp_path / "p" / "main.c").write_text(SANITIZED_MAIN)
    flags = ["-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *extra_flags]
    flags += ["-I.", "-Ikernels"]
    subprocess.run(["gcc", *flags, "main.c", *project.sources, "-o", "run"], cwd=tmp_path / "p", check=True)
    x = np.concatenate([stream(graph, kind) for kind in KINDS])
    done = subprocess.run(["./run"], cwd=tmp_path / "p", input=x.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    got = np.frombuffer(done.stdout, np.int16).reshape(len(x), -1)
    assert np.array_equal(got, Oracle(graph).run(x[None]).outputs[0])


WARNING_CASES = (
    *("pruned gru", "pruned, int16x8", "pruned, int8x4", "pruned row by row"),
    *("gru", "lstm, int16 input", "three layers", "softmax head", "gelu head", "bent head", "hard sigmoid head"),
    *("gru, int8x4", "lstm over gru, int16x4", "mgu between gru and lstm", "fastgrnn over gru, 4 bits", "no state"),
    *("tcn", "residual of the input", "mean pooling", "max pooling", "layer normalisation", "embedding and conv"),
    *("mingru, int8", "fastgrnn_low, int16x4", "lstm:relu:sigmoid", "gru:hard_sigmoid:linear", "lstm:hard_sigmoid:tanh"),
)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("standard", ["c99", "c++11"])
def test_compiles_without_a_warning(standard, build, tmp_path):
    """Kernels and generated code pass the strict flags as errors, as C99 and as C++."""
    kernels, flags = BUILDS[build]
    files: dict[str, str] = {}
    for number, name in enumerate(WARNING_CASES):
        # One folder for all: a set's kernels are the same files for every model.
        files |= export_c(CASES[name].build(), name=f"m{number}", kernel_set=kernels).files
    (tmp_path / "kernels").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    # C's -Wdouble-promotion and -Wvla exist in C++ too; all flags apply to both.
    language = [*(["-x", "c++"] if standard == "c++11" else []), f"-std={standard}", *STRICT_FLAGS, *flags]
    sources = sorted(name for name in files if name.endswith(".c"))
    find_toolchain(None).run([*language, "-I.", "-Ikernels", "-c", *sources], tmp_path)


@pytest.mark.parametrize("name", ["gru", "lstm, int16 input"])
def test_native_library_equals_oracle(name, tmp_path):
    """Compiled for all instructions of this very processor, the vector kernels compute the oracle's integers."""
    graph = CASES[name].build()
    project = export_c(graph, name="model", kernel_set="simd")
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path, native=True))
    x = stream(graph)
    assert np.array_equal(model.run(x)[0], Oracle(graph).run(x[None]).outputs[0])


def test_two_models_link_into_one_image(tmp_path):
    """Two projects share the kernels and nothing else; linked together, both give their own results."""
    a, b = (export_c(CASES[kind].build(), name=kind) for kind in ("gru", "lstm"))
    files = {**a.files, **b.files}
    merged = type(a)(**{**{f: getattr(a, f) for f in a.__dataclass_fields__}, "files": files})
    object.__setattr__(merged, "sources", tuple(sorted({*a.sources, *b.sources, "lstm_float.c"})))
    library = build_host_library(merged, find_toolchain(None), tmp_path)
    for project, kind in ((a, "gru"), (b, "lstm")):
        graph = CASES[kind].build()
        x = stream(graph)
        assert np.array_equal(HostModel(project, library).run(x)[0], Oracle(graph).run(x[None]).outputs[0])


def test_same_model_gives_same_bytes():
    """Exporting twice yields identical files: no timestamps, no dict order, no paths."""
    graph = CASES["gru over lstm"].build()
    assert export_c(graph, name="m").files == export_c(graph, name="m").files


@pytest.mark.parametrize("kernels", [kernels for kernels in KERNEL_SETS if kernels != "portable"])
@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].unusual])
def test_unusual_cells_fall_back(name, kernels):
    """Every family leaves compact cells and other functions than tanh and sigmoid to the portable kernels, and says why."""
    graph = CASES[name].build()
    fallbacks = export_c(graph, name="model", kernel_set=kernels).fallbacks
    for number in range(len(graph.recurrent)):
        assert f"the {kernels} kernels have" in fallbacks[f"l{number}"]


def test_a_row_beyond_24_bits_falls_back(tmp_path):
    """What the packed rows of the DSP kernels cannot hold runs on the portable ones, named with its reason, exactly."""
    graph = make_quantized("gru", 1500, 3, 2, gain=4.0)
    project = export_c(graph, name="model", kernel_set="dsp")
    assert project.fallbacks == {"l0": "a row of 1500 columns can exceed 24 bits"}
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path))
    x = random_codes(graph, 20)
    assert np.array_equal(model.run(x)[0], Oracle(graph).run(x[None]).outputs[0])


@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_input_may_lie_at_any_address(kernels, tmp_path):
    """int8 codes need no alignment: the same stream from an odd address."""
    graph = make_quantized("lstm", 13, 9, 3)
    project = export_c(graph, name="model", kernel_set=kernels)
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path))
    x = random_codes(graph, 20)
    room = np.zeros(x.size + 8, np.int8)
    start = -room.ctypes.data % 4 + 1
    odd = room[start : start + x.size].reshape(x.shape)
    odd[:] = x
    assert odd.ctypes.data % 4 == 1
    assert np.array_equal(model.run_window(odd, 20), Oracle(graph).run(x[None]).outputs[0])
