"""tanh, GRU and LSTM cells of equal size on polyphonic music, float and int8: Chung et al. 2014 (arXiv 1412.3555), Table 2.

Usage: python -m benchmarks.music [--data jsb,piano,nottingham] [--cells rnn,gru,lstm] [--seeds 3] [--jobs 2] [--models FOLDER]
           [--qat int8x4]

Trains at every learning rate with the first seed and at the rate that validates best with the others, then measures the
trained models as integers: rounded, and with --qat trained further in those schemes. Writes benchmarks/results/music.json
after every model, and goes on from there. The models lie in FOLDER (default: edgeseq/music in the user's cache folder)
for whoever measures more of them. One that is wanted and gone is trained again; where it comes out as another model (XLA's
sums differ from processor to processor), its row is measured anew.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.music_training import CELLS, Roll, Schedule, train
from benchmarks.paths import RESULTS, shared
from edgeseq.frontend import load_model
from edgeseq.graph import Graph
from edgeseq.graph.reference import forward
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.quantize.types import SCHEMES, Scheme
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import dequantize_output, quantize_input
from edgeseq.train.backend import import_keras

Row = dict[str, Any]
PARTS = ("train", "valid", "test")
CALIBRATION_PIECES = 64
# Pieces per update of the training with integers, as in the float training; longer ones are cut into windows of so many
# time steps, each from zero states: padded to the longest, Nottingham would be seven times as many steps.
QAT_PIECES, QAT_STEPS = 8, 256
# Nats per step between two trainings of the same model on two processors, where it comes out the same.
SAME_MODEL = 2e-6


@dataclass(frozen=True, slots=True)
class Task:
    """file: in music/. log_rates: natural logarithms of the learning rates tried.

    calibration_steps: first steps of the training pieces that are at least that long.
    """

    file: str
    schedule: Schedule
    log_rates: tuple[float, ...]
    calibration_steps: int


TASKS = {
    "jsb": Task("jsb_chorales.npz", Schedule(lanes=8, steps=160, epochs=600, patience=40), (-5.0, -5.5, -6.0), 60),
    "piano": Task("piano_midi.npz", Schedule(lanes=8, steps=200, epochs=100, patience=8), (-6.0,), 300),
    "nottingham": Task("nottingham.npz", Schedule(lanes=8, steps=100, epochs=60, patience=10), (-5.0,), 200),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One training run; its row in the results file has the same four values."""

    data: str
    cell: str
    seed: int
    log_rate: float

    @property
    def model_name(self) -> str:
        """File name of the trained model."""
        return f"{self.data}_{self.cell}_seed{self.seed}_rate{-self.log_rate:g}.keras"


def run_of(row: Row) -> Run:
    """Return the run that a row is of."""
    return Run(row["data"], row["cell"], row["seed"], row["log_rate"])


def load_pieces(name: str) -> dict[str, list[Roll]]:
    """Return the pieces of each part, (steps, 88) of 0 and 1."""
    folder = shared("data")
    if folder is None:
        raise FileNotFoundError("no data sets: set EDGESEQ_SHARED to the folder that holds data/")
    with np.load(folder / "music" / TASKS[name].file) as data:
        return {part: np.split(data[f"roll_{part}"], np.cumsum(data[f"len_{part}"])[:-1]) for part in PARTS}


def trained_row(run: Run, folder: Path) -> Row:
    """Train one model, save it, and return its row."""
    import tensorflow as tf

    # Runs go side by side, one core each.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    pieces, schedule = load_pieces(run.data), TASKS[run.data].schedule
    result = train(run.cell, schedule, run.log_rate, run.seed, pieces["train"], pieces["valid"])
    folder.mkdir(parents=True, exist_ok=True)
    result.model.save(folder / run.model_name)
    return {
        **asdict(run),
        "units": CELLS[run.cell],
        "parameters": result.model.count_params(),
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "seconds": round(result.seconds),
        **{f"{part}_nll": result.trainer.nll(pieces[part]) for part in PARTS},
    }


