"""Predictions beside what the exporter lays out and what an image measures."""

import itertools
import statistics
import time

import numpy as np
import pytest

from benchmarks.predictor import FIGURES, ridge, summary
from benchmarks.predictor_rows import CORES
from benchmarks.random_models import quantized_case, random_case, small_case
from edgeseq.choose.configuration import RECURRENT_CELLS, REFERENCES, Configuration, TaskShape
from edgeseq.choose.prediction import predict
from edgeseq.choose.prediction.layout import Layout, layout_of, parts_of
from edgeseq.errors import TargetError
from edgeseq.export.c import export_c
from edgeseq.measure.profile import profile
from edgeseq.quantize.types import SCHEMES
from edgeseq.targets import OPTIMIZE_MODES, load_board, load_core

SHAPE = TaskShape(features=9, outputs=6, window_steps=20)


def exported(configuration, shape, kernel_set) -> tuple[Layout, list[int], list[str]]:
    """Bytes that the exporter lays out, which rows it proved bounded, what it left to the portable kernels."""
    project = export_c(quantized_case(configuration, shape), kernel_set=kernel_set, name="m")
    bounded = [int(line.split()[-1]) for line in project.files["m.c"].splitlines() if "ES_BOUNDED" in line]
    sizes = Layout(project.weight_bytes, project.table_bytes, project.state_bytes, project.scratch_bytes)
    return sizes, bounded, [reason for reason in project.fallbacks.values() if "columns" in reason]


@pytest.mark.parametrize("kernel_set", ["compact", "dsp", "thumb1", "scalar", "avr"])
@pytest.mark.parametrize("cell", RECURRENT_CELLS)
def test_layout_is_the_exporters(cell, kernel_set):
    """Weights, state and scratch of every scheme are the exporter's to the byte; tables too, but for what only weights tell."""
    for number, scheme in enumerate(SCHEMES):
        units = (3 + 5 * number, 8)[: 1 + number % 2]
        configuration = Configuration(tuple((cell, count) for count in units), scheme, "int8" if number < 2 else "int16")
        wanted, bounded, refused = exported(configuration, SHAPE, kernel_set)
        assert not refused
        parts = parts_of(configuration, SHAPE, kernel_set)
        got = layout_of(parts)
        assert (got.weights, got.state, got.scratch) == (wanted.weights, wanted.state, wanted.scratch), scheme
        if bounded == [part.bounded for part in parts if part.fast and part.cell != "dense"] and kernel_set != "thumb1":
            assert got.tables == wanted.tables, scheme


@pytest.mark.parametrize("kernel_set", ["compact", "dsp", "thumb1", "scalar", "avr"])
def test_layout_of_random_networks(kernel_set):
    """Hybrids of any size: bytes that do not depend on weights are the exporter's."""
    rng = np.random.default_rng(5)
    checked = 0
    while checked < 6:
        case = random_case(rng, 3000)
        if case[0].reference:
            continue
        wanted, _, refused = exported(*case, kernel_set)
        if not refused:
            got = layout_of(parts_of(*case, kernel_set))
            assert (got.weights, got.state, got.scratch) == (wanted.weights, wanted.state, wanted.scratch), case
            checked += 1


@pytest.mark.parametrize(("core", "optimize"), [("cortex-m4", "size"), ("cortex-m0plus", "speed"), ("atmega328p", "size")])
def test_measured_within_the_printed_error(core, optimize):
    """A fresh network's figures are within the largest error that validation found and prints."""
    configuration = Configuration((("gru", 13),), "int8")
    shape = TaskShape(6, 4, 20)
    target = load_core(core)
    made = predict(configuration, shape, target, optimize)
    cost = profile(
        quantized_case(configuration, shape, seed=3), target, optimize=optimize, compiler="zig" if target.zig_target else "gcc"
    )
    errors = made.errors
    for name, got, wanted, error in (
        ("flash", made.flash_bytes, cost.flash_image_bytes, errors.flash),
        ("ram", made.ram_bytes, cost.ram_image_bytes, errors.ram),
        ("instructions", made.instructions, cost.instructions_per_step, errors.instructions),
        ("cycles", made.cycles, cost.cycles_per_step.value, errors.cycles),
    ):
        assert abs(got / wanted - 1) * 100 <= error.largest, name


