"""A worker process that has a model loaded, and the files it needs."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeseq.errors import EmulationError
from edgeseq.export.c import CProject
from edgeseq.firmware import find_toolchain
from edgeseq.firmware.build import app_header, link_host_library, write_sources
from edgeseq.resources import templates_root

_WORKER = Path(__file__).with_name("worker.py")
# For one answer: loading a model, or one run.
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told.

    file: empty to import the runtime alone; bounds: of integers at the model's own input, None for a foreign one; sizes:
    of dimensions left open, else 1. steps, features, dtype, outputs (values of one call): of C.
    """

    runtime: str
    file: str
    threads: int = 1
    bounds: tuple[int, int] | None = None
    sizes: dict[str, int] | None = None
    steps: int = 1
    features: int = 0
    dtype: str = "int8"
    outputs: int = 0


class Session:
    """A worker from its start to its end. Raises EmulationError when it crashes, hangs or refuses the model."""

    def __init__(self, python: str, job: Job) -> None:
        self._runtime = job.runtime
        self._scratch = tempfile.TemporaryDirectory(prefix="edgeseq-")
        folder = Path(self._scratch.name)
        (folder / "job.json").write_text(json.dumps({**asdict(job), "sizes": job.sizes or {}}))
        self._notes = folder / "stderr.txt"
        with self._notes.open("wb") as notes:
            self._process = subprocess.Popen(
                [python, str(_WORKER), str(folder / "job.json")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=notes,
                text=True,
            )
        try:
            self.ready = self._answer()
        except EmulationError:
            self.close()
            raise

    def run(self) -> dict[str, float]:
        """One run of many calls: nanoseconds of a call, by what was timed (see worker.CALL)."""
        assert self._process.stdin is not None
        # Broken when it has died; why, the answer says.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process and forget its files."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._scratch.cleanup()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            self._process.kill()

        timer = threading.Timer(_TIMEOUT_S, give_up)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        raise EmulationError(f"{self._runtime}: {self._what_happened(hung=hung.is_set())}")

    def _what_happened(self, *, hung: bool) -> str:
        if hung:
            return f"gave no answer in {_TIMEOUT_S} s"
        code = self._process.wait()
        if code < 0:
            return f"crashed on the model: {signal.Signals(-code).name}"
        # The last line of a traceback, without the name of the exception.
        lines = self._notes.read_text(errors="replace").strip().splitlines() or ["no message"]
        return f"refused the model: {lines[-1].partition('Error: ')[2] or lines[-1]}"


def build_timed_library(project: CProject, folder: Path, window: int | None) -> Path:
    """Compile a model for this very processor, with what calls it in a loop; window: time steps of a call, None for one."""
    write_sources(project, folder)
    header = app_header(project)
    if window is not None and project.window_steps is None:
        header += (
            "#undef ES_MODEL_RUN\n#undef ES_MODEL_STEPS\n"
            f"#define ES_MODEL_STEPS {window}\n"
            f"#define ES_MODEL_RUN(state, x, y) {project.name}_run_window(state, x, ES_MODEL_STEPS, y)\n"
        )
    (folder / "es_app_model.h").write_text(header)
    (folder / "time_calls.c").write_text((templates_root() / "tools" / "time_calls.c").read_text())
    flags = ("-march=native", "-s")
    return link_host_library((*project.sources, "time_calls.c"), find_toolchain(None), folder, project.name, flags)
