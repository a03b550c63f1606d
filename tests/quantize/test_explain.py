"""What `explain` says of every kind of layer."""

import numpy as np
import pytest

from edgeseq.quantize import quantize
from edgeseq.simulate.explain import INPUT, explain
from tests.conftest import make_graph, noise
from tests.window_models import window_graph

STREAMS = (
    *("fastgrnn+mgu", "mingru+fastgrnn_low", "gru+norm+average", "norm-plain+rnn", "conv3+lstm:relu:sigmoid", "lstm+max"),
    *("res(gru|dense)+conv2-tanh", "depthwise3+relu+gru_before", "affine+rnn:hard_sigmoid", "embedding+gru"),
)
WINDOWS = ("bi gru concat+lstm last", "attend 2", "back lstm")
# Of 8-bit weights; a part left out, or run at another scale, costs far more.
LEAST_DB = 30.0


def assert_explained(graph, windows):
    explanation = explain(quantize(graph, windows, "int16x8"), windows)
    reported = [cost.layer for cost in explanation.costs]
    trivial = [layer.name for layer in graph.layers if layer.name not in reported]
    assert reported[0] == INPUT
    assert all("reverse" in name or "last" in name for name in trivial), trivial
    assert min(cost.output_sqnr_db for cost in explanation.costs) > LEAST_DB
    assert explanation.costliest.output_sqnr_db == min(cost.output_sqnr_db for cost in explanation.costs)
    assert all(0 <= row.saturated < 0.01 and row.sqnr_db > LEAST_DB for row in explanation.tensors)


@pytest.mark.parametrize("kinds", STREAMS)
def test_every_layer_of_a_stream_is_explained(kinds):
    """Each layer has its cost, and none loses more than 8-bit weights do."""
    graph = make_graph(kinds, 1 if kinds.startswith("embedding") else 5, 8, 3)
    assert_explained(graph, noise(graph, (8, 40), 1))


@pytest.mark.parametrize("parts", WINDOWS)
def test_every_layer_of_a_window_is_explained(parts):
    """The same of models that need whole windows."""
    graph = window_graph(parts, 5, 8, 3)
    assert_explained(graph, np.random.default_rng(1).normal(0, 1, (8, graph.time_steps, 5)))
