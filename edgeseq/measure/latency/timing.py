"""How long a model takes on this host: on several runtimes in turn, so that they share what else the machine does."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgeseq.errors import TargetError
from edgeseq.export.c import export_c
from edgeseq.graph import Graph
from edgeseq.measure.latency.result import Latency, RuntimeTime, Times
from edgeseq.measure.latency.runtimes import RUNTIMES, Precision, Runtime
from edgeseq.measure.latency.session import Job, Session, build_timed_library
from edgeseq.measure.process_runner import device_name
from edgeseq.quantize.types import QuantGraph

RUNS = 101
# Importing is timed in processes of its own, the one that runs the model included.
_IMPORTS = 3


def time_model(
    model: QuantGraph | Graph | Path,
    runtimes: Sequence[str],
    *,
    form: str | None = None,
    steps: int | None = None,
    precision: Precision = "int",
    threads: int = 1,
    runs: int = RUNS,
) -> Latency:
    """Time a model that edgeseq exports for each runtime, or a file as it is (Path), run by run in turn.

    form: by default step, or window for a model that needs whole ones; steps: time steps of a call of the other forms.
    precision: int for a QuantGraph alone. threads: of interpreters; the C code runs on one. Inputs are seeded noise over
    all codes. Raises TargetError for a runtime or a form that is not there, MissingExtraError for one that is not
    installed, EmulationError when a runtime refuses the model or crashes.
    """
    chosen = [_known(name) for name in dict.fromkeys(runtimes)]
    if isinstance(model, Path):
        form, used = None, None
    else:
        source = model.source if isinstance(model, QuantGraph) else model
        form, used = form or ("step" if source.window_reason is None else "window"), precision
    for runtime in chosen:
        _check(runtime, model, form, precision)
    for runtime in chosen:
        runtime.find()  # says what is missing before anything is compiled
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        jobs = [
            Job(runtime.name, str(model.resolve()), threads)
            if isinstance(model, Path)
            else make_job(runtime.name, model, form or "step", Path(scratch), steps=steps, precision=precision, threads=threads)
            for runtime in chosen
        ]
        rows = time_jobs(jobs, runs, imports=_IMPORTS)
    name = model.stem if isinstance(model, Path) else model.name
    scheme = model.scheme if isinstance(model, QuantGraph) and precision == "int" else None
    return Latency(name, scheme, form, used, device_name(), rows)


def _known(name: str) -> Runtime:
    if name not in RUNTIMES:
        raise TargetError(f"unknown runtime {name!r}; known: {', '.join(RUNTIMES)}")
    return RUNTIMES[name]


def _check(runtime: Runtime, model: QuantGraph | Graph | Path, form: str | None, precision: Precision) -> None:
    if isinstance(model, Path):
        if model.suffix != runtime.suffix:
            runs = [other.name for other in RUNTIMES.values() if other.suffix == model.suffix]
            also = "" if model.suffix == ".tflite" else ". Or add --calibration DATA to have the model exported for each"
            raise TargetError(
                f"{runtime.name} does not run {model.name}, which is timed as it is; it can be timed on: {', '.join(runs)}{also}"
            )
        return
    if form not in runtime.forms:
        raise TargetError(f"--form {form}: {runtime.name} has the forms {', '.join(runtime.forms)}")
    if precision not in runtime.precisions:
        raise TargetError(
            f"--precision {precision}: {runtime.name} runs {', '.join(runtime.precisions)}. Leave it out of --runtime"
        )


def time_jobs(jobs: Sequence[Job], runs: int = RUNS, *, imports: int = 1) -> tuple[RuntimeTime, ...]:
    """Time models that lie ready, run by run in turn; imports: how many processes import each runtime. Errors: `time_model`."""
    pythons = {job.runtime: RUNTIMES[job.runtime].find() for job in jobs}
    with contextlib.ExitStack() as stack:
        imported = {name: _import_times(python, name, imports - 1) for name, python in pythons.items()}
        sessions = [stack.enter_context(contextlib.closing(Session(pythons[job.runtime], job))) for job in jobs]
        taken: list[list[dict[str, float]]] = [[] for _ in sessions]
        for _ in range(runs):
            for session, found in zip(sessions, taken, strict=True):
                found.append(session.run())
        return tuple(
            _row(job, session, found, imported[job.runtime]) for job, session, found in zip(jobs, sessions, taken, strict=True)
        )


def make_job(
    name: str,
    model: QuantGraph | Graph,
    form: str,
    folder: Path,
    *,
    steps: int | None = None,
    precision: Precision = "int",
    threads: int = 1,
) -> Job:
    """Write or compile a model for a runtime into a folder that exists, in a form and precision that the runtime has."""
    runtime = RUNTIMES[name]
    bounds = model.input.code_range if isinstance(model, QuantGraph) and precision == "int" else None
    if runtime.make is not None:
        made = runtime.make(model, form, precision, steps)
        path = folder / f"{runtime.name}{runtime.suffix}"
        path.write_bytes(made.data)
        return Job(runtime.name, str(path), threads, bounds, made.sizes, made.steps)
    assert isinstance(model, QuantGraph)  # the precision was checked
    project = export_c(model, kernel_set="simd")
    window = project.window_steps or (steps or model.source.time_steps if form == "window" else None)
    if form == "window" and window is None:
        raise TargetError(f"--form window: model {model.name!r} takes any number of time steps; give --steps")
    (folder / "c").mkdir()
    library = build_timed_library(project, folder / "c", window)
    rows = window if window is not None and model.source.returns_sequence else 1
    return Job(
        runtime.name,
        str(library),
        bounds=bounds,
        steps=window or 1,
        features=project.input_size,
        dtype=project.input_dtype,
        outputs=project.output_size * max(rows, project.output_steps),
    )


def _import_times(python: str, runtime: str, count: int) -> list[float]:
    """Milliseconds, of so many fresh processes."""
    times = []
    for _ in range(count):
        with contextlib.closing(Session(python, Job(runtime, ""))) as session:
            times.append(float(session.ready["import_ms"]))
    return times


def _row(job: Job, session: Session, found: Sequence[dict[str, float]], imports: list[float]) -> RuntimeTime:
    ready = session.ready
    shape: list[int] = ready["shapes"][0] if ready["shapes"] else []
    return RuntimeTime(
        runtime=job.runtime,
        version=ready["version"],
        file_bytes=Path(job.file).stat().st_size,
        threads=job.threads,
        # Of a foreign file what its first input says, if that is (batch, time, features).
        steps=shape[1] if len(shape) == 3 else job.steps,
        states=ready["states"],
        import_ms=None if job.runtime == "c" else Times((*imports, float(ready["import_ms"]))),
        load_ms=ready["load_ms"],
        call_ns=Times(tuple(run["call"] for run in found)),
        invoke_ns=Times(tuple(run["invoke"] for run in found)) if "invoke" in found[0] else None,
    )
