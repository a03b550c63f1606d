"""The music benchmark: whole pieces through lanes and chunks, the likelihoods it compares, its stored results."""

import json
import math

import numpy as np
import pytest

from benchmarks.music import Results, Run, chosen_rate, cut, integer_columns, nll, padded, unmeasured
from benchmarks.music_training import CELLS, NOTES, Schedule, Trainer, build, pack, train
from benchmarks.paths import RESULTS
from edgeseq.arith.activation import sigmoid_q15
from edgeseq.frontend import load_model
from edgeseq.quantize.types import SCHEMES

STEPS, LANES = 12, 3
LENGTHS = (4, 30, 12, 9, 2, 51, 13, 7)


def pieces(seed=0, lengths=LENGTHS):
    """Pieces in which every note tends to come back after four steps."""
    rng = np.random.default_rng(seed)
    made = []
    for length in lengths:
        bar = rng.random((4, NOTES)) < 0.05
        flips = rng.random((length, NOTES)) < 0.01
        made.append((bar[np.arange(length) % 4] ^ flips).astype(np.uint8))
    return made


def test_every_step_is_predicted_once():
    """Lanes hold each piece whole and in order, state reset at its start, and no short piece is cut."""
    chunks = pack(pieces(), LANES, STEPS)
    x, y, keep, real = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("x", "y", "keep", "real"))
    found = []
    for lane in range(LANES):
        starts = np.flatnonzero(keep[:, lane, 0] == 0)
        for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
            steps = start + np.flatnonzero(real[start:end, lane])
            assert (np.diff(steps) == 1).all()
            assert len(steps) > STEPS or steps[0] // STEPS == steps[-1] // STEPS
            found.append((x[steps, lane].tobytes(), y[steps, lane].tobytes()))
    assert sorted(found) == sorted((piece[:-1].tobytes(), piece[1:].tobytes()) for piece in pieces())
    assert real.sum() == sum(LENGTHS) - len(LENGTHS)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_trainer_computes_what_keras_computes(cell):
    """NLL over lanes and chunks is that of Keras' predictions, piece by piece, and training lowers it."""
    trainer = Trainer(cell, Schedule(LANES, STEPS, epochs=1, patience=1), rate=3e-3, seed=0)
    rng = np.random.default_rng(1)
    # Weak enough that no probability rounds to 1 in float32.
    trainer.model.set_weights([rng.normal(0, 0.2, w.shape) for w in trainer.model.get_weights()])
    x, y, real = padded(pieces())
    # Both are float32 sums of about 88 logarithms of a few nats.
    before = trainer.nll(pieces())
    assert before == pytest.approx(nll(trainer.model.predict(x, verbose=0), y, real), rel=1e-5)
    for _ in range(5):
        trainer.epoch(pieces())
    assert trainer.nll(pieces()) < before


@pytest.mark.slow
def test_training_keeps_the_best_epoch():
    """The weights that are returned are those that validated best, and patience ends the run."""
    result = train("gru", Schedule(LANES, STEPS, epochs=12, patience=2), -3.0, 0, pieces(0), pieces(1))
    assert result.trainer.nll(pieces(1)) == pytest.approx(result.valid, rel=1e-6)
    assert result.epochs in (12, result.best_epoch + 2)
    untrained = Trainer("gru", Schedule(LANES, STEPS, epochs=1, patience=1), rate=1e-3, seed=0)
    assert result.valid < untrained.nll(pieces(1))


@pytest.mark.parametrize("cell", CELLS)
def test_integers_are_measured_on_the_same_streams(cell):
    """The float reference has Keras' NLL; 8-bit weights are within 1 % of it and 4-bit ones within 5 %, but not equal."""
    model = build(cell, units=8)
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    x, y, real = padded(pieces())
    row = integer_columns(load_model(model), {"train": pieces(3), "test": pieces()}, 12)
    assert row["reference_nll"] == pytest.approx(nll(model.predict(x, verbose=0), y, real), rel=1e-5)
    for scheme in SCHEMES:
        assert row[f"{scheme}_nll"] == pytest.approx(row["reference_nll"], rel=0.05 if scheme.endswith("4") else 0.01)
        assert row[f"{scheme}_nll"] != row["reference_nll"]


