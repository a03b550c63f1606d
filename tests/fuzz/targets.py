"""What the fuzzer feeds: each target reads bytes, and ends in a value or in one of edgeseq's own errors."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeseq.doctor import diagnose
from edgeseq.errors import EdgeseqError
from edgeseq.frontend import load_model
from edgeseq.quantize import esq
from edgeseq.simulate import Oracle

TESTS = Path(__file__).parents[1]
# Files beyond this are no better seeds, only slower ones.
LARGEST_SEED = 14_000
# Time steps that a graph is run for at most.
LONGEST = 64
INTEGERS = (0, 1, 2, 3, 4, 7, 16, 255, 1 << 16, 1 << 31, 1 << 40, (1 << 63) - 1)
NUMBERS: tuple[Any, ...] = (*INTEGERS, *(-value for value in INTEGERS), 0.5, 1e308, float("nan"), float("inf"))
VALUES: tuple[Any, ...] = (*NUMBERS, None, True, False, "", "x", [], {}, [0], [[]])


@dataclass(frozen=True, slots=True)
class Target:
    """seeds: good inputs. read: what must not fail otherwise than by an EdgeseqError. mutate: one change that fits the format."""

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    mutate: Callable[[bytes, random.Random], bytes]


def survives(target: Target, data: bytes, folder: Path) -> bool:
    """Read an input; whether it was taken. Any exception but an EdgeseqError goes through."""
    try:
        target.read(data, folder)
    except EdgeseqError:
        return False
    return True


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is one: a target writes a file for each input."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="edgeseq-fuzz-", dir=memory if memory.is_dir() else None)


def _files(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(TESTS.glob(pattern)) if path.stat().st_size <= LARGEST_SEED]


def _as_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def run(data: bytes, folder: Path) -> object:
        (folder / name).write_bytes(data)
        return read(folder / name)

    return run


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    """Overwrite, cut, insert or repeat a few bytes, or write a number where one may stand."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place, length = rng.randrange(len(changed) + 1), rng.randint(1, 8)
        match rng.randrange(5):
            case 0:
                changed[place : place + length] = rng.randbytes(length)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = rng.randbytes(length)
            case 3:
                changed[place:place] = changed[place : place + 16 * length]
            case 4:
                place &= ~3
                changed[place : place + 4] = struct.pack("<i", rng.choice((0, 1, -1, 4, 0x7FFFFFFF, -0x80000000, 1 << 20)))
    return bytes(changed)


def change_onnx(data: bytes, rng: random.Random) -> bytes:
    """One field of any message of the file."""
    import onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # noqa: BLE001 - protobuf's errors differ between its implementations
        return change_bytes(data, rng)
    for _ in range(rng.randint(1, 3)):
        leaves = list(_leaves(model))
        # A number that the field does not hold, text that is no UTF-8.
        with contextlib.suppress(ValueError, TypeError):
            if leaves:
                _change_field(*rng.choice(leaves), rng, leaves)
    return bytes(model.SerializeToString())


def _leaves(message: Any) -> Iterator[tuple[Any, Any]]:
    """Every field that is set, with its message, those of messages inside too."""
    for field, value in message.ListFields():
        yield message, field
        if field.type == field.TYPE_MESSAGE:
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from _leaves(inner)


def _change_field(message: Any, field: Any, rng: random.Random, leaves: list[tuple[Any, Any]]) -> None:
    value = getattr(message, field.name)
    repeated = not isinstance(value, str | bytes | int | float) and not hasattr(value, "ListFields")
    if field.type == field.TYPE_MESSAGE or (repeated and rng.random() < 0.3):
        if not repeated:
            message.ClearField(field.name)
        elif rng.random() < 0.5:
            del value[rng.randrange(len(value))]
        else:
            value.extend([rng.choice(list(value))])
        return
    old = rng.choice(list(value)) if repeated else value
    new = _other(old, field, rng, leaves)
    if repeated:
        value[rng.randrange(len(value))] = new
    else:
        setattr(message, field.name, new)


def _other(old: Any, field: Any, rng: random.Random, leaves: list[tuple[Any, Any]]) -> Any:
    match old:
        case bytes():
            return change_bytes(old, rng)
        case str():
            named = [getattr(m, f.name) for m, f in leaves if f.type == field.type and isinstance(getattr(m, f.name), str)]
            inputs = [
                text for m, f in leaves if f.name in ("input", "output") for text in getattr(m, f.name) if isinstance(text, str)
            ]
            return rng.choice([*named, *inputs, ""])
        case float():
            return rng.choice([float(value) for value in NUMBERS])
        case _:
            return rng.choice([old + 1, old - 1, rng.randrange(20), *(value for value in NUMBERS if isinstance(value, int))])


def change_esq(data: bytes, rng: random.Random) -> bytes:
    """One value of the tree that the payload describes."""
    (length,) = struct.unpack_from("<I", data) if len(data) >= 4 else (0,)
    try:
        tree = json.loads(data[4 : 4 + length])
    except (ValueError, RecursionError):
        return change_bytes(data, rng)
    for _ in range(rng.randint(1, 3)):
        places = list(_places(tree))
        if places:
            holder, key = rng.choice(places)
            kinds = [other["type"] for other, name in places if name == "type"]
            near = [holder[key] + 1, holder[key] - 1, 2 * holder[key]] if isinstance(holder[key], int) else []
            value = rng.choice([*near, *VALUES, *kinds, *(other[name] for other, name in rng.choices(places, k=9))])
            holder[key] = json.loads(json.dumps(value))  # a part of the tree may stand in itself, but as a copy
    text = json.dumps(tree).encode()
    return struct.pack("<I", len(text)) + text + data[4 + length :]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def _esq_seeds() -> list[bytes]:
    from tests.conftest import make_quantized
    from tests.window_models import window_quantized

    kinds = ("gru", "lstm+gru_before", "rnn+mgu", "mingru", "fastgrnn_low", "conv3+gru", "depthwise3+gru", "embedding+gru")
    graphs = [make_quantized(kind, 1 if "embedding" in kind else 4, 4, 3) for kind in kinds]
    graphs += [window_quantized(parts, 4, 4, 3) for parts in ("bi gru concat", "attend 2+gru")]
    header = len(esq.to_bytes(graphs[0])) - _payload_size(esq.to_bytes(graphs[0]))
    return [esq.to_bytes(graph)[header:] for graph in graphs]


def _payload_size(data: bytes) -> int:
    return int(struct.unpack_from("<8sIQ32s", data)[2])


def _read_payload(data: bytes, folder: Path) -> object:
    """A payload under a header whose checksum fits, since nothing else gets past it."""
    header = struct.pack("<8sIQ32s", esq.MAGIC, esq.VERSION, len(data), hashlib.sha256(data).digest())
    graph = esq.from_bytes(header + data, "m.esq")
    steps = graph.window_steps or 2
    if steps <= LONGEST:  # what was taken, runs
        Oracle(graph).run(np.zeros((1, steps, graph.input_size), graph.input.dtype))
    return graph


TARGETS: dict[str, Target] = {
    "onnx": Target(lambda: _files("frontend/onnx_files/*.onnx"), _as_file("m.onnx", load_model), change_onnx),
    "esq": Target(_esq_seeds, _read_payload, change_esq),
    "tflite": Target(lambda: _files("doctor/files/*.tflite"), _as_file("m.tflite", diagnose), change_bytes),
}
