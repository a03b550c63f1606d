"""Weights stored without their zero blocks: the oracle's integers whatever the form, and the form that gains."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.bench_models import zero_blocks
from edgeseq.export.c import export_c
from edgeseq.export.c.isa import FAMILIES
from edgeseq.export.c.layout import cell_of
from edgeseq.export.c.sparse import Cost, best, reachable, steps, stored_blocks
from edgeseq.measure.profile import profile
from edgeseq.measure.verify import run_on_core
from edgeseq.quantize import QuantGraph
from edgeseq.simulate import Oracle
from edgeseq.targets import load_core
from tests.conftest import make_quantized, random_codes
from tests.parity.test_host import KINDS_OF_LAYER, assert_sizes_equal_oracle

SPARSE_SETS = ("portable", *(name for name, isa in FAMILIES.items() if isa.sparse_block is not None))
SHARES = (0.0, 0.5, 0.9, 1.0)
BLOCKS = ((4, 4), (1, 4))


@pytest.fixture
def force(monkeypatch):
    """Store every layer in a form of that number, whether it gains or not: 0 dense, then as sparse_forms lists them."""

    def choose(form: int) -> None:
        for module in ("edgeseq.export.c.fast", "edgeseq.export.c.portable.matrix"):
            monkeypatch.setattr(f"{module}.best", lambda costs: min(form, len(costs) - 1))

    return choose


def sized(size: int) -> QuantGraph:
    """A layer of that many units; kinds, shares, blocks and widths change from size to size."""
    options = {"input_dtype": "int16"} if size % 3 == 0 else {}
    options |= {"scheme": "int16x8"} if size % 5 == 0 else {}
    pruned = (SHARES[size // 2 % 4], BLOCKS[size // 8 % 2])
    return make_quantized(KINDS_OF_LAYER[size % 4], 68 - size, size, 1 + size % 5, seed=size, pruned=pruned, **options)


@pytest.mark.parametrize("form", [1, 2, 3])
@pytest.mark.parametrize("kernels", SPARSE_SETS)
def test_some_sizes_in_every_form(kernels, form, force, tmp_path):
    """Either matrix sparse, or both, with no block, some blocks and all: 0 mismatches."""
    force(form)
    assert_sizes_equal_oracle({size: sized(size) for size in (1, 2, 3, 4, 6, 7, 9, 13, 16, 18, 21, 34)}, kernels, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kernels", SPARSE_SETS)
def test_every_size_from_1_to_67_without_zeros(kernels, force, tmp_path):
    """Units and inputs that are no multiple of a block: all sizes 1..67, all sparse: 0 mismatches."""
    force(1)
    assert_sizes_equal_oracle({size: sized(size) for size in range(1, 68)}, kernels, tmp_path)


@pytest.mark.parametrize("form", [1, 2, 3])
@pytest.mark.parametrize(("core", "compiler"), [("cortex-m0plus", "zig"), ("cortex-m4", "zig"), ("cortex-m4", "gcc")])
def test_every_form_on_emulated_cores(core, compiler, form, force, tmp_path):
    """Every kind of layer, all remainders of the loops, both widths of the state: 0 mismatches."""
    force(form)
    kernels = load_core(core).kernel_set
    for size, scheme in ((7, "int8"), (18, "int16x8")):
        graph = make_quantized("gru+lstm+gru_before+rnn", 70 - size, size, 3, scheme=scheme, pruned=(0.6, (4, 4)))
        project, x = export_c(graph, name="model", kernel_set=kernels), random_codes(graph, 20)
        assert len(project.sparse) == 4
        outputs, states = run_on_core(project, x, np.zeros(len(x), bool), core, tmp_path / scheme, compiler)
        wanted = Oracle(graph).run(x[None], keep_states=True)
        assert np.array_equal(outputs, wanted.outputs[0])
        assert np.array_equal(states, wanted.states[0])


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_pruning_saves_time_and_flash(core):
    """At 75 % zeros in blocks of 4x4 a step takes a quarter less, the image shrinks, and its weights' bytes are those told."""
    dense = make_quantized("gru", 16, 32, 10)
    sparse = zero_blocks(dense, 0.75, (4, 4))
    projects = [export_c(graph, kernel_set=load_core(core).kernel_set) for graph in (dense, sparse)]
    before, after = (profile(graph, core, project=project) for graph, project in zip((dense, sparse), projects, strict=True))
    assert after.instructions_per_step < 0.75 * before.instructions_per_step
    assert after.flash_image_bytes < before.flash_image_bytes - 2000
    told = projects[0].weight_bytes - projects[1].weight_bytes
    assert before.flash_model_bytes - after.flash_model_bytes == told