def padded(pieces: Sequence[Roll]) -> tuple[Roll, Roll, np.ndarray]:
    """Return (x, y, real): (pieces, steps, 88) twice, y one step ahead, and where y is of the piece.

    A cell sees the padding after its piece only, where nothing counts.
    """
    longest = max(len(piece) for piece in pieces) - 1
    x, y = np.zeros((2, len(pieces), longest, pieces[0].shape[1]), np.uint8)
    real = np.zeros((len(pieces), longest), bool)
    for index, piece in enumerate(pieces):
        steps = slice(0, len(piece) - 1)
        x[index, steps], y[index, steps], real[index, steps] = piece[:-1], piece[1:], True
    return x, y, real


def cut(piece: Roll, steps: int) -> list[Roll]:
    """Windows of at most so many predicted steps that follow each other; the last step of one is the first of the next."""
    return [piece[start : start + steps + 1] for start in range(0, len(piece) - 1, steps)]


def nll(probabilities: np.ndarray, y: Roll, real: np.ndarray) -> float:
    """Nats per time step: summed over notes, averaged over the real steps of all pieces."""
    p, played = probabilities[real].astype(np.float64), y[real] != 0
    return float(-np.log(np.where(played, p, 1.0 - p)).sum() / len(p))


def calibration(pieces: Sequence[Roll], steps: int) -> np.ndarray:
    """Return the first steps of training pieces, (pieces, steps, 88)."""
    return np.stack([piece[:steps] for piece in pieces if len(piece) >= steps][:CALIBRATION_PIECES])


def integer_columns(graph: Graph, pieces: dict[str, list[Roll]], calibration_steps: int) -> Row:
    """Test NLL of the float graph by edgeseq's reference and of its integers in every scheme, over the same streams.

    No integer probability is 0 or 1: the sigmoid's outputs are 1 to 32767 steps of 2^-15.
    """
    x, y, real = padded(pieces["test"])
    columns: Row = {"reference_nll": nll(forward(graph, x).outputs, y, real)}
    for scheme in SCHEMES:
        quantized = quantize(graph, calibration(pieces["train"], calibration_steps), scheme, input_dtype="int8")
        columns[f"{scheme}_nll"] = integer_nll(quantized, pieces["test"])
    return columns


def integer_nll(quantized: QuantGraph, pieces: Sequence[Roll]) -> float:
    """Return the NLL of a quantised model over whole pieces."""
    x, y, real = padded(pieces)
    codes = quantize_input(quantized.input, x.astype(np.float32))
    return nll(dequantize_output(quantized, Oracle(quantized, batch=len(x)).run(codes).outputs), y, real)


def tuned_columns(model: Path, pieces: dict[str, list[Roll]], scheme: Scheme, seed: int) -> Row:
    """Test NLL of the model after training with a scheme's integers, the float model as teacher."""
    import_keras()
    from edgeseq.train.qat import QatRecipe, fine_tune, load

    examples = []
    for part in ("train", "valid"):
        x, y, real = padded([window for piece in pieces[part] for window in cut(piece, QAT_STEPS)])
        examples.append((x.astype(np.float32), y, real.astype(np.float32)))
    recipe = QatRecipe(scheme, batch_size=QAT_PIECES, input_dtype="int8", seed=seed)
    tuned = fine_tune(load(model), examples[0], examples[1], recipe, loss="binary_crossentropy", metrics=())
    return {f"{scheme}_qat_nll": integer_nll(quantize(load_model(tuned.model)), pieces["test"])}


def chosen_rate(rows: Iterable[Row], data: str, cell: str) -> float:
    """Return the log rate that validates best with the first seed."""
    candidates = [row for row in rows if (row["data"], row["cell"], row["seed"]) == (data, cell, 0)]
    return float(min(candidates, key=lambda row: row["valid_nll"])["log_rate"])


