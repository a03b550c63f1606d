"""Damaged and hostile model files end in ModelError: no crash, no other exception, nothing executed or unpacked."""

import contextlib
import io
import json
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeseq.errors import ModelError
from edgeseq.frontend import inspect_model, load_model

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "m",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, None, 3]}},
            {"class_name": "GRU", "config": {"name": "g", "units": 2, "reset_after": True, "use_bias": True}},
        ],
    },
}


def weights(shapes=((3, 6), (2, 6), (2, 6)), **options) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for index, shape in enumerate(shapes):
            file.create_dataset(f"layers/gru/cell/vars/{index}", shape=shape, dtype="f4", **options)
    return stream.getvalue()


def archive(path: Path, config: bytes | None = None, store: bytes | None = None, **extra: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", json.dumps(CONFIG) if config is None else config)
        file.writestr("model.weights.h5", weights() if store is None else store)
        for name, data in extra.items():
            file.writestr(name, data)
    return path


def good_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return archive(Path(folder) / "good.keras").read_bytes()


GOOD = good_file()


def test_the_good_file_loads(tmp_path):
    """The file that the tests below damage is itself fine."""
    (tmp_path / "m.keras").write_bytes(GOOD)
    assert load_model(tmp_path / "m.keras").recurrent[0].units == 2


def rejected(path: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        load_model(path)


def test_missing_file(tmp_path):
    """A missing file is named."""
    rejected(tmp_path / "none.keras", "none.keras: no such file")


def test_not_a_model(tmp_path):
    """A text file is neither a .keras nor an HDF5 file, and an empty one neither."""
    for content in (b"hello", b""):
        (tmp_path / "m.keras").write_bytes(content)
        rejected(tmp_path / "m.keras", "neither a .keras archive nor an HDF5 file")


def test_a_folder(tmp_path):
    """A SavedModel folder gets the way out."""
    rejected(tmp_path, "is a folder")


def test_members_outside_are_never_written(tmp_path):
    """Path traversal has nothing to traverse: members are read by name, and only two of them."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    path = archive(inner / "m.keras", **{"../../evil.txt": b"x", "/evil.txt": b"x"})
    load_model(path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "m.keras"]


def test_zip_bomb(tmp_path):
    """A config that unpacks to more than its limit is refused, whether its header says so or lies."""
    path = archive(tmp_path / "m.keras", config=b" " * (17 << 20))
    assert path.stat().st_size < 1 << 20
    rejected(path, "more than the limit")
    data = bytearray(path.read_bytes())
    # Uncompressed size in the central directory and in the local header.
    for marker in (b"PK\x01\x02", b"PK\x03\x04"):
        at = data.find(marker)
        offset = at + (24 if marker[2] == 1 else 22)
        data[offset : offset + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ModelError):
        load_model(path)


def test_weights_bomb(tmp_path):
    """A dataset of 10**12 claimed elements is refused by its shape, before it is allocated."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("layers/gru/cell/vars/0", (1_000_000, 1_000_000), "f4", chunks=(1000, 1000), compression="gzip")
    assert len(stream.getvalue()) < 10_000
    rejected(archive(tmp_path / "m.keras", store=stream.getvalue()), "refusing to read it")


def test_external_weights(tmp_path):
    """A dataset that points to another file on this machine is not followed."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.ones(18, np.float32).tobytes())
    store = weights(external=[(str(secret), 0, 72)])
    rejected(archive(tmp_path / "m.keras", store=store), "outside its own file")


def test_text_as_weights(tmp_path):
    """Weights that are strings are refused."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for index in range(3):
            file[f"layers/gru/cell/vars/{index}"] = "text"
    rejected(archive(tmp_path / "m.keras", store=stream.getvalue()), "expected numbers")


def test_wrong_shapes(tmp_path):
    """Weights that do not fit the config name both."""
    rejected(archive(tmp_path / "m.keras", store=weights(((4, 6), (2, 6), (2, 6)))), r"kernel \(4, 6\)")
    rejected(archive(tmp_path / "m.keras", store=weights(((3, 6),))), "1 weight arrays; expected 3")


@pytest.mark.parametrize(
    "config", [b"{", b"[]", b"null", b'{"class_name": 5}', b"[" * 100_000, b'{"class_name":"X","config":{}}']
)
def test_broken_config(config, tmp_path):
    """JSON that is damaged, empty, absurdly nested or of another shape."""
    with pytest.raises(ModelError):
        load_model(archive(tmp_path / "m.keras", config=config))


KEYS = ["name", "units", "reset_after", "use_bias", "activation", "batch_shape", "return_sequences", "axis"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**7) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["name", "units", "reset_after", "use_bias", "activation", "batch_shape", "return_sequences", "axis"]),
    json_values,
    st.integers(0, 1),
)
def test_any_value_in_the_config(tmp_path, key, value, layer):
    """Whatever JSON value stands in a layer's config: a graph, or a ModelError."""
    config = json.loads(json.dumps(CONFIG))
    config["config"]["layers"][layer]["config"][key] = value
    path = archive(tmp_path / "m.keras", config=json.dumps(config).encode())
    with contextlib.suppress(ModelError):
        load_model(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_flipped_byte(tmp_path, position, change):
    """Any byte of the archive changed: a graph, or a ModelError (the zip's CRC catches most)."""
    data = bytearray(GOOD)
    data[position] ^= change
    (tmp_path / "m.keras").write_bytes(data)
    with contextlib.suppress(ModelError):
        load_model(tmp_path / "m.keras")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD) - 1))
def test_any_truncation(tmp_path, length):
    """The archive cut off anywhere is a ModelError."""
    (tmp_path / "m.keras").write_bytes(GOOD[:length])
    with pytest.raises(ModelError):
        inspect_model(tmp_path / "m.keras")


STORE = weights()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(STORE) - 1), st.integers(1, 255))
def test_any_flipped_byte_in_the_hdf5(tmp_path, position, change):
    """Any byte of the weights changed, with a valid zip around them: a graph, or a ModelError."""
    data = bytearray(STORE)
    data[position] ^= change
    path = archive(tmp_path / "m.keras", store=bytes(data))
    with contextlib.suppress(ModelError):
        load_model(path)
