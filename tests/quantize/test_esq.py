"""The .esq file: exact round trip, and every kind of damage found."""

import dataclasses
import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.errors import QuantizedFileError
from edgeseq.quantize import read_esq, write_esq
from edgeseq.quantize.esq import VERSION, from_bytes, to_bytes
from edgeseq.simulate import Oracle
from tests.conftest import random_codes
from tests.parity.cases import CASES

DATA = to_bytes(CASES["gru over lstm"].build())


@pytest.mark.parametrize("name", list(CASES))
def test_round_trip(name, tmp_path):
    """Written and read back, the graph computes the same integers and writes the same bytes."""
    graph = CASES[name].build()
    write_esq(graph, tmp_path / "m.esq")
    again = read_esq(tmp_path / "m.esq")
    x = random_codes(graph, 20)[None]
    assert np.array_equal(Oracle(graph).run(x).outputs, Oracle(again).run(x).outputs)
    assert to_bytes(again) == (tmp_path / "m.esq").read_bytes()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_found(position, bit):
    """One flipped bit anywhere in the file is an error."""
    data = bytearray(DATA)
    data[position] ^= 1 << bit
    with pytest.raises(QuantizedFileError):
        from_bytes(bytes(data))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(DATA) - 1))
def test_any_truncation_is_found(length):
    """The file cut off anywhere is an error."""
    with pytest.raises(QuantizedFileError):
        from_bytes(DATA[:length])


def sealed(payload: bytes) -> bytes:
    """A file whose checksum fits whatever it holds."""
    return struct.pack("<8sIQ32s", b"edgeseq\0", VERSION, len(payload), hashlib.sha256(payload).digest()) + payload


TREE = DATA[52 + 4 : 52 + 4 + struct.unpack_from("<I", DATA, 52)[0]]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(TREE) - 1), st.integers(1, 127))
def test_crafted_content_is_refused_or_sound(position, change):
    """With a fitting checksum around changed JSON: an error, or a graph whose shapes the kernels can rely on."""
    tree = bytearray(TREE)
    tree[position] ^= change
    payload = struct.pack("<I", len(tree)) + bytes(tree) + DATA[52 + 4 + len(TREE) :]
    try:
        graph = from_bytes(sealed(payload))
    except QuantizedFileError:
        return
    Oracle(graph).run(np.zeros((1, 2, graph.input_size), graph.input.dtype))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a .esq file"),
        (b"PK\x03\x04" * 30, "not a .esq file"),
        (DATA[:8] + b"\x09\0\0\0" + DATA[12:], "format version 9; this edgeseq reads version 2"),
        (DATA + b"x", "truncated"),
        (sealed(b"\x02\0\0\0{}"), "content does not"),
        (sealed(b'\x17\0\0\0{"type":"os.system","x":1}'), "content does not"),
    ],
    ids=["empty", "zip", "version", "longer", "no type", "foreign type"],
)
def test_messages(data, words):
    """Each kind of damage has its own words."""
    with pytest.raises(QuantizedFileError, match=words):
        from_bytes(data)


def test_a_weight_of_minus_128_is_refused():
    """Kernels add two products of int8 weights in 16 bits, which no weight of -127 or more can exceed."""
    graph = from_bytes(DATA)
    weight = graph.layers[0].input.weight.copy()
    weight[0, 0] = -128
    layer = dataclasses.replace(graph.layers[0], input=dataclasses.replace(graph.layers[0].input, weight=weight))
    damaged = dataclasses.replace(graph, layers=(layer, *graph.layers[1:]))
    with pytest.raises(QuantizedFileError, match=r"a weight of -128; expected -127\.\.127"):
        from_bytes(to_bytes(damaged))


@pytest.mark.parametrize("shape", [[], [8, float("inf")], [8, -1], [8, "x"], None, [1 << 62, 1 << 62]])
def test_impossible_shapes_are_refused(shape):
    """A single number where a matrix belongs, and sizes that are none, are damage like any other."""
    tree = json.loads(TREE)
    tree["layers"][0]["recurrent"]["weight"]["shape"] = shape
    text = json.dumps(tree).encode()
    with pytest.raises(QuantizedFileError, match="the checksum fits but the content does not"):
        from_bytes(sealed(struct.pack("<I", len(text)) + text + DATA[52 + 4 + len(TREE) :]))


def test_missing_file(tmp_path):
    """A missing file is named."""
    with pytest.raises(QuantizedFileError, match="no such file"):
        read_esq(tmp_path / "m.esq")
