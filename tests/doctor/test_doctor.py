"""The doctor on files that TensorFlow's converter really made: what it finds, and that real runtimes agree.

make_converter_files.py wrote the files; run_converter_files.py ran them on LiteRT, tflite-runtime and TensorFlow Lite
Micro and stored what each said in outcomes.json.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from edgeseq.doctor import diagnose
from edgeseq.doctor.tflite.file import open_tflite
from edgeseq.doctor.tflite.rules import RULES
from edgeseq.doctor.tflite.runtimes import ALL, LITERT, RUNTIMES, TFLITE_RUNTIME, TFLM, support
from edgeseq.export.tflite import export_float_tflite, export_tflite
from edgeseq.export.tflite.file import FileRecord, OperatorRecord, SubgraphRecord, TensorRecord
from tests.conftest import make_graph, make_quantized
from tests.doctor.synthetic import SYNTHETIC

HERE = Path(__file__).parent
FILES = HERE / "files"
OUTCOMES = json.loads((HERE / "outcomes.json").read_text())
EVERYWHERE, HOSTED = " ".join(ALL), f"{LITERT} {TFLITE_RUNTIME}"

# File -> what is found: severity, rule, runtimes.
EXPECTED = {
    "fft_custom": {
        ("blocks", "custom_operator", EVERYWHERE),
        ("blocks", "no_kernel", TFLM),
        ("blocks", "type", TFLM),
        ("costs", "overhead", EVERYWHERE),
    },
    "fft_flex": {
        ("blocks", "flex", EVERYWHERE),
        ("blocks", "no_kernel", TFLM),
        ("blocks", "type", TFLM),
        ("costs", "overhead", EVERYWHERE),
    },
    "gru_dynamic_batch": {
        ("blocks", "tensor_list", EVERYWHERE),
        ("blocks", "type", TFLM),
        ("costs", "control_flow", EVERYWHERE),
        ("costs", "open_shape", TFLM),
        ("costs", "open_shape", HOSTED),
    },
    "gru_dynamic_time": {
        ("wrong", "open_shape", TFLM),
        ("costs", "control_flow", EVERYWHERE),
        ("costs", "open_shape", HOSTED),
        ("costs", "float_weights", TFLM),
    },
    "gru_fixed_batch": {
        ("costs", "control_flow", EVERYWHERE),
        ("costs", "float_weights", TFLM),
    },
    "gru_stateful": {
        ("wrong", "variables", HOSTED),
        ("costs", "float_weights", TFLM),
        ("note", "variables", TFLM),
    },
    "gru_step_16x8": {
        ("costs", "edges", EVERYWHERE),
    },
    "gru_step_dynamic_range": {
        ("blocks", "too_new", TFLITE_RUNTIME),
        ("blocks", "hybrid", TFLM),
        ("costs", "float_weights", TFLM),
        ("costs", "edges", EVERYWHERE),
        ("note", "hybrid", HOSTED),
    },
    "gru_step_dynamic_range_per_tensor": {
        ("blocks", "hybrid", TFLM),
        ("costs", "float_weights", TFLM),
        ("costs", "edges", EVERYWHERE),
        ("note", "hybrid", HOSTED),
    },
    "gru_step_float": {
        ("costs", "float_weights", TFLM),
        ("costs", "edges", EVERYWHERE),
    },
    "gru_step_float16": {
        ("blocks", "float16", TFLM),
        ("costs", "float16", HOSTED),
        ("costs", "edges", EVERYWHERE),
    },
    "gru_step_int8": {
        ("wrong", "int8_state", EVERYWHERE),
        ("costs", "edges", EVERYWHERE),
        ("note", "per_channel", EVERYWHERE),
    },
    "gru_step_untracked": {
        ("blocks", "unset_variable", TFLITE_RUNTIME),
        ("wrong", "unset_variable", f"{LITERT} {TFLM}"),
        ("costs", "edges", EVERYWHERE),
    },
    "gru_unrolled_float": {
        ("costs", "float_weights", TFLM),
        ("costs", "overhead", EVERYWHERE),
    },
    "gru_unrolled_int8": {
        ("wrong", "int8_state", EVERYWHERE),
        ("costs", "overhead", EVERYWHERE),
        ("note", "per_channel", EVERYWHERE),
    },
    "lstm_bidirectional": {
        ("costs", "control_flow", EVERYWHERE),
        ("costs", "float_weights", TFLM),
    },
    "lstm_dynamic_range": {
        ("blocks", "too_new", TFLITE_RUNTIME),
        ("blocks", "hybrid", TFLM),
        ("costs", "control_flow", EVERYWHERE),
        ("costs", "float_weights", TFLM),
        ("note", "hybrid", HOSTED),
    },
    "lstm_fused_float": {
        ("wrong", "fused_keeps_state", EVERYWHERE),
        ("costs", "float_weights", TFLM),
    },
    "lstm_fused_int8": {
        ("wrong", "fused_keeps_state", EVERYWHERE),
        ("costs", "int8_hidden", EVERYWHERE),
        ("note", "per_channel", EVERYWHERE),
    },
    "lstm_fused_step_int8": {
        ("wrong", "fused_one_step", TFLM),
        ("costs", "int8_hidden", EVERYWHERE),
        ("note", "fused_keeps_state", EVERYWHERE),
        ("note", "per_channel", EVERYWHERE),
    },
    "lstm_step_int8": {
        ("wrong", "int8_state", EVERYWHERE),
        ("costs", "edges", EVERYWHERE),
        ("note", "per_channel", EVERYWHERE),
    },
    "simple_rnn": {
        ("costs", "control_flow", EVERYWHERE),
        ("costs", "float_weights", TFLM),
    },
    "spectrum": {
        ("blocks", "no_kernel", TFLM),
        ("blocks", "type", TFLM),
        ("costs", "float_weights", TFLM),
        ("costs", "overhead", EVERYWHERE),
    },
}


def found(name):
    findings = diagnose(FILES / f"{name}.tflite").findings
    return {(finding.severity, finding.rule, " ".join(finding.runtimes)) for finding in findings}


def test_every_file_is_in_the_tables():
    """The folder, the expectations and the outcomes speak of the same files, which are small."""
    files = {path.stem: path.stat().st_size for path in FILES.glob("*.tflite")}
    assert len(files) >= 20
    assert set(files) == set(EXPECTED) == set(OUTCOMES)
    assert max(files.values()) < 60_000
    assert sum(files.values()) < 600_000
    assert all(set(outcome) == set(RUNTIMES) for outcome in OUTCOMES.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_findings(name):
    """Exactly what is wrong with each file is found, for the runtimes it concerns, worst first."""
    assert found(name) == EXPECTED[name]
    findings = diagnose(FILES / f"{name}.tflite").findings
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, key=["blocks", "wrong", "costs", "note"].index)
    for finding in findings:
        assert all(len(text) > 10 for text in (finding.what, finding.why, finding.way_out)), finding
        assert finding.where


@pytest.mark.parametrize("name", EXPECTED)
def test_real_runtimes_agree(name):
    """A runtime refuses a file if and only if the doctor says so."""
    diagnosis = diagnose(FILES / f"{name}.tflite")
    for runtime, outcome in OUTCOMES[name].items():
        assert (diagnosis.verdict(runtime) == "refused") == (not outcome["runs"]), (runtime, outcome)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_kept_between_calls_is_told(name):
    """Where three calls with the same inputs differ, a finding says what the file keeps; else none does."""
    told = {"variables", "fused_keeps_state"}
    for runtime, outcome in OUTCOMES[name].items():
        if not outcome["runs"]:
            continue
        first, *later = outcome["calls"]
        odd = any(call != first for call in later)
        rules = {rule for _, rule, runtimes in EXPECTED[name] if runtime in runtimes.split()}
        if "unset_variable" in rules:
            continue  # whatever lies in memory differs from run to run
        assert bool(rules & told) == odd, (runtime, rules)


def test_the_same_integers_round_differently():
    """What `per_channel` warns of is real: an unrolled int8 GRU differs between LiteRT and tflite-runtime by one step."""
    litert, older = (OUTCOMES["gru_unrolled_int8"][name]["calls"][0][0] for name in (LITERT, TFLITE_RUNTIME))
    assert litert != older
    assert max(abs(a - b) for a, b in zip(litert, older, strict=True)) == 1


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic(name):
    """What no converter made for us: one record of each, with the finding it must give."""
    file, flash, expected = SYNTHETIC[name]
    rules = [(finding.severity, finding.rule, " ".join(finding.runtimes)) for rule in RULES for finding in rule(file, flash)]
    assert expected in rules, rules


def test_every_rule_is_shown():
    """Each rule of the table finds something in a file of the converter, or in a synthetic one."""
    files = [(open_tflite(path), None) for path in FILES.glob("*.tflite")]
    files += [(file, flash) for file, flash, _ in SYNTHETIC.values()]
    silent = [rule.__name__ for rule in RULES if not any(list(rule(file, flash)) for file, flash in files)]
    assert silent == []


@pytest.mark.parametrize("cell", ["gru", "lstm", "conv3+gru", "fastgrnn"])
def test_own_files_are_healthy(cell, tmp_path):
    """What edgeseq writes gives no finding that blocks or is wrong; 4-bit weights are for LiteRT alone."""
    graph = make_quantized(cell, 5, 6, 3)
    for form, steps in (("step", None), ("stateful", None), ("unrolled", 4), ("window", 4)):
        path = tmp_path / f"{form}.tflite"
        path.write_bytes(export_tflite(graph, form, steps).data)
        diagnosis = diagnose(path)
        assert diagnosis.healthy, diagnosis.findings
    path.write_bytes(export_tflite(make_quantized(cell, 5, 6, 3, scheme="int8x4")).data)
    assert {name: diagnose(path).verdict(name) for name in ALL} == {LITERT: "runs", TFLITE_RUNTIME: "refused", TFLM: "refused"}


def test_half_precision_of_our_own(tmp_path):
    """Our own float16 file blocks on microcontrollers, as the runtime says: its DEQUANTIZE takes integers alone."""
    path = tmp_path / "m.tflite"
    path.write_bytes(export_float_tflite(make_graph("gru", 5, 6, 3), "step", half_weights=True).data)
    assert [finding.rule for finding in diagnose(path, [TFLM]).findings if finding.severity == "blocks"] == ["float16"]


def test_versions_are_those_of_the_installed_runtime():
    """The table's first and last version of every operator are what ai-edge-litert 2.3.0 resolves, and no other."""
    try:
        installed = version("ai-edge-litert")
    except PackageNotFoundError:
        pytest.skip("ai-edge-litert is not installed: pip install 'edgeseq[runtimes]'")
    if installed != "2.3.0":
        pytest.skip(f"the table is of ai-edge-litert 2.3.0; installed is {installed}")
    import tflite
    from ai_edge_litert.interpreter import Interpreter

    for name in ("ADD", "FULLY_CONNECTED", "BROADCAST_TO", "WHILE", "TANH", "DEQUANTIZE", "MUL", "STABLEHLO_CBRT", "CALL"):
        code = getattr(tflite.BuiltinOperator, name)
        span = support(name).versions.get(LITERT, (1, 0))
        resolved = []
        for number in range(1, span[1] + 2):
            tensors = [TensorRecord((1, 4), 0), TensorRecord((1, 4), 0)]
            graph = SubgraphRecord("main", tensors, [OperatorRecord(code, number, (0,), (1,))], (0,), (1,))
            try:
                Interpreter(model_content=FileRecord("one operator", [graph], []).to_bytes())
            except ValueError as error:
                if "find op" not in str(error):
                    resolved.append(number)
            else:
                resolved.append(number)
        assert resolved == list(range(span[0], span[1] + 1)), name
