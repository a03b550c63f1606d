"""int8 keeps float accuracy on real data: one seed of the benchmark, at the benchmark's own limits."""

import pytest

from benchmarks.accuracy import TASKS, UNITS, evaluate, load_task
from edgeseq.train import Recipe, train_classifier

# Few epochs: the claim is about what quantisation changes, not about the best model.
EPOCHS = {"har": 2, "fsdd": 12, "ecg5000": 20, "cwru": 6}


@pytest.mark.slow
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("name", list(TASKS))
def test_int8_keeps_accuracy(name, cell):
    """At most 0.5 points of accuracy, at least 99.3 % agreement, state SQNR within 1 dB of the bound."""
    data = load_task(name)
    result = evaluate(data, train_classifier(data, Recipe(cell=cell, units=UNITS, epochs=EPOCHS[name])).model)
    assert result["int8_accuracy"] >= result["float_accuracy"] - 0.005
    assert result["agreement"] >= 0.993
    assert result["state_sqnr_db"] >= result["bound_sqnr_db"] - 1
