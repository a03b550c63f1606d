"""A million steps of one stream: the C code never leaves the oracle, and the integers do not drift."""

import numpy as np
import pytest

from edgeseq.export.c import export_c
from edgeseq.firmware import build_host_library, find_toolchain
from edgeseq.graph.reference import forward
from edgeseq.measure.comparison import sqnr_db
from edgeseq.measure.host_runner import HostModel
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from tests.conftest import make_quantized

STEPS = 1_000_000
# The stream is cut for the oracle, which then runs all pieces at once.
PIECES = 250
TENTH = STEPS // 10
# The float model forgets how it started: it is run from zero this long before its values count.
BURN_IN = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_million_steps(kind, scheme, tmp_path):
    """0 mismatches in outputs and states over 10^6 steps, and the last tenth is as close to the float model as the first.

    Every piece starts from the C code's own state at that point. If the oracle then gives the same values up to
    the piece's end, where the next one starts, both run through the same states from the first step on.
    """
    graph = make_quantized(kind, 6, 16, 4, scheme=scheme)
    project = export_c(graph, name="model")
    model = HostModel(project, build_host_library(project, find_toolchain(None), tmp_path))
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (STEPS, 6))
    codes = quantize_input(graph.input, x)
    outputs, states = model.run(codes)

    oracle = Oracle(graph, batch=PIECES)
    length = STEPS // PIECES
    oracle.restore(np.concatenate([np.zeros_like(states[:1]), states[length - 1 : -1 : length]]))
    wanted = oracle.run(codes.reshape(PIECES, length, -1), keep_states=True)
    assert np.array_equal(outputs, wanted.outputs.reshape(STEPS, -1))
    assert np.array_equal(states, wanted.states.reshape(STEPS, -1))

    real = (codes - graph.input.zero_point) * graph.input.scale.value
    name, units = graph.recurrent[0].name, graph.recurrent[0].units

    def closeness(start: int, burn_in: int) -> float:
        stream = real[None, start - burn_in : start + TENTH]
        hidden = forward(graph.source, stream, keep_hidden=[name]).hidden[name][0, burn_in:]
        return sqnr_db(hidden, states[start : start + TENTH, :units] / 32768)

    first, last = closeness(0, 0), closeness(STEPS - TENTH, BURN_IN)
    assert abs(first - last) < 2, (first, last)
    # Far above what integers that had left the float model would keep.
    assert min(first, last) > 20
