"""The training loop: the same seed gives the same weights, and an interrupted or killed run goes on as if nothing happened."""

import itertools
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeseq.data import DataSet, Part
from edgeseq.errors import OutputError, TrainingError
from edgeseq.train import Recipe, train
from edgeseq.train import fit as fit_module
from edgeseq.train.backend import import_keras
from edgeseq.train.checkpoint import Checkpoint, Counters, read_checkpoint
from edgeseq.train.fit import _compile_step as compile_step
from edgeseq.train.fit import fit
from edgeseq.train.tasks import Examples

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (80, 6, 2)).astype(np.float32)
Y = (X[:, -1, 0] > 3).astype(np.int64)
DATA = DataSet("d", Part(X[:60], Y[:60]), Part(X[60:], Y[60:]))
RECIPE = Recipe(cell="rnn", units=6, epochs=4, dropout=0.2, batch_size=16)
NOISE = DataSet("d", Part(X[:60], RNG.integers(0, 2, 60)), Part(X[60:], Y[60:]))


@pytest.fixture(scope="module")
def whole():
    """The run that never stopped."""
    return train(DATA, RECIPE)


def weights(result) -> list:
    return result.model.get_weights()


def same(a, b) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(weights(a), weights(b), strict=True))


def without_time(history) -> list:
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history]


def test_a_seed_is_a_model(whole):
    """The same seed gives the same weights and history to the bit; another gives others."""
    again, other = train(DATA, RECIPE), train(DATA, replace(RECIPE, seed=1))
    assert same(whole, again)
    assert without_time(whole.history) == without_time(again.history)
    assert not same(whole, other)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["gru", "lstm", "gru+lstm"])
def test_a_seed_is_a_model_of_any_cell(cell):
    """The same for the gated cells and a stack of both."""
    recipe = replace(RECIPE, cell=cell)
    assert same(train(DATA, recipe), train(DATA, recipe))


@pytest.fixture
def compiled(monkeypatch):
    """Models whose step XLA compiled: all, however short the fit."""
    models = []
    monkeypatch.setattr(fit_module, "COMPILED_STEPS", 0)
    monkeypatch.setattr(fit_module, "_compile_step", lambda model: (models.append(model), compile_step(model)))
    return models


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "masked"), [("gru", True), ("lstm", False), ("fastgrnn", True)])
def test_a_compiled_step_trains_alike(cell, masked, compiled, monkeypatch):
    """The losses of a fit without XLA, but for the order of sums."""
    lengths = {"lengths": np.arange(60) % 6 + 1} if masked else {}
    data = replace(DATA, train=replace(DATA.train, **lengths))
    recipe = replace(RECIPE, cell=cell, bidirectional=cell == "lstm", dropout=0.0)
    found = train(data, recipe)
    assert len(compiled) == 1
    monkeypatch.setattr(fit_module, "COMPILED_STEPS", 10**9)
    plain = train(data, recipe)
    assert len(compiled) == 1
    for name in ("loss", "val_loss"):
        assert [epoch[name] for epoch in found.history] == pytest.approx([epoch[name] for epoch in plain.history], rel=1e-4)


@pytest.mark.slow
def test_a_compiled_fit_resumes(compiled, tmp_path):
    """A fit that was interrupted and resumed, in other calls, has the weights of one that was not."""

    def interrupt(done: float, _) -> None:
        if done > 1.4:
            raise KeyboardInterrupt

    whole, path = train(DATA, RECIPE), tmp_path / "last.npz"
    train(DATA, RECIPE, checkpoint=path, watch=interrupt)
    assert same(whole, train(DATA, RECIPE, checkpoint=path, resume=True))
    assert len(compiled) == 3


@pytest.mark.parametrize("stop_after", [1, 3])
def test_resumed_is_uninterrupted(stop_after, whole, tmp_path):
    """Ctrl-C in the middle of an epoch, then resume: weights, optimizer and history of a run that never stopped."""

    def interrupt(done: float, _) -> None:
        if done > stop_after + 0.4:
            raise KeyboardInterrupt

    path = tmp_path / "last.npz"
    cut = train(DATA, RECIPE, checkpoint=path, watch=interrupt)
    assert (cut.status, cut.epochs_run) == ("interrupted", stop_after)
    assert cut.metrics["accuracy"] >= 0
    resumed = train(DATA, RECIPE, checkpoint=path, resume=True)
    assert resumed.status == "complete"
    assert same(whole, resumed)
    assert without_time(whole.history) == without_time(resumed.history)


