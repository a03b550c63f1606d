"""What an image's memory holds, block by block, on cores that align words and on one that does not."""

import pytest

from benchmarks.random_models import quantized_case
from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.search.answer.layers import memory_map
from edgeseq.measure.profile import profile


@pytest.mark.parametrize("core", ["atmega328p", "cortex-m0plus"])
@pytest.mark.parametrize("units", [1, 3, 8])
def test_blocks_of_memory_fill_the_image(core, units):
    """None is negative, and they sum up to what the image takes."""
    graph = quantized_case(Configuration((("fastgrnn", units),)), TaskShape(3, 2, 8), seed=1)
    measured = profile(graph, core, optimize="speed")
    found = memory_map(measured)
    for name, total in (("flash", measured.flash_image_bytes), ("ram", measured.ram_image_bytes)):
        assert all(block["bytes"] >= 0 for block in found[name]), found
        assert sum(block["bytes"] for block in found[name]) == total
