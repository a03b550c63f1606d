"""`edgeseq choose`: data and a budget in, a measured recommendation out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from edgeseq.cli.amounts import DURATION, ENERGY, FREQUENCY, SIZE, TIME, FiniteRange
from edgeseq.cli.options import json_option
from edgeseq.cli.output import NOTES, Stages, progress, show
from edgeseq.cli.train_options import DATA_OPTIONS_BESIDE_TARGET, all_of
from edgeseq.data import DataOptions
from edgeseq.errors import SearchError, TargetError
from edgeseq.quantize.types import SCHEMES

if TYPE_CHECKING:
    from edgeseq.choose.budget import Budget
    from edgeseq.choose.configuration import TaskShape
    from edgeseq.choose.search.choose import Request
    from edgeseq.choose.search.proposals.target import Target
    from edgeseq.choose.search.trials.workers import Workers
    from edgeseq.data import DataSet
    from edgeseq.targets import Board, Core

INTERRUPTED = 130
MAX_UNITS = 1024


def _words(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(word.strip() for word in value.split(",") if word.strip())


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        found = None if value is None else tuple(int(word) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r}; expected whole numbers, such as 64,128") from None
    if found is not None and (not found or min(found) < 1):
        raise click.BadParameter(f"{value!r}; expected numbers from 1 on")
    return found


def _units(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Sizes of layers: a list, or smallest..largest of the usual ones."""
    from edgeseq.choose.search.proposals.space import SIZES

    if value is None or ".." not in value:
        sizes = _numbers(context, parameter, value)
        return None if sizes is None else _few_enough(value, tuple(sorted(set(sizes))))
    low, _, high = value.partition("..")
    if not (low.strip().isdigit() and high.strip().isdigit()) or not 1 <= int(low) <= int(high):
        raise click.BadParameter(f"{value!r} is contradictory; expected SMALLEST..LARGEST, such as 8..64, or a list 8,16,32")
    chosen = tuple(size for size in SIZES if int(low) <= size <= int(high))
    return _few_enough(value, chosen or (int(low),))


def _few_enough(value: str | None, sizes: tuple[int, ...]) -> tuple[int, ...]:
    if max(sizes) > MAX_UNITS:
        raise click.BadParameter(f"{value!r}; expected at most {MAX_UNITS} units")
    return sizes


_BUDGET = (
    click.option("--flash", type=SIZE, metavar="SIZE", help="Of the whole image, such as 24K.  [default: the target's]"),
    click.option("--ram", type=SIZE, metavar="SIZE", help="State, scratch, stack and app together.  [default: the target's]"),
    click.option("--latency", type=TIME, metavar="TIME", help="Of a decision, such as 2ms; needs a board or --clock."),
    click.option("--energy", type=ENERGY, metavar="ENERGY", help="Of a decision, such as 5uJ; needs a board with a current."),
    click.option("--clock", type=FREQUENCY, metavar="FREQUENCY", help="Clock of the core, such as 32MHz."),
    click.option(
        "--optimize",
        type=click.Choice(["auto", "speed", "size"]),
        default="auto",
        show_default=True,
        help="Kernels; auto takes those for speed where they fit.",
    ),
)
_SPACE = (
    click.option(
        "--cells", callback=_words, metavar="NAMES", help="gru, lstm, mgu, fastgrnn, mingru, rnn, hybrid, tcn, transformer."
    ),
    click.option("--units", callback=_units, metavar="SIZES", help="Of a layer: 8..64, or 8,16,32."),
    click.option("--layers", type=click.IntRange(1, 4), help="At most.  [default: 2]"),
    click.option("--schemes", callback=_words, metavar="NAMES", help=f"Of {', '.join(SCHEMES)}.  [default: all]"),
    click.option("--windows", callback=_numbers, metavar="STEPS", help="Time steps seen of a window.  [default: all and half]"),
    click.option(
        "--strides", callback=_numbers, metavar="STEPS", help="See every so many.  [default: 1, and 2 and 4 of long ones]"
    ),
)
_SEARCH = (
    click.option("--trials", type=click.IntRange(1), default=40, show_default=True, help="Candidates to train."),
    click.option("--time", "time_s", type=DURATION, metavar="DURATION", help="End in about this time, such as 20m."),
    click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="Of a candidate, at most."),
    click.option(
        "--patience", type=click.IntRange(1), default=8, show_default=True, help="Epochs without progress before a stop."
    ),
    click.option(
        "--validation-share",
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        help="Of the training windows.  [default: 0.1; of few windows or subjects up to 0.3]",
    ),
    click.option("--finalists", type=click.IntRange(1, 32), default=4, show_default=True, help="Candidates to measure."),
    click.option("--qat", is_flag=True, help="Train finalists with the integers too."),
    click.option("--qat-epochs", type=click.IntRange(1), default=8, show_default=True),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    click.option("--jobs", type=click.IntRange(1), help="Trials at a time.  [default: a core each]"),
    click.option("--storage", metavar="URL", help="Database of the study, as of SQLAlchemy.  [default: OUT/study.db]"),
    click.option("--study", default="edgeseq", show_default=True, help="Name of the study in the database."),
    click.option("--cluster", metavar="ADDRESS", help="Run trials on a Ray cluster: auto, or ray://HOST:10001."),
)


