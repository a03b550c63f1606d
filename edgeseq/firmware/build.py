"""Assemble application, port and model into one folder, compile, link."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import ToolchainError
from edgeseq.export.c import CProject
from edgeseq.firmware.toolchain import COMMON_FLAGS, Toolchain
from edgeseq.resources import templates_root
from edgeseq.targets import Core, Optimize

# What linkers say of a full memory, and avr-gcc of an array beyond its address range.
_TOO_LARGE = ("overflow", "will not fit", "is not within region", "size of array")
_PORT_SOURCES = ("startup.c", "es_port.c", "es_exit.c")


@dataclass(frozen=True, slots=True)
class Firmware:
    """A linked image. step_symbol: the function whose instructions are counted, None in a baseline."""

    elf: Path
    core: Core
    toolchain: Toolchain
    optimize: Optimize
    step_symbol: str | None


def build_firmware(
    project: CProject | None,
    core: Core,
    toolchain: Toolchain,
    folder: Path,
    *,
    optimize: Optimize = "speed",
    write_state: bool = False,
) -> Firmware:
    """Link app/stream.c around a model, or app/empty.c when project is None.

    write_state: the image also writes the carried state after each output.
    """
    templates = templates_root()
    folder.mkdir(parents=True, exist_ok=True)
    app = "empty.c" if project is None else "stream.c"
    shutil.copy(templates / "app" / app, folder)
    for header in ("es_port.h", "es_exit.h"):
        shutil.copy(templates / "port" / header, folder)
    for port in core.port:
        shutil.copytree(templates / "port" / port, folder, dirs_exist_ok=True)
    port_sources = [name for name in _PORT_SOURCES if (folder / name).is_file()]
    # Without a startup of its own, a port leaves start and memory map to the compiler's C library.
    own_startup = "startup.c" in port_sources
    shutil.copytree(templates / "port" / "freestanding", folder / "freestanding", dirs_exist_ok=True)
    (folder / "memory.ld").write_text(
        f"MEMORY\n{{\n    FLASH (rx) : ORIGIN = {core.flash_origin:#x}, LENGTH = {core.flash_bytes}\n"
        f"    RAM (rwx) : ORIGIN = {core.ram_origin:#x}, LENGTH = {core.ram_bytes}\n}}\n"
    )
    sources = [app, *port_sources]
    if optimize == "size" and own_startup:
        shutil.copy(templates / "port" / "string" / "es_string.c", folder)
        sources.append("es_string.c")
    if project is not None:
        write_sources(project, folder)
        (folder / "es_app_model.h").write_text(app_header(project))
        sources += project.sources
    arguments = [
        *COMMON_FLAGS,
        *toolchain.flags,
        toolchain.optimize_flag(optimize),
        *(["-DES_APP_WRITES_STATE"] if write_state else []),
        "-I.",
        "-Ikernels",
        # Searched last: a toolchain's own string.h comes first where there is one.
        "-idirafter",
        "freestanding",
        *(["-nostartfiles"] if toolchain.name == "gcc" and own_startup else []),
        "-Wl,--gc-sections",
        *(["-T", "link.ld"] if own_startup else []),
        *sources,
        "-o",
        "firmware.elf",
    ]
    try:
        toolchain.run(arguments, folder)
    except ToolchainError as error:
        if any(words in str(error) for words in _TOO_LARGE):
            raise ToolchainError(
                f"the image does not fit the {core.name} memory map ({core.flash_bytes} B flash, {core.ram_bytes} B RAM): {error}"
            ) from error
        raise
    return Firmware(folder / "firmware.elf", core, toolchain, optimize, step_symbol(project) if project else None)


def build_host_library(
    project: CProject, toolchain: Toolchain, folder: Path, *, native: bool = False, extra_flags: tuple[str, ...] = ()
) -> Path:
    """Compile model and float helpers into a shared library for this machine.

    native: for all instructions of this very processor (AVX2, dot product), which the kernel set
    "simd" uses; otherwise for any of its architecture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_sources(project, folder)
    sources = (*project.sources, f"{project.name}_float.c")
    return link_host_library(sources, toolchain, folder, project.name, (*(["-march=native"] if native else []), *extra_flags))


def link_host_library(
    sources: tuple[str, ...], toolchain: Toolchain, folder: Path, name: str, extra_flags: tuple[str, ...] = ()
) -> Path:
    """Compile sources that lie in a folder, with their kernels, into a shared library for this machine."""
    suffix = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
    library = f"lib{name}.{suffix}"
    arguments = ["-std=c99", "-O2", "-fPIC", "-shared", *toolchain.flags, *extra_flags, "-I.", "-Ikernels", *sources]
    toolchain.run([*arguments, "-o", library, *([] if sys.platform == "win32" else ["-lm"])], folder)
    return folder / library


def write_sources(project: CProject, folder: Path) -> None:
    """Write a project's files into a folder that exists."""
    for name, text in project.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def step_symbol(project: CProject) -> str:
    """The function that an app calls for each frame, and whose instructions are counted."""
    return f"{project.name}_{'step' if project.window_steps is None else 'run_window'}"


def app_header(project: CProject) -> str:
    """es_app_model.h: what the apps call a model. A frame holds one time step, or all of a window.

    Room for a window lies in static memory, that for a step on the stack.
    """
    name, guard, stream = project.name, project.name.upper(), project.window_steps is None
    carries = "#define ES_MODEL_CARRIES\n" if project.state_bytes else ""
    if stream:
        run = f"#define ES_MODEL_RUN {name}_step\n#define ES_MODEL_RESET {name}_reset\n"
    else:
        run = f"#define ES_MODEL_RUN(state, x, y) {name}_run_window(state, x, {guard}_WINDOW_STEPS, y)\n"
    return (
        f'#include "{name}.h"\n'
        f"#define ES_MODEL_STATE {name}_state\n#define ES_MODEL_INPUT {name}_input\n#define ES_MODEL_INIT {name}_init\n"
        f"{run}{carries}"
        f"#define ES_MODEL_ROOM {'' if stream else 'static'}\n"
        f"#define ES_MODEL_INPUT_SIZE {guard}_INPUT_SIZE\n#define ES_MODEL_OUTPUT_SIZE {guard}_OUTPUT_SIZE\n"
        f"#define ES_MODEL_STEPS {project.window_steps or 1}\n#define ES_MODEL_OUTPUT_STEPS {project.output_steps}\n"
        "#define ES_MODEL_INPUT_COUNT (ES_MODEL_STEPS * ES_MODEL_INPUT_SIZE)\n"
        "#define ES_MODEL_OUTPUT_COUNT (ES_MODEL_OUTPUT_STEPS * ES_MODEL_OUTPUT_SIZE)\n"
    )