def test_interrupted_before_the_first_epoch(tmp_path):
    """Nothing is claimed of a run without one complete epoch."""

    def interrupt(done: float, _) -> None:
        raise KeyboardInterrupt

    result = train(DATA, RECIPE, checkpoint=tmp_path / "last.npz", watch=interrupt)
    assert (result.status, result.model, result.metrics, result.epochs_run) == ("interrupted", None, {}, 0)


def test_a_watch_hears_of_an_epoch_once():
    """With the figures of that epoch, after it was validated; within an epoch, with those of the epochs before."""
    heard = []
    result = train(DATA, RECIPE, watch=lambda done, logs: heard.append((done, dict(logs))))
    ends = {done: logs for done, logs in heard if done == int(done)}
    assert list(ends) == [1 + epoch for epoch in range(result.epochs_run)]
    assert len(ends) == sum(done == int(done) for done, _ in heard)
    assert [ends[1 + epoch] for epoch in range(result.epochs_run)] == [dict(logs) for logs in result.history]
    assert all(logs == (ends[int(done)] if done > 1 else {}) for done, logs in heard if done != int(done))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_patience_and_halving():
    """On noise, validation soon stalls: four epochs halve the rate, `patience` ends the run, and the best epoch is kept."""
    result = train(NOISE, Recipe(cell="rnn", units=16, epochs=60, patience=6, learning_rate=0.03, batch_size=8))
    values = [epoch["val_loss"] for epoch in result.history]
    rates = [round(epoch["learning_rate"], 6) for epoch in result.history]
    assert result.status == "stopped early"
    assert result.best_epoch == int(np.argmin(values)) + 1 == len(values) - 6
    assert rates[result.best_epoch + 3] == 2 * rates[result.best_epoch + 4]


def test_counters():
    """Waiting counts epochs since the best; halving starts its own count anew."""
    counters = Counters()
    for value, halved in ((1.0, False), (2.0, False), (3.0, True), (2.0, False), (0.5, False)):
        counters = counters.after({"val_loss": value}, halved=halved)
    assert (counters.epoch, counters.best_epoch, counters.waited, counters.stalled) == (5, 5, 0, 0)
    states = list(itertools.accumulate([2.0, 2.0], lambda c, v: c.after({"val_loss": v}, halved=False), initial=counters))
    assert [(c.waited, c.stalled) for c in states] == [(0, 0), (1, 1), (2, 2)]


def test_a_loss_of_nan_says_when(tmp_path):
    """Any compiled model fits; an epoch whose loss is no number ends it, and the epochs before stay in the checkpoint."""
    keras = import_keras()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mean_absolute_error")
    examples = Examples(RNG.normal(0, 1, (40, 3)).astype(np.float32), np.zeros((40, 1), np.float32))

    def poison(done: float, _) -> None:
        if done == 3:
            examples.x[5] = np.nan

    path = tmp_path / "last.npz"
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 4; lower --learning-rate"):
        fit(keras, model, examples, Examples(examples.x[:4], examples.y[:4]), Recipe(), checkpoint=path, watch=poison)
    assert read_checkpoint(path).counters.epoch == 3


def test_checkpoints_that_do_not_fit(tmp_path):
    """A checkpoint of another model, a damaged one and none at all each say so."""
    path = tmp_path / "last.npz"
    with pytest.raises(TrainingError, match="no such checkpoint"):
        train(DATA, RECIPE, checkpoint=path, resume=True)
    train(DATA, Recipe(cell="rnn", units=3, epochs=1), checkpoint=path)
    with pytest.raises(TrainingError, match="do not fit"):
        train(DATA, RECIPE, checkpoint=path, resume=True)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        train(DATA, RECIPE, checkpoint=path, resume=True)


def test_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    """A checkpoint that cannot be written is an error; the one before it stays whole."""
    path = tmp_path / "last.npz"
    Checkpoint(Counters(), [], [], []).write(path)
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        train(DATA, Recipe(cell="rnn", units=3, epochs=2), checkpoint=path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["last.npz"]


KILLED = """
import os, signal, sys
from pathlib import Path
from edgeseq.train import train
from tests.train.test_fit import DATA, RECIPE

def kill(done, _):
    if done > 2.4:
        os.kill(os.getpid(), signal.SIGKILL)

train(DATA, RECIPE, checkpoint=Path(sys.argv[1]), watch=kill)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_goes_on(whole, tmp_path):
    """A kill -9 in the middle of the third epoch: resuming gives the model of a run that never stopped."""
    path = tmp_path / "last.npz"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert read_checkpoint(path).counters.epoch == 2
    assert same(whole, train(DATA, RECIPE, checkpoint=path, resume=True))
