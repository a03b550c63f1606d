"""What a .tflite says of itself can be read back: names, rate, normalisation, scales, signatures and the order of tensors."""

import dataclasses
import json

import numpy as np
import pytest
import tflite

from edgeseq.errors import DataError
from edgeseq.export.tflite import Description, export_float_tflite, export_tflite
from edgeseq.export.tflite.model import METADATA
from edgeseq.graph import Normalization
from edgeseq.quantize import quantize, write_esq
from tests.cli.test_cli import run as run_main
from tests.conftest import make_graph, make_quantized, noise

CLASSES, FEATURES = ("rest", "walk", "run"), ("x", "y", "z", "gx", "gy", "gz")
DESCRIPTION = Description(CLASSES, FEATURES, 50.0)


def about(data: bytes) -> dict:
    model = tflite.Model.GetRootAsModel(data, 0)
    (held,) = (model.Metadata(i) for i in range(model.MetadataLength()))
    assert held.Name() == METADATA.encode()
    return json.loads(bytes(model.Buffers(held.Buffer()).DataAsNumpy()))


@pytest.fixture(scope="module")
def graph():
    """A GRU over a layer that normalises."""
    made = make_graph("gru", 6, 9, 3)
    normal = Normalization(np.linspace(-2, 2, 6), np.geomspace(0.1, 10, 6))
    return dataclasses.replace(made, normalization=normal)


FORMS = {"step": None, "stateful": None, "unrolled": 4, "window": 4}


@pytest.mark.parametrize("form", FORMS)
def test_all_that_is_known_is_read_back(graph, form):
    """Names, rate, normalisation and scales, equal in each form; the tensors of the file have those very scales."""
    quantized = quantize(graph, noise(graph, (8, 40), 1))
    model = export_tflite(quantized, form, FORMS[form], description=DESCRIPTION)
    said = about(model.data)
    assert (said["class_names"], said["feature_names"], said["sampling_rate_hz"]) == (list(CLASSES), list(FEATURES), 50.0)
    assert np.array_equal(np.float32(said["normalization"]["mean"]), np.float32(graph.normalization.mean))
    assert np.array_equal(np.float32(said["normalization"]["std"]), np.float32(graph.normalization.std))
    main = tflite.Model.GetRootAsModel(model.data, 0).Subgraphs(0)
    x, y = main.Tensors(main.Inputs(0)), main.Tensors(main.Outputs(0))
    assert said["input"]["scale"] == x.Quantization().Scale(0) == quantized.input.scale.value
    assert said["input"]["zero_point"] == x.Quantization().ZeroPoint(0)
    assert said["output"]["scale"] == y.Quantization().Scale(0)
    assert said["states"] == ["gru_0/h"] * (form != "window")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("floats", [False, True])
def test_signature_lists_the_tensors_in_their_order(graph, form, floats):
    """X, then the states; y, then the states: the signature, the subgraph and the model's ports say the same, in every form."""
    export, made = (export_float_tflite, graph) if floats else (export_tflite, quantize(graph, noise(graph, (8, 40), 1)))
    model = export(made, form, FORMS[form])
    file = tflite.Model.GetRootAsModel(model.data, 0)
    main, signature = file.Subgraphs(0), file.SignatureDefs(0)
    assert signature.SignatureKey() == form.encode()
    states = ["gru_0/h"] * (form in ("step", "unrolled"))
    for first, ports, count, entry, ends in (
        ("x", model.inputs, signature.InputsLength(), signature.Inputs, main.InputsAsNumpy()),
        ("y", model.outputs, signature.OutputsLength(), signature.Outputs, main.OutputsAsNumpy()),
    ):
        assert [port.name for port in ports] == [first, *states]
        assert [entry(at).Name().decode() for at in range(count)] == [first, *states]
        assert [entry(at).TensorIndex() for at in range(count)] == list(ends)


def test_what_is_not_known_stays_out(graph):
    """A file without a description names no classes; a float one has its normalisation all the same."""
    said = about(export_float_tflite(graph).data)
    assert not {"class_names", "feature_names", "sampling_rate_hz", "feature_settings", "input"} & set(said)
    assert len(said["normalization"]["mean"]) == 6
    assert "normalization" not in about(export_tflite(make_quantized("gru", 6, 9, 3)).data)


def test_names_of_another_model_are_refused(graph):
    """As many names as outputs and inputs; one output may be of two classes."""
    with pytest.raises(DataError, match=r"2 class names \(a, b\) for the 3 outputs of model 'case'; describe it by the data"):
        export_float_tflite(graph, description=Description(("a", "b")))
    with pytest.raises(DataError, match=r"4 feature names \(a, b, c, ...\) for the 6 inputs"):
        export_float_tflite(graph, description=Description((), tuple("abcd")))
    pair = make_quantized("gru", 6, 9, 1, activation="sigmoid")
    assert about(export_tflite(pair, description=Description(("no", "yes"))).data)["class_names"] == ["no", "yes"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """m.esq, a GRU(9) of 6 inputs; data.npz and other.npz, classified windows with 3 and with 4 names of classes."""
    path = tmp_path_factory.mktemp("metadata")
    write_esq(make_quantized("gru", 6, 9, 3), path / "m.esq")
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (24, 10, 6))
    for name, classes in (("data", CLASSES), ("other", (*CLASSES, "jump"))):
        y = np.arange(24) % len(classes)
        np.savez(path / f"{name}.npz", X=x, y=y, class_names=np.array(classes), feature_names=np.array(FEATURES))
    return path


def test_the_command_takes_the_names_of_a_data_set(folder, capsys):
    """--describe and --sampling-rate end in the metadata."""
    out = folder / "m.tflite"
    asked = ["export", folder / "m.esq", "--format", "tflite", "--out", out, "--describe", folder / "data.npz"]
    code, _, stderr = run_main(capsys, *map(str, (*asked, "--sampling-rate", 50)))
    assert code == 0, stderr
    said = about(out.read_bytes())
    assert (said["class_names"], said["feature_names"], said["sampling_rate_hz"]) == (list(CLASSES), list(FEATURES), 50.0)


WRONG = {
    "another data set": (
        ["--format", "tflite", "--out", "x.tflite", "--describe", "other.npz"],
        "4 class names (rest, walk, run",
    ),
    "no such data": (["--format", "tflite", "--out", "x.tflite", "--describe", "none.npz"], "none.npz"),
    "no rate": (
        ["--format", "tflite", "--out", "x.tflite", "--sampling-rate", "0"],
        "a sampling rate of 0 Hz; expected a positive",
    ),
    "no number": (["--format", "tflite", "--out", "x.tflite", "--sampling-rate", "nan"], "a sampling rate of nan Hz"),
    "onnx": (["--format", "onnx", "--out", "x.onnx", "--sampling-rate", "50"], "--sampling-rate: of .tflite files alone"),
    "C": (["--out", "c", "--describe", "data.npz"], "--describe: not of C projects"),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=list(WRONG))
def test_wrong_descriptions_end_in_a_message(folder, capsys, monkeypatch, options, words):
    """Exit 2, the reason, and no file."""
    monkeypatch.chdir(folder)
    code, _, stderr = run_main(capsys, "export", "m.esq", *options)
    assert code == 2
    assert words in " ".join(stderr.split())
    assert not {path.name for path in folder.iterdir()} & {"x.tflite", "x.onnx", "c"}
