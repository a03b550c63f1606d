"""The compact Keras layers compute their papers' equations, train, and survive a .keras file."""

import subprocess
import sys

import numpy as np
import pytest

from edgeseq.graph.reference import sigmoid
from edgeseq.train import compact_layers
from edgeseq.train.classifier import import_keras

INPUTS, UNITS, STEPS = 5, 7, 9
# name: (layer, its arguments, shapes of get_weights())
CASES = {
    "fastgrnn": ("FastGRNN", {}, [(5, 7), (7, 7), (2, 7), (1,), (1,)]),
    "fastgrnn_rank_w": ("FastGRNN", {"rank_w": 2}, [(5, 2), (2, 7), (7, 7), (2, 7), (1,), (1,)]),
    "fastgrnn_low_rank": ("FastGRNN", {"rank_w": 2, "rank_u": 3}, [(5, 2), (2, 7), (7, 3), (3, 7), (2, 7), (1,), (1,)]),
    "fastgrnn_no_bias": ("FastGRNN", {"use_bias": False}, [(5, 7), (7, 7), (1,), (1,)]),
    "mgu": ("MGU", {}, [(5, 14), (7, 14), (14,)]),
    "mgu_no_bias": ("MGU", {"use_bias": False}, [(5, 14), (7, 14)]),
    "mingru": ("MinGRU", {}, [(5, 14), (14,)]),
    "mingru_no_bias": ("MinGRU", {"use_bias": False}, [(5, 14)]),
}


def fastgrnn_step(weights, x, h, *, rank_w=None, rank_u=None, use_bias=True):
    """Kusupati et al. 2018, weights taken in their documented order."""
    rest = list(weights)
    w = rest.pop(0) if rank_w is None else rest.pop(0) @ rest.pop(0)
    u = rest.pop(0) if rank_u is None else rest.pop(0) @ rest.pop(0)
    bias = rest.pop(0) if use_bias else np.zeros((2, UNITS))
    zeta, nu = sigmoid(rest.pop(0)), sigmoid(rest.pop(0))
    assert not rest
    z, c = sigmoid(x @ w + h @ u + bias[0]), np.tanh(x @ w + h @ u + bias[1])
    return z * h + (zeta * (1 - z) + nu) * c


def mgu_step(weights, x, h, *, use_bias=True):
    """Zhou et al. 2016."""
    (wf, wc), (uf, uc) = (np.split(matrix, 2, axis=1) for matrix in weights[:2])
    bf, bc = np.split(weights[2], 2) if use_bias else (0, 0)
    f = sigmoid(x @ wf + h @ uf + bf)
    return (1 - f) * h + f * np.tanh(x @ wc + (f * h) @ uc + bc)


def mingru_step(weights, x, h, *, use_bias=True):
    """Feng et al. 2024."""
    wz, wh = np.split(weights[0], 2, axis=1)
    bz, bh = np.split(weights[1], 2) if use_bias else (0, 0)
    z = sigmoid(x @ wz + bz)
    return (1 - z) * h + z * (x @ wh + bh)


STEP = {"FastGRNN": fastgrnn_step, "MGU": mgu_step, "MinGRU": mingru_step}


def built(case, **more):
    """A layer of a case with every weight drawn from a seed."""
    import_keras().utils.set_random_seed(1)
    kind, arguments, _ = CASES[case]
    layer = getattr(compact_layers(), kind)(UNITS, **arguments, **more)
    layer.build((None, None, INPUTS))
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(0, 0.7, w.shape) for w in layer.get_weights()])
    return layer


def stream(batch=3):
    return np.random.default_rng(3).normal(0, 1, (batch, STEPS, INPUTS)).astype(np.float32)


def expected(case, layer, x):
    """States after every step by a plain loop in float64, (batch, time, units)."""
    kind, arguments, _ = CASES[case]
    options = {key: value for key, value in arguments.items() if key in ("use_bias", "rank_w", "rank_u")}
    weights = [w.astype(np.float64) for w in layer.get_weights()]
    h, states = np.zeros((len(x), UNITS)), []
    for t in range(x.shape[1]):
        h = STEP[kind](weights, x[:, t].astype(np.float64), h, **options)
        states.append(h)
    return np.stack(states, axis=1)


