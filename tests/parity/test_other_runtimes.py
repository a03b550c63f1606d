"""Runtimes with an environment of their own compute the oracle's integers, or refuse a model with a message.

They are run where they are there (docs/runtimes.md says how to get them).
"""

import pytest

from edgeseq.errors import EmulationError, TargetError
from edgeseq.measure.formats import FORMATS
from edgeseq.simulate import Oracle
from tests.parity.test_tflite import built, windows

RUNTIMES = ("tflite-runtime", "tflite-micro", "onnxruntime-web")
# Some of each layer type and scheme; python -m benchmarks.other_runtimes runs models A, B, C.
RUN = (
    *("gru", "gru reset before", "lstm", "rnn", "gru, int16x8", "lstm, int8x4", "rnn:hard_sigmoid", "mgu, int8"),
    *("fastgrnn_low, int16x4", "residual gru", "max pooling", "conv before gru", "depthwise conv", "embedding and conv"),
)
# Operators that a runtime has no kernels of these integers for.
REFUSED = {"tflite-micro": ("gelu head", "layer normalisation", "mean pooling", "softsign head")}


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    """Name of a runtime that this machine has."""
    try:
        FORMATS[request.param].find()
    except TargetError as error:
        pytest.skip(str(error))
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RUN, *REFUSED["tflite-micro"]])
def test_steps_equal_the_oracle(runtime, name):
    """Every output and state of four streams, adversarial ones included: 0 mismatches."""
    graph = built(name)
    x = windows(graph)
    oracle = Oracle(graph, batch=len(x)).run(x, keep_states=True)
    if name in REFUSED.get(runtime, ()):
        with pytest.raises(EmulationError, match=f"{runtime} refused the model: "):
            FORMATS[runtime].compare(graph, x, oracle)
        return
    for row in FORMATS[runtime].compare(graph, x, oracle):
        assert row.mismatches == 0, row
