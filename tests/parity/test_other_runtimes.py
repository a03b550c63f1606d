"""Runtimes with an environment of their own compute the oracle's integers, or refuse a model with a message.

They are run where they are there (docs/runtimes.md says how to get them).
"""

import pytest

from edgeseq.errors import EmulationError, TargetError
from edgeseq.measure.formats import FORMATS
from edgeseq.simulate import Oracle
from tests.parity.cases import CASES
from tests.parity.test_tflite import built, windows

RUNTIMES = ("tflite-runtime", "tflite-micro", "onnxruntime-web")
# Models whose operators a runtime has no kernels of these integers for.
REFUSED = {
    "tflite-micro": {
        "exponential head",
        "gelu head",
        "layer normalisation",
        "layer normalisation of the input",
        "mean pooling",
        "mean pooling of the input",
        "softsign head",
    }
}


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    """Name of a runtime that this machine has."""
    try:
        FORMATS[request.param].find()
    except TargetError as error:
        pytest.skip(str(error))
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
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
