"""int8 and int16x8 keep float accuracy on real data: one seed of the benchmark, at the benchmark's own limits."""

import pytest

from benchmarks.accuracy import calibration_windows, evaluate, float_classes
from benchmarks.trained import TASKS, UNITS, load_task
from edgeseq.frontend import load_model
from edgeseq.quantize import quantize
from edgeseq.train import Recipe, train_classifier

# Few epochs: the claim is about what quantisation changes, not about the best model.
EPOCHS = {"har": 2, "fsdd": 12, "ecg5000": 20, "cwru": 6}


@pytest.mark.slow
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("name", list(TASKS))
def test_eight_bit_weights_keep_accuracy(name, cell):
    """At most 0.5 points of accuracy, at least 99.3 % agreement, state SQNR within 1 dB of the bound.

    SQNR of all test windows: an LSTM near a tipping point can hold 94 % of the noise of 256 windows in one of them.
    """
    data = load_task(name)
    graph = load_model(train_classifier(data, Recipe(cell=cell, units=UNITS, epochs=EPOCHS[name])).model)
    of_float = float_classes(graph, data.x_test)
    for scheme in ("int8", "int16x8"):
        result = evaluate(data, quantize(graph, calibration_windows(data), scheme), of_float, len(data.x_test))
        assert result["accuracy"] >= result["float_accuracy"] - 0.005, scheme
        assert result["agreement"] >= 0.993, scheme
        assert result["state_sqnr_db"] >= result["bound_sqnr_db"] - 1, scheme
