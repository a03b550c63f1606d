"""Compile and link a model for a hosted target: a static program, or a WebAssembly module with its glue."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeseq.errors import ToolchainError
from edgeseq.export.c import CProject
from edgeseq.firmware.build import app_header, step_symbol, write_sources
from edgeseq.firmware.image import read_image
from edgeseq.firmware.toolchain import COMMON_FLAGS, CompilerName, Toolchain, find_toolchain
from edgeseq.firmware.wasm_module import wasm_sizes
from edgeseq.resources import templates_root
from edgeseq.targets import HostedTarget, Optimize

App = Literal["stream", "bench", "empty"]

_POSIX_SOURCES = ("es_port.c", "es_exit.c")
_GLUE = ("edgeseq.mjs", "run_stream.mjs")
# -fno-unwind-tables alone leaves the asynchronous tables that Linux targets ask for.
_FLAGS = (*COMMON_FLAGS, "-fno-asynchronous-unwind-tables")


@dataclass(frozen=True, slots=True)
class HostedImage:
    """A linked program or module. step_symbol: the function whose instructions are counted, None in a baseline."""

    path: Path
    target: HostedTarget
    toolchain: Toolchain
    optimize: Optimize
    step_symbol: str | None
    writes_state: bool


@dataclass(frozen=True, slots=True)
class HostedSizes:
    """Bytes of a model in an image; as in `Measurement`, the image is everything that is loaded."""

    model_bytes: int
    code_bytes: int
    image_bytes: int


def hosted_toolchain(target: HostedTarget, name: CompilerName = "zig") -> Toolchain:
    """The compiler for a hosted target. Raises ToolchainError when it is missing or cannot serve the target."""
    if name != "zig":
        raise ToolchainError(f"{target.name} is built with zig only; use --compiler zig")
    host = find_toolchain(None)
    return dataclasses.replace(host, flags=(*host.flags, "-target", target.zig_target))


def build_hosted(
    project: CProject | None,
    target: HostedTarget,
    toolchain: Toolchain,
    folder: Path,
    *,
    optimize: Optimize = "speed",
    write_state: bool = False,
    app: App = "stream",
) -> HostedImage:
    """Build an app around a model; project is None for the app "empty" alone.

    write_state: a program also writes the carried state after each output; a module's runner is
    told to. A module has no app: its runner streams or times. Raises ToolchainError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if project is not None:
        write_sources(project, folder)
        (folder / "es_app_model.h").write_text(app_header(project) + _float_header(project.name))
    if target.port == "wasm":
        if project is None:
            raise ToolchainError(f"{target.name}: a module without a model has no use")
        path = _build_module(project, target, toolchain, folder, optimize)
    else:
        path = _build_program(project, target, toolchain, folder, optimize, app, write_state=write_state)
    return HostedImage(path, target, toolchain, optimize, step_symbol(project) if project else None, write_state)


def hosted_sizes(image: HostedImage, project: CProject, baseline: HostedImage | None) -> HostedSizes:
    """Sizes of a model's image.

    A program: the model's constant objects; what it has beyond them and the baseline (an app
    "empty" of the same flags); all loaded sections. A module (baseline None): its data section;
    its code section, which holds the glue and the float helpers; the file.
    """
    if baseline is None:
        module = wasm_sizes(image.path)
        return HostedSizes(module.data_bytes, module.code_bytes, module.file_bytes)
    elf = read_image(image.path)
    model = elf.model_bytes(project.name)
    return HostedSizes(model, elf.flash_bytes - read_image(baseline.path).flash_bytes - model, elf.flash_bytes)


def _build_program(
    project: CProject | None,
    target: HostedTarget,
    toolchain: Toolchain,
    folder: Path,
    optimize: Optimize,
    app: App,
    *,
    write_state: bool,
) -> Path:
    templates = templates_root()
    shutil.copy(templates / "app" / f"{app}.c", folder)
    for header in ("es_port.h", "es_exit.h"):
        shutil.copy(templates / "port" / header, folder)
    for name in _POSIX_SOURCES:
        shutil.copy(templates / "port" / target.port / name, folder)
    sources = [f"{app}.c", *_POSIX_SOURCES, *(project.sources if project else ())]
    flags = [*toolchain.flags, *_FLAGS, toolchain.optimize_flag(optimize), "-I.", "-Ikernels"]
    flags += ["-DES_APP_WRITES_STATE"] if write_state else []
    objects = [f"{Path(source).stem}.o" for source in sources]
    for source, compiled in zip(sources, objects, strict=True):
        toolchain.run([*flags, f"-mcpu={target.zig_cpu}", "-c", source, "-o", compiled], folder)
    # zig compiles the C library once per set of these flags, which takes a minute: one set per architecture.
    link = [*toolchain.flags, f"-mcpu={target.libc_cpu}", "-static", "-O2", "-g", "-Wl,--gc-sections"]
    toolchain.run([*link, *objects, "-o", "program"], folder)
    return folder / "program"


def _build_module(project: CProject, target: HostedTarget, toolchain: Toolchain, folder: Path, optimize: Optimize) -> Path:
    port = templates_root() / "port"
    shutil.copytree(port / "freestanding", folder / "freestanding", dirs_exist_ok=True)
    shutil.copy(port / target.port / "math.h", folder / "freestanding")
    for name in ("es_wasm.c", *_GLUE):
        shutil.copy(port / target.port / name, folder)
    flags = [*toolchain.flags, f"-mcpu={target.zig_cpu}", *_FLAGS, toolchain.optimize_flag(optimize)]
    paths = ["-I.", "-Ikernels", "-idirafter", "freestanding"]
    sources = ["es_wasm.c", *project.sources, f"{project.name}_float.c"]
    toolchain.run([*flags, *paths, "-Wl,--no-entry", "-Wl,--gc-sections", "-s", *sources, "-o", "model.wasm"], folder)
    return folder / "model.wasm"


def _float_header(name: str) -> str:
    return (
        f'#include "{name}_float.h"\n'
        f"#define ES_MODEL_QUANTIZE_INPUT {name}_quantize_input\n#define ES_MODEL_DEQUANTIZE_OUTPUT {name}_dequantize_output\n"
    )
