"""Fine-tuning, its start, its teacher and its pruning."""

import time

import numpy as np
import pytest

from edgeseq.errors import DataError, TrainingError, UnsupportedModelError
from edgeseq.frontend import load_model
from edgeseq.quantize import quantize
from tests.train.qat_models import FEATURES, STEPS, WINDOWS, cells, float_model, raw


@pytest.mark.parametrize("block", [(1, 4), (2, 2), (5, 3)])
def test_block_mask_takes_the_smallest_blocks(keras, block):
    """The share of zero blocks is exact, they are the smallest by mean square, and edges count as blocks."""
    from edgeseq.train.qat.prune import block_mask

    weight = np.random.default_rng(0).normal(0, 1, (10, 11))
    mask = block_mask(weight, 0.5, block)
    kept, gone = [], []
    for row in range(0, 10, block[0]):
        for column in range(0, 11, block[1]):
            part = (slice(row, row + block[0]), slice(column, column + block[1]))
            assert mask[part].all() or not mask[part].any()
            (kept if mask[part].all() else gone).append(float((weight[part] ** 2).mean()))
    assert len(gone) == round(0.5 * (len(kept) + len(gone)))
    assert max(gone) <= min(kept)


def test_blocks_start_anew_with_every_gate(keras):
    """Blocks of four units never reach into the next gate: kernels read four units of one gate at a time."""
    from edgeseq.train.qat.prune import block_mask

    mask = block_mask(np.random.default_rng(0).normal(0, 1, (3 * 6, 8)), 0.5, (4, 4), units=6).reshape(3, 6, 2, 4)
    for units in (mask[:, :4], mask[:, 4:]):
        assert (units.all(axis=(1, 3)) | ~units.any(axis=(1, 3))).all()
    assert (~mask[:, [0, 4]].all(axis=3)).sum() == 6  # half of 3 gates, 2 groups of units, 2 groups of columns


@pytest.mark.parametrize("scheme", [None, "int8", "int8x4"], ids=["float", "int8", "int8x4"])
def test_pruned_weights_are_zero_in_the_codes(keras, qat, scheme):
    """Blocks pruned while training are zero codes after export, float models included, and the ramp ends on time."""
    model = float_model(keras, keras.layers.GRU(8), keras.layers.Dense(2))
    model = model if scheme is None else qat.prepare(model, raw(), scheme)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    epochs = 4
    pruning = qat.Pruning(0.5)
    callbacks = [qat.Prune(model, pruning, epochs), *([qat.Rescale()] if scheme else [])]
    model.fit(raw(), np.ones((WINDOWS, 2)), epochs=epochs, batch_size=8, verbose=0, callbacks=callbacks)
    quantized = quantize(load_model(model), raw())
    for matrix in quantized.layers[0].matrices:
        rows, columns = matrix.weight.shape
        padded = np.zeros((rows, -(-columns // 4) * 4), np.int8)
        padded[:, :columns] = matrix.weight
        zero = (padded.reshape(rows, -1, 4) == 0).all(axis=2)
        assert zero.mean() >= 0.5
    assert pruning.at(0.0) == 0.0
    assert pruning.at(0.3) == pytest.approx(0.5 * (1 - 0.5**3))
    assert pruning.at(0.6) == pruning.at(1.0) == 0.5


def test_student_follows_its_teacher(keras, qat):
    """With weight 1 the labels do not matter and the student's outputs approach the teacher's; mixes are checked."""
    layers = keras.layers
    teacher, other = (float_model(keras, layers.GRU(8), layers.Dense(3, activation="softmax"), seed=seed) for seed in (3, 4))
    student = qat.prepare(other, raw(), "int8x4")
    wrong = (np.asarray(teacher(raw())).argmax(axis=1) + 1) % 3

    def distance():
        return float(np.abs(np.asarray(student(raw())) - np.asarray(teacher(raw()))).mean())

    before = distance()
    distiller = qat.Distiller(student, teacher, qat.Distillation(weight=1.0))
    distiller.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    distiller.fit(raw(), wrong, epochs=30, batch_size=WINDOWS, verbose=0)
    assert distance() < 0.7 * before
    with pytest.raises(DataError, match=r"weight 2; expected 0"):
        qat.Distillation(weight=2.0)
    with pytest.raises(UnsupportedModelError, match="they must agree"):
        qat.Distiller(student, float_model(keras, layers.GRU(4), layers.Dense(2)), qat.Distillation())


def test_fine_tuning_recovers_what_four_bits_and_pruning_lose(keras, qat):
    """Training at 4 bits and 50 % zeros fits a sum over time better than pruning and rounding the float model at once."""
    from edgeseq.train.qat.prune import block_mask, prunable_kernels
    from edgeseq.train.qat.rescale import rescale

    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (512, STEPS, FEATURES)).astype(np.float32)
    y = (x[:, :, 0].sum(axis=1) > x[:, :, 1].sum(axis=1)).astype(np.int64)
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None, FEATURES)), layers.GRU(8), layers.Dense(2, activation="softmax")])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    model.fit(x[:448], y[:448], epochs=12, batch_size=64, verbose=0)
    held_out = (x[448:], y[448:], None)
    recipe = qat.QatRecipe("int8x4", epochs=5, learning_rate=3e-3, pruning=qat.Pruning(0.5))
    seen = []
    tuned = qat.fine_tune(
        model, (x[:448], y[:448], None), held_out, recipe, progress=lambda done, total, _: seen.append((done, total))
    )
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert tuned.epochs_run == 5

    def loss(each):
        return float(keras.losses.sparse_categorical_crossentropy(y[:448], each(x[:448])).numpy().mean())

    at_once = qat.prepare(model, x[:448], "int8x4")
    for kernel, _ in prunable_kernels(at_once):
        weight = np.asarray(kernel)
        kernel.assign(weight * block_mask(weight.T, 0.5, (1, 4)).T)
    rescale(at_once)
    assert loss(tuned.model) < 0.95 * loss(at_once)
    # The kept epoch is the one nearest the teacher.
    kept = qat.Distiller(tuned.model, model, recipe.distillation)
    kept.compile(loss="sparse_categorical_crossentropy")
    assert min(tuned.history["val_loss"][3:]) == pytest.approx(kept.evaluate(*held_out[:2], verbose=0), rel=1e-4)
    assert (quantize(load_model(tuned.model)).layers[0].recurrent.weight == 0).mean() >= 0.5  # 8 columns: whole blocks
    assert model.trainable
    missing = (x[:64], np.full((64, 2), np.nan, np.float32), None)
    with pytest.raises(TrainingError, match="loss became NaN in epoch 1 of quantisation-aware training"):
        qat.fine_tune(model, missing, missing, qat.QatRecipe(epochs=1), loss="mse", metrics=())


