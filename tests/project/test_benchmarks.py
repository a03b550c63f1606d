"""The benchmarks notice losses, and measure what they say they measure."""

import copy
import json

import pytest

from benchmarks.bench_models import CELLS, SIZES, bench_model, gru_like_lstm, parameters, stand_in
from benchmarks.cores import losses
from benchmarks.paths import RESULTS
from edgeseq.measure.profile import profile

ROWS = json.loads((RESULTS / "cores.json").read_text())["rows"]


def test_stored_results_have_no_mismatch():
    """Every stored row ran, or was refused with a reason."""
    assert len(ROWS) > 100
    assert all(row.get("mismatches") == 0 or row["refused"] for row in ROWS)


@pytest.mark.parametrize(
    ("path", "growth", "noticed"),
    [
        (("instructions_per_step",), 1.03, True),
        (("instructions_per_step",), 1.01, False),
        (("cycles_per_step", "value"), 1.03, True),
        (("flash_bytes", "image"), 1.03, True),
        (("ram_bytes", "image"), 1.03, True),
        (("ram_bytes", "image"), 0.5, False),
    ],
)
def test_a_loss_of_two_per_cent_is_found(path, growth, noticed):
    """bench-diff fails for each figure that grew by more than 2 %, and for no gain."""
    changed = copy.deepcopy(ROWS)
    row = next(row for row in changed if "refused" not in row)
    owner = row
    for field in path[:-1]:
        owner = owner[field]
    owner[path[-1]] = round(owner[path[-1]] * growth)
    assert bool(losses(ROWS, changed)) == noticed
    assert not losses(ROWS, ROWS)


def test_mismatches_and_new_refusals_are_losses():
    """A row that is wrong, or that was measured and is now refused, fails whatever it costs."""
    row = next(row for row in ROWS if "refused" not in row)
    assert losses([row], [row | {"mismatches": 1}])
    assert losses([row], [{key: row[key] for key in ("core", "cell", "model", "optimize", "compiler")} | {"refused": "why"}])


@pytest.mark.parametrize("size", SIZES)
def test_equal_parameters_are_equal(size):
    """The GRU beside an LSTM has its parameters within 4 %."""
    assert parameters("gru", gru_like_lstm(SIZES[size])) == pytest.approx(parameters("lstm", SIZES[size]), rel=0.04)
    graph = stand_in("gru", SIZES[size]).graph.source
    assert parameters("gru", SIZES[size]) == graph.parameters


@pytest.mark.parametrize("cell", CELLS)
def test_a_stand_in_costs_what_the_trained_model_costs(cell, models_folder):
    """Seeded weights of the same size: the same bytes, and instructions within 1 %."""
    del models_folder  # asked for, since without it both are stand-ins
    costs = []
    for model in (bench_model("A", cell), stand_in(cell, SIZES["A"])):
        assert model.graph.layers[0].units == SIZES["A"].units
        costs.append(profile(model.graph, "cortex-m4", inputs=model.stream))
    trained, standing = costs
    assert standing.flash_model_bytes == trained.flash_model_bytes
    assert standing.ram_image_bytes == trained.ram_image_bytes
    assert standing.instructions_per_step == pytest.approx(trained.instructions_per_step, rel=0.01)