@click.command()
@click.option("--data", required=True, metavar="DATA", help="A .npz, a .csv, a folder of .wav files, or 'digits'.")
@click.option("--target", required=True, metavar="TARGET", help="A core or a board; 'edgeseq targets' lists them.")
@all_of(_BUDGET)
@all_of(_SPACE)
@all_of(_SEARCH)
@all_of(DATA_OPTIONS_BESIDE_TARGET)
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the search.")
@click.option(
    "--resume", is_flag=True, help="Go on with the search in OUT; all else as before, but --trials, --time and finalists."
)
@click.option(
    "--reuse",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    metavar="RUN",
    help="Take over what the search in RUN trained on the same data, for another target or budget.",
)
@click.option("--explain", is_flag=True, help="Say why each rejected candidate lost.")
@json_option
def choose(explain: bool, json_wanted: bool, out: Path, **settings: Any) -> None:
    """Find the network that fits a budget: search, measure the best, recommend one and say how sure that is."""
    from edgeseq.choose.search.choose import SearchInterrupted, remains
    from edgeseq.choose.search.choose import choose as search
    from edgeseq.report import choice

    words = click.get_current_context().find_root().obj or []
    with progress() as display:
        shown = _Shown(display)
        shown.stage("loading data", 1)
        request = _request(out, ["edgeseq", *words], settings)
        for note in request.data.notes:
            NOTES.print(escape(note if note.startswith("warning") else f"note: {note}"), highlight=False, soft_wrap=True)
        try:
            document, interrupted = search(request, shown).document, False
        except SearchInterrupted as stop:
            document, interrupted = stop.choice.document, True
    show(choice.as_text(document, explained=explain), document, json_wanted=json_wanted)
    if interrupted:
        NOTES.print(f"interrupted; {escape(remains(out))}", highlight=False, soft_wrap=True)
        sys.exit(INTERRUPTED)
    NOTES.print(f"written to {escape(str(out / 'results.json'))}", highlight=False, soft_wrap=True)


class _Shown:
    """Stages on stderr, and a line for each candidate that was worked on."""

    def __init__(self, display: Any) -> None:
        self._stages, self._display, self._total = Stages(display), display, 0

    def stage(self, words: str, total: int) -> None:
        """Begin a stage."""
        self._total = total
        self._stages.start(words, total)

    def advance(self, done: int, words: str) -> None:
        """Count one, and say what happened unless it merely did not fit."""
        self._stages.advance(done, f"{done}/{self._total}")
        if not words.endswith("does not fit"):
            self._display.console.print(f"  {done}/{self._total} {escape(words)}", highlight=False, soft_wrap=True)


