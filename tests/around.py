"""Layers around the recurrent ones, with random weights, by short names that a table of cases can spell.

conv3x2      causal convolution of 3 taps at dilation 2, with ReLU (conv3: dilation 1; -tanh: another activation)
depthwise3x2 the same, every channel by itself (depthwise3*2: two outputs a channel)
dense        a Dense layer with ReLU
average, max pooling over time
norm         layer normalisation (norm-plain: without gain and offset)
affine       a gain and an offset per channel
embedding    a table of 50 ids
relu         the function alone
res(A|B)     body A and shortcut B, chains of names joined by dots; B may be empty
"""

import re

import numpy as np

from edgeseq.graph import (
    Activate,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Embedding,
    GlobalPool,
    Layer,
    LayerNormalization,
    Residual,
)

IDS = 50
_FILTER = re.compile(r"(conv|depthwise)(\d+)(?:x(\d+))?(?:\*(\d+))?(?:-(\w+))?")


def around(kind: str, inputs: int, units: int, rng: np.random.Generator, name: str) -> Layer:
    """The layer of a name."""
    if found := _FILTER.fullmatch(kind):
        taps, dilation, multiplier = int(found[2]), int(found[3] or 1), int(found[4] or 1)
        activation = found[5] or "relu"
        columns, outputs = (inputs, units) if found[1] == "conv" else (1, inputs * multiplier)
        shape = (taps, inputs, units if found[1] == "conv" else multiplier)
        kernel = rng.normal(0, 1.5 / np.sqrt(taps * columns), shape)
        bias = rng.normal(0, 0.3, outputs)
        return (Conv1D if found[1] == "conv" else DepthwiseConv1D)(name, kernel, bias, activation, dilation)
    gain, offset = rng.normal(0, 1, inputs), rng.normal(0, 0.5, inputs)
    made = {
        "dense": Dense(name, rng.normal(0, 1.5 / np.sqrt(inputs), (inputs, units)), rng.normal(0, 0.3, units), "relu"),
        "average": GlobalPool(name, "average"),
        "max": GlobalPool(name, "max"),
        "norm": LayerNormalization(name, gain, offset, 1e-3),
        "norm-plain": LayerNormalization(name, None, None, 1e-3),
        "affine": DepthwiseConv1D(name, gain[None, :, None], offset, "linear", 1),
        "embedding": Embedding(name, rng.normal(0, 1, (IDS, units))),
        "relu": Activate(name, "relu"),
    }
    return made[kind]


def _split(text: str, mark: str) -> list[str]:
    """The parts between marks that stand in no parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part or mark == "|"]


def residual(kind: str, make, inputs: int, name: str) -> Layer | None:
    """The connection of a name "res(A|B)", or None; make(kind, inputs, name) builds the layers inside."""
    if not (kind.startswith("res(") and kind.endswith(")")):
        return None
    sides = []
    for side, text in enumerate(_split(kind[4:-1], "|")):
        chain, size = [], inputs
        for index, inner in enumerate(_split(text, ".")):
            chain.append(make(inner, size, f"{name}_{'bs'[side]}{index}"))
            size = chain[-1].output_size(size)
        sides.append(tuple(chain))
    return Residual(name, sides[0], sides[1] if len(sides) > 1 else ())