class Results:
    """The rows of the results file, written after each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = json.loads(path.read_text()) if path.exists() else []

    def row_of(self, run: Run) -> Row | None:
        """Return the row of a finished run."""
        return next((row for row in self.rows if run_of(row) == run), None)

    def lacks(self, run: Run, columns: Iterable[str]) -> bool:
        """Whether the row of a run has not got one of the columns yet."""
        row = self.row_of(run) or {}
        return any(column not in row for column in columns)

    def add(self, row: Row) -> None:
        """Append a row, or its new columns to the row of the same run, and save."""
        known = self.row_of(run_of(row))
        if known is None:
            self.rows.append(row)
        else:
            known.update(row)
        self._save(row)

    def renew(self, row: Row) -> None:
        """Take the row of a run that was trained again: columns of the old model go, unless it is the same one."""
        known = self.row_of(run_of(row))
        assert known is not None
        if abs(known["test_nll"] - row["test_nll"]) > SAME_MODEL:
            known.clear()
            known.update(row)
        self._save(row)

    def _save(self, row: Row) -> None:
        """A kill leaves the old file or the new."""
        print(json.dumps(row), file=sys.stderr, flush=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.rows, indent=1) + "\n")
        new.replace(self.path)


def rounds(results: Results, data: Sequence[str], cells: Sequence[str], seeds: int) -> Iterator[list[Run]]:
    """Yield runs that may go side by side: all rates with the first seed, then the best rate with the other seeds."""
    for name in data:
        yield [Run(name, cell, 0, rate) for rate in TASKS[name].log_rates for cell in cells]
        rates = {cell: chosen_rate(results.rows, name, cell) for cell in cells}
        yield [Run(name, cell, seed, rates[cell]) for seed in range(1, seeds) for cell in cells]


def integer_row(run: Run, folder: Path) -> Row:
    """Measure the saved model of a run."""
    graph = load_model(folder / run.model_name)
    return asdict(run) | integer_columns(graph, load_pieces(run.data), TASKS[run.data].calibration_steps)


def tuned_row(run: Run, folder: Path, scheme: Scheme) -> Row:
    """Train the saved model of a run further and measure it."""
    return asdict(run) | tuned_columns(folder / run.model_name, load_pieces(run.data), scheme, run.seed)


def unmeasured(results: Results, data: Sequence[str], cells: Sequence[str], columns: Sequence[str]) -> list[Run]:
    """Return the runs at a chosen rate that lack one of the columns."""
    found = []
    for row in results.rows:
        run = run_of(row)
        if not results.lacks(run, columns) or run.data not in data or run.cell not in cells:
            continue
        if run.log_rate == chosen_rate(results.rows, run.data, run.cell):
            found.append(run)
    return found


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=",".join(TASKS))
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--qat", default="", help="schemes to train the models further in")
    parser.add_argument("--jobs", type=int, default=2)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--models", type=Path, default=cache / "edgeseq" / "music")
    parser.add_argument("--out", type=Path, default=RESULTS / "music.json")
    arguments = parser.parse_args()
    data, cells = arguments.data.split(","), arguments.cells.split(",")
    for names, known in ((data, TASKS), (cells, CELLS)):
        if unknown := sorted(set(names) - set(known)):
            parser.error(f"unknown: {', '.join(unknown)}; expected some of {','.join(known)}")
    results = Results(arguments.out)
    # One core a run: BLAS threads that wait for each other on a busy machine cost ten times the work itself.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    # spawn: workers read those variables when they load numpy, and a TensorFlow that was forked hangs.
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:

        def side_by_side(
            jobs: Iterable[tuple[Callable[[Run, Path], Row], Run]], keep: Callable[[Row], None] = results.add
        ) -> None:
            for done in as_completed([pool.submit(work, run, arguments.models) for work, run in jobs]):
                keep(done.result())

        for runs in rounds(results, data, cells, arguments.seeds):
            side_by_side((trained_row, run) for run in runs if results.row_of(run) is None)
        tuned = {scheme: f"{scheme}_qat_nll" for scheme in arguments.qat.split(",") if scheme}
        rounded = [f"{scheme}_nll" for scheme in SCHEMES]
        wanted = unmeasured(results, data, cells, [*rounded, *tuned.values()])
        # Row by row: all of a row is of one model, and another machine may train another.
        for at in range(0, len(wanted), arguments.jobs):
            runs = wanted[at : at + arguments.jobs]
            gone = [run for run in runs if not (arguments.models / run.model_name).exists()]
            side_by_side(((trained_row, run) for run in gone), results.renew)
            side_by_side((integer_row, run) for run in runs if results.lacks(run, rounded))
            side_by_side(
                (functools.partial(tuned_row, scheme=scheme), run)
                for run in runs
                for scheme, column in tuned.items()
                if results.lacks(run, [column])
            )


if __name__ == "__main__":
    main()