# Keras computes in float32: about 1e-7 an operation, a few per step, 9 steps.
TOLERANCE = 5e-6


@pytest.mark.parametrize("case", CASES)
def test_equations(case):
    """Every step equals the paper's equation; the last state alone is the last step of the sequence."""
    layer, last_only, x = built(case, return_sequences=True), built(case), stream()
    wanted = expected(case, layer, x)
    assert np.allclose(np.asarray(layer(x)), wanted, atol=TOLERANCE)
    assert np.allclose(np.asarray(last_only(x)), wanted[:, -1], atol=TOLERANCE)


@pytest.mark.parametrize("case", ["fastgrnn", "mgu", "mingru"])
def test_backwards(case):
    """go_backwards reads the window from its end."""
    layer, x = built(case, return_sequences=True, go_backwards=True), stream()
    assert np.allclose(np.asarray(layer(x)), expected(case, layer, x[:, ::-1]), atol=TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_weights_order(case):
    """get_weights() has the documented shapes in the documented order."""
    assert [w.shape for w in built(case).get_weights()] == CASES[case][2]


def test_initial_scalars():
    """FastGRNN starts at zeta_raw 1 and nu_raw -4 with biases of one, as its authors' code does."""
    layer = compact_layers().FastGRNN(UNITS)
    layer.build((None, None, INPUTS))
    bias, zeta_raw, nu_raw = layer.get_weights()[-3:]
    assert (bias == 1).all()
    assert (zeta_raw.item(), nu_raw.item()) == (1.0, -4.0)


@pytest.mark.parametrize("case", CASES)
def test_saved_model_loads(case, tmp_path):
    """A .keras file gives back the same layer, configuration, weights and outputs."""
    keras = import_keras()
    options = {"return_sequences": True, "go_backwards": True, "name": "cell"}
    layer = built(case, kernel_initializer=keras.initializers.RandomNormal(0, 0.1, seed=4), **options)
    model = keras.Sequential([keras.Input((STEPS, INPUTS)), layer, keras.layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[0]) is type(layer)
    assert loaded.layers[0].get_config() == layer.get_config()
    assert all((a == b).all() for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True))
    assert (np.asarray(loaded(stream())) == np.asarray(model(stream()))).all()


def test_a_fresh_process_loads_after_compact_layers(tmp_path):
    """compact_layers() is all that a process needs before load_model; importing edgeseq.train brings no TensorFlow."""
    keras = import_keras()
    keras.Sequential([keras.Input((STEPS, INPUTS)), built("fastgrnn")]).save(tmp_path / "m.keras")
    code = (
        "import sys, edgeseq.train\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
        "edgeseq.train.compact_layers()\n"
        "import keras\n"
        f"print(type(keras.models.load_model({str(tmp_path / 'm.keras')!r}).layers[0]).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "FastGRNN"


@pytest.mark.parametrize("case", CASES)
def test_gradient_reaches_every_weight(case):
    """Training one batch moves every weight and lowers the loss."""
    keras = import_keras()
    model = keras.Sequential([keras.Input((STEPS, INPUTS)), built(case), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    x = stream(batch=16)
    y = x[:, -2:, :2].sum(axis=(1, 2))[:, None]
    before = model.get_weights()
    losses = model.fit(x, y, epochs=20, batch_size=16, verbose=0).history["loss"]
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("FastGRNN", {"units": 0}, "FastGRNN.*: units=0; expected a positive integer"),
        ("MGU", {"units": 2.5}, r"MGU.*: units=2\.5; expected a positive integer"),
        ("MinGRU", {"units": -3}, "MinGRU.*: units=-3; expected a positive integer"),
        ("FastGRNN", {"units": 4, "rank_u": 0}, "FastGRNN: rank_u=0; expected a positive integer"),
    ],
)
def test_wrong_arguments_are_named(kind, arguments, message):
    """A size that cannot be is refused with its name and value."""
    with pytest.raises(ValueError, match=message):
        getattr(compact_layers(), kind)(**arguments)