def _request(out: Path, command: list[str], settings: dict[str, Any]) -> Request:
    """Turn the options into what is asked for. Raises EdgeseqError where they do not fit the data or the target."""
    from edgeseq.choose.about_data import task_shape
    from edgeseq.choose.metric import METRICS
    from edgeseq.choose.search.choose import Request
    from edgeseq.choose.search.loop import Search, SearchOptions
    from edgeseq.choose.search.proposals.space import default_space
    from edgeseq.choose.search.study.records import RunFolder
    from edgeseq.choose.search.trials.windows import prepare
    from edgeseq.report import as_json
    from edgeseq.targets import OPTIMIZE_MODES

    core, board = _resolved(settings["target"])  # before minutes of reading data
    names = {name: name for name in DataOptions.__dataclass_fields__} | {"target": "target_column"}
    share = settings["validation_share"]
    given = {name: settings[option] for name, option in names.items() if settings.get(option) is not None}
    data = prepare(loaded(settings["data"], given), settings["seed"], share)
    shape = task_shape(data)
    target = _target(settings, shape, core, board)
    fields = ("cells", "layers", "schemes", "windows", "strides")
    space = default_space(shape, data.task, sizes=settings["units"], **{name: settings[name] for name in fields})
    modes = OPTIMIZE_MODES if settings["optimize"] == "auto" else (settings["optimize"],)
    kept = ("trials", "time_s", "epochs", "patience", "finalists", "qat", "qat_epochs", "seed")
    options = SearchOptions(**{name: settings[name] for name in kept}, modes=modes)
    search = Search(space, _budget(settings, board or target.core), target, METRICS[data.task], options, RunFolder(out))
    workers = _workers(settings["cluster"], settings["jobs"])
    storage, study, resume = (settings[name] for name in ("storage", "study", "resume"))
    return Request(search, data, workers, as_json.measurement, command, storage, study, resume, settings["reuse"])


def loaded(place: str, given: dict[str, Any]) -> DataSet:
    """Load the data; where they are split by time, hold back what tells dozens of candidates apart, unless a share is given."""
    from edgeseq.choose.search.trials.windows import validating_share
    from edgeseq.data import load_data

    data = load_data(place, DataOptions(**given))
    if data.validation is None or "validation_share" in given:
        return data
    share = validating_share(data.train, len(data.validation))
    return load_data(place, DataOptions(**given, validation_share=share)) if share > DataOptions().validation_share else data


def _budget(settings: dict[str, Any], memory: Board | Core) -> Budget:
    """Return the limits: what has none given is all that there is, since an image beyond it cannot be linked."""
    from edgeseq.choose.budget import Budget
    from edgeseq.choose.search.proposals.amounts import NAMES, amount

    limits = {}
    for option, there in (("flash", memory.flash_bytes), ("ram", memory.ram_bytes)):
        limits[option] = settings[option] or there
        if limits[option] > there:
            field = f"{option}_bytes"
            raise TargetError(
                f"--{option} {limits[option]}: {memory.name} has {amount(field, there)} of {NAMES[field]} ({there} bytes)"
            )
    return Budget(limits["flash"], limits["ram"], settings["latency"], settings["energy"])


def _resolved(name: str) -> tuple[Core, Board | None]:
    """Return the core, and the board if the name is one's. Raises TargetError where nothing predicts costs there."""
    from edgeseq.choose.prediction.fitted import fitted_cores
    from edgeseq.targets import Core, board_names, load_board, resolve_target

    core, board = resolve_target(name)
    if not isinstance(core, Core) or core.name not in fitted_cores():
        why = "has no fitted predictor" if isinstance(core, Core) else "runs an operating system"
        known = (*fitted_cores(), *(board for board in board_names() if load_board(board).core.name in fitted_cores()))
        raise TargetError(f"{name} {why}; choosing is for {', '.join(known)}")
    return core, board


def _target(settings: dict[str, Any], shape: TaskShape, core: Core, board: Board | None) -> Target:
    """Return where it shall run."""
    from edgeseq.choose.search.proposals.predictor import predictor
    from edgeseq.choose.search.proposals.target import Target

    clock_hz, watts = settings["clock"], None
    if board is not None:
        board = board.at(clock_hz or board.clock_hz)
        clock_hz, watts = board.clock_hz, board.run_watts
    predict, errors = predictor(shape, core)
    sources = tuple(f"{section}: {source}" for section, source in board.sources) if board else ()
    return Target(settings["target"], core, predict, board.name if board else None, clock_hz, watts, errors, sources)


def _workers(cluster: str | None, jobs: int | None) -> Any:
    """Return what makes the workers, once the data are there."""

    def make(data: DataSet) -> Workers:
        if cluster is not None:
            from edgeseq.choose.search.trials.ray_workers import RayWorkers

            return RayWorkers(data, cluster, jobs)
        from edgeseq.choose.search.trials.workers import LocalWorkers, cores_here

        return LocalWorkers(data, jobs or cores_here())

    if cluster is not None and cluster != "auto" and not cluster.startswith("ray://"):
        raise SearchError(f"--cluster {cluster}: expected auto, or an address such as ray://HOST:10001")
    return make