def seconds_of_an_epoch(model, x, y):
    """Processor time of the cheaper of two epochs, after one that compiles."""
    model.compile(optimizer="adam", loss="mse")
    model.fit(x, y, batch_size=64, verbose=0)
    spent = []
    for _ in range(2):
        start = time.process_time()
        model.fit(x, y, batch_size=64, verbose=0)
        spent.append(time.process_time() - start)
    return min(spent)


@pytest.mark.slow
def test_an_epoch_costs_at_most_four_float_epochs(keras, qat):
    """GRU(32) on 1024 windows of 64 steps, float against int8, in processor time."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (1024, 64, 8)).astype(np.float32), rng.normal(0, 1, (1024, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input((64, 8)), keras.layers.GRU(32), keras.layers.Dense(4)])
    prepared = qat.prepare(model, x[:64], "int8")
    of_float, of_integers = seconds_of_an_epoch(model, x, y), seconds_of_an_epoch(prepared, x, y)
    assert of_integers < 4 * of_float, (of_integers, of_float)


def test_row_factors_follow_pruned_weights_beside_a_teacher(keras, qat):
    """Fine-tuning with distillation and pruning chooses row factors again."""
    model = float_model(keras, keras.layers.SimpleRNN(4), keras.layers.Dense(2))
    y = np.ones((WINDOWS, 2), np.float32)
    recipe = qat.QatRecipe("int8x4", epochs=3, learning_rate=0.1, pruning=qat.Pruning(0.5))
    first = np.asarray(qat.prepare(model, raw(), "int8x4").layers[1].recurrent_matrix.multiplier)
    tuned = qat.fine_tune(model, (raw(), y, None), (raw(), y, None), recipe, loss="mse", metrics=())
    assert tuned.best_epoch > 1
    assert (np.asarray(tuned.model.layers[1].recurrent_matrix.multiplier) != first).any()


@pytest.mark.parametrize("cell", ["GRU", "LSTM", "MGU", "MinGRU", "FastGRNN"])
def test_training_starts_from_codes_that_compensate_each_other(keras, qat, cell):
    """At 4 bits and on features that go together, states are disturbed clearly less than by the nearest codes.

    Seen are 0.32 to 0.69 of their noise at the same row factors.
    """
    rng = np.random.default_rng(0)
    together = rng.normal(0, 1, (64, STEPS, 1)) + 0.3 * rng.normal(0, 1, (64, STEPS, FEATURES))
    x = (np.array([0, 5, -3, 1, 100]) + np.array([1, 2, 0.1, 10, 30]) * together).astype(np.float32)
    kind = getattr(keras.layers, cell, None) or getattr(cells(), cell)
    model = float_model(keras, kind(12, return_sequences=True), spread=0.2)
    wanted = np.asarray(model(x))
    prepared = qat.prepare(model, x, "int8x4", input_dtype="int16")

    def noise():
        return float(((np.asarray(prepared(x)) - wanted) ** 2).sum())

    started = noise()
    layer = prepared.layers[1]
    named = {weight.name: weight for weight in model.layers[-1].trainable_variables}
    for each in layer.roundings():
        each.matrix.kernel.assign(named[each.matrix.kernel.name])
    float_bias = np.asarray(named["bias"])
    layer.bias.assign(float_bias if float_bias.shape == layer.bias.shape else _merged(layer, float_bias))
    assert started < 0.8 * noise()


def _merged(layer, bias):
    """Of a GRU with reset_after: what is added to both parts, but for the candidate's own."""
    merged = bias.sum(axis=0)
    merged[2 * layer.units :] = bias[0, 2 * layer.units :]
    layer.candidate_bias.assign(bias[1, 2 * layer.units :])
    return merged


def test_start_is_kept_where_no_epoch_validates_better(keras, qat):
    """Training that only does harm returns the model as it was prepared, and stops when patience ends."""
    model = float_model(keras, keras.layers.GRU(6), keras.layers.Dense(2))
    examples = (raw(), np.zeros((WINDOWS, 2), np.float32), None)
    recipe = qat.QatRecipe("int8x4", epochs=6, learning_rate=10.0, patience=2)
    tuned = qat.fine_tune(model, examples, examples, recipe, loss="mse", metrics=())
    assert (tuned.best_epoch, tuned.epochs_run) == (0, 2)
    prepared = qat.prepare(model, raw(), "int8x4")
    assert all((a == b).all() for a, b in zip(tuned.model.get_weights(), prepared.get_weights(), strict=True))