def test_nll_counts_played_and_silent_notes():
    """-log p for a played note, -log(1 - p) for a silent one, summed over notes, averaged over real steps."""
    probabilities = np.array([[[0.5, 0.25], [0.1, 0.1], [0.9, 0.9]]])
    y = np.array([[[1, 0], [0, 1], [1, 1]]], np.uint8)
    wanted = -(math.log(0.5) + math.log(0.75) + math.log(0.9) + math.log(0.1)) / 2
    assert nll(probabilities, y, np.array([[True, True, False]])) == pytest.approx(wanted, rel=1e-12)


def test_no_integer_probability_is_0_or_1():
    """Over all pre-activations and shifts the integer sigmoid gives 1 to 32767, so every likelihood is finite."""
    values = np.arange(-32768, 32768, dtype=np.int32)
    for shift in range(8):
        out = sigmoid_q15(values << shift)
        assert out.min() >= 1
        assert out.max() <= 32767


def test_results_go_on_where_they_stopped(tmp_path):
    """A finished run is found again after a restart, and the rate is chosen by validation of the first seed."""
    rows = [
        {"data": "jsb", "cell": "gru", "seed": 0, "log_rate": -5.0, "valid_nll": 8.5, "test_nll": 8.1},
        {"data": "jsb", "cell": "gru", "seed": 0, "log_rate": -6.0, "valid_nll": 8.4, "test_nll": 8.9},
        {"data": "jsb", "cell": "gru", "seed": 1, "log_rate": -5.0, "valid_nll": 8.0, "test_nll": 8.0},
        {"data": "jsb", "cell": "rnn", "seed": 0, "log_rate": -5.0, "valid_nll": 8.0, "test_nll": 8.0},
    ]
    results = Results(tmp_path / "music.json")
    for row in rows:
        results.add(row)
    again = Results(tmp_path / "music.json")
    assert again.rows == rows
    assert again.row_of(Run("jsb", "gru", 0, -6.0)) == rows[1]
    assert again.row_of(Run("jsb", "gru", 1, -6.0)) is None
    assert chosen_rate(again.rows, "jsb", "gru") == -6.0


def test_a_model_trained_again_keeps_its_row_if_it_is_the_same(tmp_path):
    """Columns of another model would not belong together with the new one's."""
    row = {"data": "jsb", "cell": "gru", "seed": 0, "log_rate": -5.0, "valid_nll": 8.5, "test_nll": 8.1, "epochs": 30}
    results = Results(tmp_path / "music.json")
    results.add(row | {"int8_nll": 8.2})
    run = Run("jsb", "gru", 0, -5.0)
    assert unmeasured(results, ["jsb"], ["gru"], ["int8_nll"]) == []
    results.renew(row | {"test_nll": 8.1 + 1e-7})
    assert results.row_of(run) == row | {"int8_nll": 8.2}
    results.renew(row | {"test_nll": 8.11, "epochs": 31})
    assert Results(results.path).rows == [row | {"test_nll": 8.11, "epochs": 31}]
    assert unmeasured(results, ["jsb"], ["gru"], ["int8_nll"]) == [run]


def test_stored_results_are_complete():
    """Every chosen model was measured as integers, and the float reference agrees with training's own NLL."""
    rows = json.loads((RESULTS / "music.json").read_text())
    assert {(row["data"], row["cell"]) for row in rows} == {(d, c) for d in ("jsb", "piano", "nottingham") for c in CELLS}
    chosen = [row for row in rows if row["log_rate"] == chosen_rate(rows, row["data"], row["cell"])]
    for row in chosen:
        assert row["reference_nll"] == pytest.approx(row["test_nll"], rel=1e-5)
        assert all(f"{scheme}_nll" in row for scheme in SCHEMES)


def test_windows_predict_each_step_once():
    """Cut or whole, a piece has the same pairs of a step and the one after it."""
    piece = np.arange(23).reshape(-1, 1)
    for steps in (1, 4, 11, 22, 30):
        windows = cut(piece, steps)
        assert max(map(len, windows)) <= steps + 1
        assert np.array_equal(np.concatenate([window[:-1] for window in windows]), piece[:-1])
        assert np.array_equal(np.concatenate([window[1:] for window in windows]), piece[1:])
