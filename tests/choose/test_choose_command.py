"""`edgeseq choose`: the words of every bad input, a whole small search, and one that is killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgeseq.choose.search.study.storage import import_optuna
from edgeseq.cli.amounts import DURATION, ENERGY, FREQUENCY, SIZE, TIME
from edgeseq.cli.choose import loaded
from edgeseq.cli.main import main
from edgeseq.data import DataOptions, load_data

WORDS = ["choose", "--data", "digits", "--target"]
SMALL = [
    "--cells",
    "gru,lstm",
    "--units",
    "4,8",
    "--layers",
    "1",
    "--schemes",
    "int8",
    "--epochs",
    "1",
    "--finalists",
    "1",
    "--jobs",
    "2",
]


def run(capsys, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, as one line."""
    try:
        main(list(words))
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, " ".join(err.split())


BAD = {
    "flash as a time": (["cortex-m4", "--flash", "24ms"], "'24ms' is no size; expected a number with one of K, KB"),
    "latency without a unit": (
        ["cortex-m4", "--latency", "2"],
        "'2' is no time; expected a number with one of ms, us, s",
    ),
    "no flash at all": (["cortex-m4", "--flash", "0K"], "expected more than 0"),
    "energy as a power": (["nucleo-l476", "--energy", "5mW"], "'5mW' is no energy"),
    "contradictory units": (["cortex-m4", "--units", "64..8"], "is contradictory; expected SMALLEST..LARGEST"),
    "a part of a byte": (["cortex-m4", "--flash", "0.5B"], "'0.5B': expected more than 0"),
    "units beyond what runs": (["cortex-m4", "--units", "5000..6000"], "'5000..6000'; expected at most 1024 units"),
    "a target that is no number": (["cortex-m4", "--target-max", "nan"], "nan is no value that a target can have"),
    "a place that is a file": (["cortex-m4", "--out", f"{__file__}/run"], "no folder can be made there"),
    "units that are no numbers": (["cortex-m4", "--units", "8,many"], "expected whole numbers"),
    "an unknown target": (["cortex-m99"], "unknown target 'cortex-m99'; known:"),
    "a hosted target": (["aarch64"], "aarch64 runs an operating system; choosing is for atmega328p, cortex-m0plus"),
    "a core that nothing predicts": (["cortex-m7"], "cortex-m7 has no fitted predictor; choosing is for atmega328p"),
    "a share that is no number": (["cortex-m4", "--validation-share", "nan"], "nan is not in the range 0<x<1"),
    "flash beyond any number": (["cortex-m4", "--flash", "9" * 400], "is more than any size"),
    "cells that the target has no memory for": (
        ["atmega328p", "--flash", "100", "--cells", "transformer", "--units", "256"],
        "and atmega328p has 32.0 KB of flash and 2.0 KB of RAM. Take other cells",
    ),
    "latency without a clock": (
        ["cortex-m4", "--latency", "2ms"],
        "cortex-m4 is a core and has no clock, so no latency. Name a board",
    ),
    "energy without a current": (["pico", "--energy", "5uJ"], "no supply current with a source"),
    "a clock beyond the board's": (["nucleo-l072", "--clock", "64MHz"], "nucleo-l072 runs at 32 MHz at most"),
    "more flash than the board has": (["nucleo-l072", "--flash", "240K"], "nucleo-l072 has 192.0 KB of flash (196608 bytes)"),
    "more RAM than the core has": (["cortex-m0plus", "--ram", "17K"], "cortex-m0plus has 16.0 KB of RAM (16384 bytes)"),
    "an unknown cell": (["cortex-m4", "--cells", "gru,esn"], "unknown cell 'esn'"),
    "an unknown scheme": (["cortex-m4", "--schemes", "int7"], "unknown scheme 'int7'"),
    "a window longer than the data's": (["cortex-m4", "--windows", "128"], "the data have windows of 8"),
    "a budget nothing fits": (["cortex-m4", "--flash", "1K", "--cells", "gru"], "nothing fits 1.0 KB of flash"),
    "an address that is none": (["cortex-m4", "--cluster", "here"], "expected auto, or an address such as ray://HOST:10001"),
    "nothing to go on with": (["cortex-m4", "--resume"], "no such study to go on with. Leave --resume out"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_says_what_to_do(name, capsys, tmp_path):
    """Exit 2, words on stderr, nothing on stdout."""
    words, told = BAD[name]
    code, out, err = run(capsys, *WORDS, *words, *(() if "--out" in words else ("--out", str(tmp_path / "run"))))
    assert (code, out) == (2, "")
    assert told in err


def test_a_hopeless_budget_names_one_that_would_do(capsys, tmp_path):
    """By how much each cell is over, and the options that let one in."""
    _, _, err = run(capsys, *WORDS, "cortex-m4", "--flash", "1K", "--cells", "gru,lstm", "--out", str(tmp_path))
    assert "gru(2) " in err
    assert "lstm(2) " in err
    assert " of flash, " in err
    assert "What would fit one (too small now: flash): --flash " in err


def test_data_of_one_class_are_refused(capsys, tmp_path):
    """There is nothing to tell apart."""
    np.savez(tmp_path / "one.npz", X=np.zeros((40, 8, 2)), y=np.zeros(40, int))
    code, _, err = run(capsys, "choose", "--data", f"{tmp_path}/one.npz", "--target", "cortex-m4", "--out", f"{tmp_path}/run")
    assert code == 2
    assert "needs at least two classes" in err


def test_of_few_windows_split_by_time_three_tenths_validate(tmp_path):
    """As of windows that are drawn; a share that is asked for stands, and many windows are read once."""
    rng, path = np.random.default_rng(0), tmp_path / "d.csv"
    path.write_text("load\n" + "\n".join(map(str, rng.normal(size=6000).round(3))))

    def validating(**given):
        return len(loaded(str(path), {"task": "forecast", **given}).validation)

    def read(**given):
        return len(load_data(str(path), DataOptions(task="forecast", **given)).validation)

    few, many = {"window": 64, "stride": 32}, {"window": 8, "stride": 2}
    assert validating(**few) == read(**few, validation_share=0.3) > 2 * read(**few)
    assert validating(**few, validation_share=0.15) == read(**few, validation_share=0.15)
    assert validating(**many) == read(**many)


AMOUNTS = [
    (SIZE, "24K", 24576),
    (SIZE, "24 KB", 24576),
    (SIZE, "900", 900),
    (SIZE, "1.5k", 1536),
    (TIME, "2ms", 2000),
    (TIME, "500us", 500),
    (TIME, "0.1s", 100_000),
    (ENERGY, "5uJ", 5),
    (ENERGY, "1mJ", 1000),
    (DURATION, "20m", 1200),
    (DURATION, "1h", 3600),
    (FREQUENCY, "32MHz", 32e6),
]


@pytest.mark.parametrize(("kind", "text", "wanted"), AMOUNTS)
def test_amounts_are_read_with_their_units(kind, text, wanted):
    """K is 1024 bytes; times are in microseconds, durations in seconds."""
    assert kind.convert(text, None, None) == pytest.approx(wanted)


@pytest.mark.slow
def test_a_whole_search_on_a_board(capsys, tmp_path):
    """Trained, measured on the emulated core with no mismatch, recommended, explained; within 80 columns."""
    words = [*WORDS, "nucleo-l072", "--flash", "16K", "--ram", "2K", "--latency", "20ms", *SMALL, "--trials", "3"]
    code, out, err = run(capsys, *words, "--explain", "--out", str(tmp_path))
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "Best GRU and best LSTM" in out
    assert "Why the others lost" in out
    assert "3/3" in err
    found = json.loads((tmp_path / "results.json").read_text())
    measured = [each for each in found["candidates"] if each["measured"]]
    assert {"gru", "lstm"} <= {each["cell"] for each in measured}
    for each in measured:
        assert each["mismatches"] == 0
        assert each["flash_bytes"] == each["profile"]["flash_bytes"]["image"] <= 16 * 1024
        assert each["latency_us"] == pytest.approx(each["profile"]["latency_us"]["value"], rel=0.01)
        assert each["energy_uj"] > 0
        assert sum(row["bytes"] for row in each["memory"]["flash"]) == each["flash_bytes"]
        assert sum(row["bytes"] for row in each["memory"]["ram"]) == each["ram_bytes"]
        assert np.sum(each["confusion"]) == found["data"]["test_windows"]
        assert np.trace(each["confusion"]) / np.sum(each["confusion"]) == pytest.approx(each["accuracy"])
        assert [row["kind"] for row in each["layer_costs"]] == [each["cell"].capitalize(), "Dense"]
    # Asked again, it only prints what is known.
    code, out, _ = run(capsys, *words, "--resume", "--json", "--out", str(tmp_path))
    again = json.loads(out)
    assert code == 0
    assert again["recommended"] == found["recommended"]
    assert [each["name"] for each in again["candidates"]] == [each["name"] for each in found["candidates"]]


def trained(folder: Path) -> list[dict]:
    """Candidates that were trained, as results.json has them now."""
    results = folder / "results.json"
    found = json.loads(results.read_text())["candidates"] if results.exists() else []
    return [each for each in found if each["status"] in ("trained", "measured", "stopped early")]


def group_ends(group, patience_s=20.0):
    """Whether no process of the group is left, within what a busy machine may take."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_a_killed_search_goes_on_with_nothing_lost(tmp_path):
    """Kill -9 while trials run: workers end too, what had ended is kept as it was, the rest is run again."""
    command = [sys.executable, "-m", "edgeseq", *WORDS, "cortex-m0plus", *SMALL, "--trials", "4", "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    results = tmp_path / "results.json"
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 500
    while not trained(tmp_path) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = trained(tmp_path)
    assert before
    assert len(before) < 4
    assert group_ends(process.pid), "a worker outlived the search"
    done = subprocess.run([*command, "--resume"], check=False, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    after = {each["name"]: each for each in json.loads(results.read_text())["candidates"]}
    assert len(trained(tmp_path)) == 4
    for each in before:
        kept = after[each["name"]]
        assert kept["history"] == each["history"]
        assert kept["scores"]["validation"] == each["scores"]["validation"]
    study = import_optuna().load_study(storage=f"sqlite:///{tmp_path}/study.db", study_name="edgeseq")
    # What began has ended; what was lost was queued again, behind the first candidates that wait for more --trials.
    assert {trial.state.name for trial in study.trials} <= {"COMPLETE", "PRUNED", "FAIL", "WAITING"}
    lost = {trial.number for trial in study.trials if trial.state.name == "FAIL"}
    assert {trial.user_attrs["again"] for trial in study.trials if "again" in trial.user_attrs} == lost
    proposed = [trial.number for trial in study.trials if "proposal" in trial.user_attrs]
    assert sorted(each["trial"] for each in after.values()) == proposed


# A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
HEEDING_CTRL_C = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgeseq.cli.main import main
from edgeseq.data import DataOptions, load_data
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_found(tmp_path):
    """Exit 130, results.json whole, and words on how to go on."""
    command = [sys.executable, "-c", HEEDING_CTRL_C, *WORDS, "cortex-m0plus", *SMALL, "--trials", "9", "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 500
    while not trained(tmp_path) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "go on with the same command and --resume" in " ".join(err.split())
    assert trained(tmp_path)
