"""A trained float model -> the same model of layers that compute with integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgeseq.arith.entry import MIN_INPUT_SQNR_DB, InputDtype, code_range, int8_input, int16_input
from edgeseq.arith.matmul import SCHEMES, FloatArray, Scheme
from edgeseq.arith.rounding import DAMPINGS
from edgeseq.errors import CalibrationError
from edgeseq.train.qat.chain import Link, read_chain
from edgeseq.train.qat.layers import QatInput, QatRecurrent
from edgeseq.train.qat.plan import PLANNERS
from edgeseq.train.qat.plan_recurrent import RECURRENT
from edgeseq.train.qat.planned import Between, Schemes, pair
from edgeseq.train.qat.ranges import run_recurrent

# Ranges hardly move beyond this many windows, and each step of a window is a call of Keras.
MAX_WINDOWS = 256
# Windows that run at once: a recurrence is compiled for each size of a batch, and training has this one by default.
_BATCH = 64


def prepare(
    model: Any,
    calibration: npt.ArrayLike | None,
    scheme: Scheme = "int8",
    *,
    layer_schemes: Mapping[str, Scheme] | None = None,
    input_dtype: InputDtype = "auto",
) -> Any:
    """Return a Keras model of QAT layers with the weights of a float one; compile it before `fit`.

    calibration: (n, time, features) raw windows, or one (time, features) stream; they set the ranges of inputs,
    pre-activations and outputs, and the first codes of all weights, as in quantisation after training.
    layer_schemes: other schemes for single layers. Raises UnsupportedModelError naming layer and reason;
    CalibrationError for an unknown scheme, or windows that are missing or cannot be used.
    """
    schemes = _checked_schemes(model, scheme, dict(layer_schemes or {}))
    normalization, links = read_chain(model)
    windows = _checked_windows(model, calibration)
    mean, std = _mean_and_std(normalization, windows.shape[2])
    between = _choose_input(links, (windows - mean) / std, input_dtype)
    codes = (pair(between.scale), between.zero_point, mean.tolist(), std.tolist())
    stack = [QatInput(between.input_dtype or "int16", *codes, name="qat_input")]
    settle = []
    for index, link in enumerate(links):
        last = all(later.kind not in PLANNERS or later.kind == "Dropout" for later in links[index + 1 :])
        planned = PLANNERS[link.kind](link.layer, between, schemes, activation=link.activation, last=last)
        stack.append(planned.layer)
        settle.append(planned.settle)
        between = planned.after
    prepared = keras.Sequential([keras.Input(model.input_shape[1:]), *stack], name=model.name)
    _settle(prepared, settle, model, windows.astype(np.float32))
    return prepared


def _settle(prepared: Any, settle: Sequence[Callable[[float], None]], model: Any, windows: npt.NDArray[np.float32]) -> None:
    """Give all layers the first weights with which the integers come nearest to the float model's outputs.

    A recurrent layer can amplify one unlucky rounding: so several are tried, as after training.
    """
    wanted = model.predict(windows, batch_size=_BATCH, verbose=0)

    def distance(damping: float) -> float:
        for call in settle:
            call(damping)
        return float(np.mean((prepared.predict(windows, batch_size=_BATCH, verbose=0) - wanted) ** 2))

    recurrent = any(isinstance(layer, QatRecurrent) for layer in prepared.layers)
    best = min(DAMPINGS, key=distance) if recurrent else DAMPINGS[0]
    for call in settle:
        call(best)


def _checked_schemes(model: Any, scheme: Scheme, single: dict[str, Scheme]) -> Schemes:
    for wanted in (scheme, *single.values()):
        if wanted not in SCHEMES:
            raise CalibrationError(f"unknown scheme {wanted!r}; available: {', '.join(SCHEMES)}")
    names = [layer.name for layer in model.layers]
    for name in single:
        if name not in names:
            raise CalibrationError(f"a scheme is given for layer {name!r}; the model has {', '.join(names)}")
    return Schemes(scheme, single)


def _checked_windows(model: Any, calibration: npt.ArrayLike | None) -> FloatArray:
    if calibration is None:
        raise CalibrationError(
            "calibration windows are missing: a float model needs some, (n, time, features), before quantisation-aware "
            "training can choose its ranges; the training windows will do"
        )
    windows = np.asarray(calibration, np.float64)
    windows = windows[None] if windows.ndim == 2 else windows
    features = model.input_shape[-1]
    if windows.ndim != 3 or windows.size == 0 or windows.shape[2] != features:
        raise CalibrationError(f"calibration data has shape {windows.shape}; model {model.name!r} expects (n, time, {features})")
    bad = int(np.count_nonzero(~np.isfinite(windows)))
    if bad:
        raise CalibrationError(f"calibration data holds {bad} NaN or infinite values; clean it first")
    if float(np.ptp(windows)) == 0.0:
        raise CalibrationError(f"calibration data is constant (every value is {windows.flat[0]:g}). Give real windows")
    return windows[:: max(1, len(windows) // MAX_WINDOWS)][:MAX_WINDOWS]


def _mean_and_std(normalization: Any | None, features: int) -> tuple[FloatArray, FloatArray]:
    """Per feature; Keras divides by at least 1e-7."""
    if normalization is None:
        return np.zeros(features), np.ones(features)
    mean, variance = (np.asarray(value, np.float64).reshape(-1) for value in (normalization.mean, normalization.variance))
    std = np.maximum(np.sqrt(variance), 1e-7)
    return np.broadcast_to(mean, (features,)).copy(), np.broadcast_to(std, (features,)).copy()


def _choose_input(links: Sequence[Link], normalized: FloatArray, wanted: InputDtype) -> Between:
    """int8 codes; or int16 ones, where rounding to int8 alone would disturb the states too much."""
    scale, zero_point = int8_input(normalized)
    codes = np.clip(np.round(normalized / scale.value) + zero_point, *code_range("int8"))
    rounded = (codes - zero_point) * scale.value
    if wanted == "int8" or (wanted == "auto" and _state_sqnr_db(links, normalized, rounded) >= MIN_INPUT_SQNR_DB):
        return Between(normalized, scale, "int8", zero_point)
    return Between(normalized, int16_input(normalized), "int16")


def _state_sqnr_db(links: Sequence[Link], exact: FloatArray, disturbed: FloatArray) -> float:
    """SQNR of the first recurrent layer's states on disturbed inputs: later layers see its states alone."""
    for link in links:
        if link.kind in RECURRENT:
            exact, disturbed = (run_recurrent(link.layer, x).states for x in (exact, disturbed))
            break
        exact, disturbed = (np.asarray(link.layer(x.astype(np.float32)), np.float64) for x in (exact, disturbed))
    noise = float(np.sum((exact - disturbed) ** 2))
    return float("inf") if noise == 0 else 10 * float(np.log10(float(np.sum(exact**2)) / noise))
