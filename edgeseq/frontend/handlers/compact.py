"""minGRU and FastGRNN. Their Keras layers, and the order of their weights: `edgeseq.train.compact_layers`."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.handlers.recurrent import append_cell, recurrent_refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import FastGrnn, MinGru
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference.activations import sigmoid


def min_gru(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One kernel, no recurrent one."""
    units: Any = layer.config.get("units")
    biased = layer.config.get("use_bias", True)
    if refusal := recurrent_refusal(layer, chain) or _units_refusal(layer):
        return refusal
    weights = _shaped(layer, [(_features(layer, chain), 2 * units), *([(2 * units,)] if biased else [])])
    if isinstance(weights, Refusal):
        return weights
    chain.features = units
    return append_cell(layer, chain, MinGru(layer.name, weights[0], weights[1] if biased else np.zeros(2 * units)))


def fast_grnn(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Both matrices, each whole or as two factors; zeta and nu come out of their sigmoids."""
    config = layer.config
    units: Any = config.get("units")
    biased = config.get("use_bias", True)
    if refusal := recurrent_refusal(layer, chain) or _units_refusal(layer):
        return refusal
    shapes: list[tuple[int, ...]] = []
    ranks = [config.get("rank_w"), config.get("rank_u")]
    for rank, rows in zip(ranks, (_features(layer, chain), units), strict=True):
        if rank is not None and not (isinstance(rank, int) and 1 <= rank <= MAX_UNITS):
            return Refusal(layer.name, f"rank {rank!r}; expected 1 to {MAX_UNITS}, or none")
        shapes += [(rows, units)] if rank is None else [(rows, rank), (rank, units)]
    shapes += [*([(2, units)] if biased else []), (1,), (1,)]
    weights = _shaped(layer, shapes)
    if isinstance(weights, Refusal):
        return weights
    kernels = weights[: 1 if ranks[0] is None else 2]
    recurrent = weights[len(kernels) :][: 1 if ranks[1] is None else 2]
    bias = weights[-3] if biased else np.zeros((2, units))
    zeta, nu = sigmoid(weights[-2]), sigmoid(weights[-1])
    chain.features = units
    return append_cell(layer, chain, FastGrnn(layer.name, tuple(kernels), tuple(recurrent), bias, zeta, nu))


def _units_refusal(layer: SourceLayer) -> Refusal | None:
    units: Any = layer.config.get("units")
    if isinstance(units, int) and 1 <= units <= MAX_UNITS:
        return None
    return Refusal(layer.name, f"units={units!r}; expected 1 to {MAX_UNITS}")


def _features(layer: SourceLayer, chain: Chain) -> int:
    if chain.features is not None:
        return chain.features
    return layer.weights[0].shape[0] if layer.weights and layer.weights[0].ndim else -1


def _shaped(layer: SourceLayer, shapes: list[tuple[int, ...]]) -> list[FloatArray] | Refusal:
    """The weights if their shapes are those."""
    found = [weight.shape for weight in layer.weights]
    if found != shapes:
        return Refusal(layer.name, f"weights of shapes {found}; expected {shapes}. The file may be damaged; save the model again")
    return list(layer.weights)
