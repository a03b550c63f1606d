"""Graphs of models that need whole windows, with seeded weights."""

import numpy as np

from edgeseq.graph import Bidirectional, Dense, Graph, LastStep, Layer, Reverse, SelfAttention
from edgeseq.quantize import QuantGraph, quantize
from tests.conftest import cell

STEPS = 12


def part(text: str, inputs: int, units: int, rng: np.random.Generator, name: str) -> tuple[list[Layer], int]:
    """Layers of one part and their outputs, of texts such as 'back lstm last', 'bi rnn sum', 'attend 2' (heads)."""
    words = text.split()
    if words[0] == "attend":
        return [attention(name, inputs, int(words[1]), units, rng)], units
    if words[0] == "bi":
        last = words.pop() if words[-1] == "last" else None
        *kinds, merge = words[1:]
        halves = []
        for index, kind in enumerate((kinds * 2)[:2]):
            inner: list[Layer] = [cell(kind, inputs, units, rng, f"{name}/{index}")]
            if index == 1:
                inner = [Reverse(f"{name}/reverse"), *inner, *([] if last else [Reverse(f"{name}/back")])]
            halves.append((*inner, LastStep(f"{name}/{index}/last")) if last else tuple(inner))
        return [Bidirectional(name, halves[0], halves[1], merge)], units * (2 if merge == "concat" else 1)
    turned = [Reverse(f"{name}/reverse")] if words[0] == "back" else []
    ends = [LastStep(f"{name}/last")] if words[-1] == "last" else []
    kind = next(word for word in words if word not in ("back", "last"))
    return [*turned, cell(kind, inputs, units, rng, name), *ends], units


def attention(name: str, inputs: int, heads: int, units: int, rng: np.random.Generator) -> SelfAttention:
    """Self-attention of that many heads, their queries of 5 and their values of 3 values."""

    def projection(part: str, size: int, outputs: int) -> Dense:
        kernel = rng.normal(0, 1.5 / np.sqrt(size), (size, outputs))
        return Dense(f"{name}/{part}", kernel, rng.normal(0, 0.1, outputs), "linear")

    made = [projection(part, inputs, heads * size) for part, size in (("query", 5), ("key", 5), ("value", 3))]
    return SelfAttention(name, *made, projection("output", heads * 3, units), heads)


def window_graph(
    parts: str, inputs: int, units: int, outputs: int, *, steps: int | None = STEPS, seed: int = 0, sequence: bool = False
) -> Graph:
    """Parts joined by '+', then a Dense head. sequence: one output a step; else that of the last step."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    size = inputs
    for index, text in enumerate(parts.split("+")):
        made, size = part(text.strip(), size, units, rng, f"part_{index}")
        layers += made
    layers.append(Dense("head", rng.normal(0, 1 / np.sqrt(size), (size, outputs)), rng.normal(0, 0.2, outputs), "linear"))
    return Graph("case", inputs, None, tuple(layers), sequence, steps)


def window_quantized(parts: str, inputs: int, units: int, outputs: int, **options: object) -> QuantGraph:
    """The quantised graph, calibrated on seeded noise; options of `window_graph` and of `quantize`."""
    shape = {key: options.pop(key) for key in ("steps", "seed", "sequence") if key in options}
    graph = window_graph(parts, inputs, units, outputs, **shape)
    windows = np.random.default_rng(1).normal(0, 1, (16, graph.time_steps, inputs))
    return quantize(graph, windows, **{"input_dtype": "int8", **options})


def random_windows(graph: QuantGraph, count: int, seed: int = 0) -> np.ndarray:
    """Noise over all input codes, then windows of the lowest, the highest and both; (count + 3, steps, features)."""
    low, high = graph.input.code_range
    shape = (count, graph.window_steps, graph.input_size)
    noise = np.random.default_rng(seed).integers(low, high + 1, shape)
    flip = np.where(np.arange(shape[1])[:, None] % 2 == 0, high, low)
    ends = [np.broadcast_to(value, shape[1:]) for value in (low, high, flip)]
    return np.concatenate([noise, ends]).astype(graph.input.dtype)
