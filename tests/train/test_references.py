"""The two references without recurrence are Keras models that the whole pipe takes."""

import numpy as np
import pytest

from edgeseq.data import DataSet, Part
from edgeseq.frontend import load_model
from edgeseq.graph.reference import forward
from edgeseq.measure.verify import verify
from edgeseq.quantize import quantize
from edgeseq.train import Recipe, build_tcn, build_transformer
from edgeseq.train.classifier import import_keras


def data_set() -> DataSet:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (40, 20, 4)).astype(np.float32), np.arange(40) % 3
    return DataSet("noise", Part(x, y), Part(x, y))


@pytest.mark.parametrize(("build", "streams"), [(build_tcn, True), (build_transformer, False)])
def test_reference_runs_through_the_pipe(build, streams):
    """Read, it computes what Keras computes; quantised, C equals the oracle. The TCN streams, the encoder cannot."""
    keras, data = import_keras(), data_set()
    keras.utils.set_random_seed(0)
    model = build(keras, data, Recipe(units=8))
    graph = load_model(model)
    assert (graph.window_reason is None) is streams
    # Keras computes in float32: about 1e-7 per sum, over ten layers.
    assert np.allclose(forward(graph, data.x_train).outputs[:, -1], model.predict(data.x_train, verbose=0), atol=5e-6)
    assert verify(quantize(graph, data.x_train), data.x_train[:3]).exact