@pytest.mark.parametrize("core", CORES)
def test_more_layers_than_were_measured_take_no_less(core):
    """Four layers' stack is taken for that of three; its static RAM is its own."""
    shape, target = TaskShape(9, 6, 32), load_core(core)
    for optimize in OPTIMIZE_MODES:
        rams = [predict(Configuration((("gru", 8),) * layers), shape, target, optimize).ram_bytes for layers in (3, 4)]
        assert rams[1] > rams[0]


def test_a_prediction_takes_less_than_a_millisecond():
    """Median over networks of every kind, in process time, coefficients read once before."""
    rng = np.random.default_rng(1)
    cases = [small_case(rng, number) for number in range(96)]
    cores = [load_core(name) for name in CORES]
    for core in cores:
        for optimize in OPTIMIZE_MODES:
            predict(*cases[0], core, optimize)
    times = []
    for number, case in enumerate(cases):
        before = time.process_time()
        predict(*case, cores[number % len(cores)], OPTIMIZE_MODES[number % 2])
        times.append(time.process_time() - before)
    assert statistics.median(times) < 1e-3


def test_more_units_cost_more():
    """Flash, RAM, instructions and cycles grow with the units, whatever the core."""
    for name in CORES:
        for optimize in OPTIMIZE_MODES:
            small, large = (
                predict(Configuration((("gru", units),)), SHAPE, load_core(name), optimize).cost() for units in (8, 64)
            )
            assert small.flash_bytes < large.flash_bytes
            assert small.ram_bytes < large.ram_bytes
            assert small.instructions < large.instructions
            assert small.cycles < large.cycles


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("cell", ["gru", "lstm", *REFERENCES])
def test_no_network_takes_less_time_than_its_weights(core, cell):
    """Far from what was measured too: windows of a step, a hundred classes, one unit.

    Four int8 products an instruction are more than any of these cores has.
    """
    target = load_core(core)
    for features, outputs, steps, units in itertools.product((1, 40, 200), (1, 20, 100), (1, 2, 200), (1, 2, 64)):
        for scheme, optimize in itertools.product(("int8", "int16x4"), OPTIMIZE_MODES):
            found = predict(Configuration(((cell, units),), scheme), TaskShape(features, outputs, steps), target, optimize)
            assert found.cycles >= found.instructions >= found.layout.weights / 4, (
                scheme,
                optimize,
                features,
                outputs,
                steps,
                units,
            )


def test_cost_on_a_board():
    """Time is cycles over the clock; a board with another core is refused."""
    made = predict(Configuration((("gru", 16),)), SHAPE, load_core("cortex-m0plus"))
    board = load_board("nucleo-l072")
    cost = made.cost(board)
    assert cost.latency_us == pytest.approx(made.cycles / 32)
    assert cost.energy_uj == pytest.approx(cost.latency_us * board.run_watts)
    assert made.cost().latency_us is None
    assert "networks held out" in made.label
    with pytest.raises(TargetError, match="nucleo-f411 has a cortex-m4"):
        made.cost(load_board("nucleo-f411"))


def test_refusals_name_what_can_be_predicted():
    with pytest.raises(TargetError, match="cortex-m55, speed: no fitted predictor; fitted: atmega328p, cortex-m0plus"):
        predict(Configuration((("gru", 16),)), SHAPE, load_core("cortex-m55"))


def test_ridge_finds_the_coefficients():
    """Of exact linear data, to what the ridge allows; errors are summed up by magnitude."""
    rng = np.random.default_rng(0)
    features = [{"a": float(x), "b": float(y)} for x, y in rng.uniform(1, 2, (50, 2))]
    wanted = np.array([3 * row["a"] + 5 * row["b"] for row in features])
    found = ridge(features, wanted, np.ones(50), 1e-4)
    assert found["a"] == pytest.approx(3, rel=0.01)
    assert found["b"] == pytest.approx(5, rel=0.01)
    one = dict.fromkeys(FIGURES, -2.0)
    assert summary([one, one])["flash"] == {"median": 2.0, "p95": 2.0, "largest": 2.0}