def test_the_instructions_estimated_are_those_measured(force):
    """What a sparse form is chosen by differs from the emulator's count by less than 3 % of a step, in every form."""
    for core, gain in (("cortex-m4", 1.0), ("cortex-m0plus", 0.3)):
        graph = make_quantized("gru", 16, 32, 10, pruned=(0.6, (4, 4)), gain=gain)
        kernels, figures = load_core(core).kernel_set, []
        for form in range(4):
            force(form)
            project = export_c(graph, kernel_set=kernels)
            cell_cost = _estimate(graph, kernels, form)
            figures.append((profile(graph, core, project=project).instructions_per_step, cell_cost))
        for measured, estimated in figures[1:]:
            saved = figures[0][0] - measured
            assert abs(saved - (figures[0][1] - estimated)) < 0.03 * figures[0][0], (core, figures)


def _estimate(graph: QuantGraph, kernels: str, form: int) -> float:
    isa = FAMILIES[kernels]
    cell = cell_of(graph.layers[0], "codes8", graph.input.zero_point)
    forms = [cell, *(replace(cell, sparse=sparse) for sparse in isa.sparse_forms(cell))]
    return isa.instructions(forms[form])


@pytest.mark.parametrize("kernels", SPARSE_SETS)
def test_what_has_no_zeros_is_stored_whole(kernels):
    """Few zeros make a matrix no smaller: it is stored as before, and nothing is said."""
    graph = make_quantized("gru", 16, 32, 10)
    few = zero_blocks(graph, 0.02, (4, 4))
    for each in (graph, few):
        project = export_c(each, name="model", kernel_set=kernels)
        assert project.sparse == {}
        assert project.weight_bytes == export_c(graph, name="model", kernel_set=kernels).weight_bytes


def test_each_matrix_is_chosen_for_itself():
    """Of a layer whose state's matrix alone is pruned, that one is stored without zeros, and the header says so."""
    dense = make_quantized("gru", 40, 16, 3)
    layer = replace(dense.layers[0], recurrent=zero_blocks(dense, 0.75, (4, 4)).layers[0].recurrent)
    graph = replace(dense, layers=(layer, *dense.layers[1:]))
    for kernels in ("dsp", "thumb1", "portable"):
        project = export_c(graph, name="model", kernel_set=kernels)
        stored = "48 of 192 1x4" if kernels == "portable" else "12 of 48 4x4"
        assert project.sparse == {"l0": f"{stored} blocks of the recurrent weights"}
        assert f"l0 sparse: {stored} blocks" in project.files["model.h"]


def test_the_rule_takes_no_loss():
    """The dense form stays unless another one is no worse in both figures; time counts before flash."""
    dense = Cost(1000, 5000)
    assert best([dense, Cost(900, 5001), Cost(1001, 4000)]) == 0
    assert best([dense, Cost(990, 4900), Cost(1000, 4000), Cost(400, 4500)]) == 2
    assert best([dense, Cost(1000, 5000)]) == 0
    assert best([Cost(1000), Cost(1000), Cost(999)]) == 2


def test_gaps_are_filled_where_a_step_does_not_reach():
    """No step is longer than its reach, every block with a weight is kept, and steps add up to where each block lies."""
    rng = np.random.default_rng(0)
    for share in (0, 0.01, 0.05, 0.5, 1):
        stored = rng.random(500) < share
        kept = reachable(stored, 31)
        assert set(np.flatnonzero(stored)) <= set(kept)
        assert np.array_equal(np.cumsum(steps(kept)), kept)
        assert steps(kept).max(initial=0) <= 31


def test_blocks_at_the_edges_are_cut_off():
    """A block counts where any weight in it is left, those of the last units and columns included."""
    weight = np.zeros((2 * 5, 6), np.int8)
    weight[4, 5] = weight[5, 0] = 1
    assert stored_blocks(weight, 5, (4, 4)).tolist() == [[False, False], [False, True], [True, False], [False, False]]
