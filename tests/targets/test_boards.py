"""Boards: data with sources, and what cycles mean on them."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from edgeseq.cli.main import main
from edgeseq.errors import TargetError, ToolchainError
from edgeseq.measure.on_board import on_board
from edgeseq.measure.profile import profile
from edgeseq.measure.verify import verify
from edgeseq.quantize import write_esq
from edgeseq.targets import board_names, core_names, load_board, load_core, resolve_target, target_names
from edgeseq.targets.board import read_board
from tests.conftest import make_quantized

WITHOUT_CURRENT = ("mps2", "nucleo-f411", "pico")


@pytest.fixture(scope="module")
def esq(tmp_path_factory):
    path = tmp_path_factory.mktemp("boards") / "m.esq"
    write_esq(make_quantized("gru", 5, 6, 3), path)
    return path


@pytest.mark.parametrize("name", board_names())
def test_every_value_of_a_board_has_its_source(name):
    """A board names a known core, its sections their documents; its memory is no larger than its chip's."""
    board = load_board(name)
    assert board.core.name in core_names()
    assert {"clock", "memory"} <= {section for section, _ in board.sources}
    assert all(len(source) > 20 for _, source in board.sources)
    assert (board.run_ua_per_mhz is None) == (name in WITHOUT_CURRENT)


def test_names_resolve():
    """A board's name gives its core and itself; a core's, itself alone; the boards asked for are there."""
    assert {"nucleo-l072", "nucleo-f411", "nucleo-l476", "pico", "mps2"} <= set(board_names())
    core, board = resolve_target("nucleo-l476")
    assert (core, board) == (board.core, load_board("nucleo-l476"))
    assert core == replace(load_core("cortex-m4"), flash_bytes=board.flash_bytes, ram_bytes=board.ram_bytes)
    assert resolve_target("cortex-m4") == (load_core("cortex-m4"), None)
    assert set(board_names()) < set(target_names())
    assert not set(board_names()) & set(core_names())


@pytest.mark.parametrize("ask", [load_board, resolve_target])
def test_unknown_names_list_the_known(ask):
    with pytest.raises(TargetError, match=r"unknown .* 'nucleo-x'; known: .*nucleo-l072"):
        ask("nucleo-x")


@pytest.mark.slow
def test_images_are_linked_for_the_memory_of_the_board():
    """A network beyond the memory that a bare core is linked with runs where the board has more, with its integers; RAM too."""
    graph = make_quantized("lstm", 6, 256, 2)
    with pytest.raises(ToolchainError, match="does not fit the cortex-m0plus memory map"):
        profile(graph, "cortex-m0plus", optimize="size")
    measured = profile(graph, "pico", optimize="size")
    assert load_core("cortex-m0plus").flash_bytes < measured.flash_image_bytes < load_board("pico").flash_bytes
    x = np.random.default_rng(0).normal(0, 1, (20, 6))
    (row,) = verify(graph, x, cores=("pico",), host=False, optimize="size").against
    assert row.mismatches == 0


def test_time_and_energy():
    """32,000 cycles at 32 MHz are a millisecond; at 93 uA/MHz and 3.3 V, 32 * 93e-6 * 3.3 W for so long."""
    found = on_board(load_board("nucleo-l072"), 32_000)
    assert found.latency_us == pytest.approx(1000)
    assert found.energy_uj == pytest.approx(32 * 93e-6 * 3.3 * 1000)
    assert "table, unvalidated, error unknown" in found.label
    assert "1 wait state of flash at 32 MHz, which stretch them at most 2-fold" in found.label
    assert "93 µA/MHz at 3.3 V" in found.energy_label


@pytest.mark.parametrize("name", WITHOUT_CURRENT)
def test_no_energy_without_a_current(name):
    found = on_board(load_board(name), 1000)
    assert found.energy_uj is None
    assert found.energy_label == "no run current with a source"


def run(capsys, *words) -> str:
    """Output of a command that succeeds."""
    main([str(word) for word in words])
    return capsys.readouterr().out


BROKEN = {
    "no source": ("[clock]\nhz = 1\n", r"\[clock\] has no source"),
    "no clock": ('[supply]\nvolts = 1\nsource = "x"\n', "'clock' is missing"),
    "unknown core": (
        '[clock]\nhz = 1\nsource = "x"\n[memory]\nflash_bytes = 1\nram_bytes = 1\nsource = "x"\n',
        "unknown target 'z80'",
    ),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_files_say_what_is_wrong(tmp_path, text, words):
    path, core = tmp_path / "b.toml", "z80" if "z80" in words else "cortex-m4"
    path.write_text(f'name = "b"\ndescription = "b"\ncore = "{core}"\n{text}')
    with pytest.raises(TargetError, match=words):
        read_board(path)


def test_profile_on_a_board(capsys, esq):
    """Figures are the core's; time follows from the clock, and what fits is said."""
    measured = profile(make_quantized("gru", 5, 6, 3), "nucleo-l072", optimize="size")
    document = json.loads(run(capsys, "profile", esq, "--target", "nucleo-l072", "--optimize", "size", "--json"))
    assert document["target"] == "cortex-m0plus"
    assert document["board"]["name"] == "nucleo-l072"
    assert document["board"]["fits"] is True
    assert document["cycles_per_step"]["value"] == measured.cycles_per_step.value
    assert document["latency_us"]["value"] == pytest.approx(document["cycles_per_step"]["value"] / 32, abs=1e-3)
    assert document["energy_uj"]["value"] == pytest.approx(document["latency_us"]["value"] * 32 * 93e-6 * 3.3, rel=1e-3)


def test_a_lower_clock(capsys, esq):
    """As many cycles, so much longer, the same energy; wait states as the source says, else as an upper bound."""
    command = ("profile", esq, "--target", "nucleo-l072", "--optimize", "size", "--json")
    full, half = (json.loads(run(capsys, *command, *more)) for more in ((), ("--clock", "16MHz")))
    assert half["cycles_per_step"] == full["cycles_per_step"]
    assert half["latency_us"]["value"] == pytest.approx(2 * full["latency_us"]["value"], rel=1e-3)
    assert half["energy_uj"]["value"] == pytest.approx(full["energy_uj"]["value"], rel=1e-3)
    assert "without the 1 wait state of flash at 32 MHz" in full["latency_us"]["label"]
    assert half["latency_us"]["label"].endswith("zero wait states at 16 MHz")
    assert "at most 1 wait state of flash at 20 MHz" in on_board(load_board("nucleo-l072").at(20e6), 1).label
    assert load_board("nucleo-l476").at(80e6) == load_board("nucleo-l476")
    with pytest.raises(TargetError, match="nucleo-l072 runs at 32 MHz at most"):
        load_board("nucleo-l072").at(33e6)
    with pytest.raises(SystemExit):
        main(["profile", str(esq), "--target", "cortex-m4", "--clock", "16MHz"])
    assert "cortex-m4 is no board, so its figures are in cycles" in " ".join(capsys.readouterr().err.split())


def test_profile_prints_time_and_energy_in_80_columns(capsys, esq, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    printed = run(capsys, "profile", esq, "--target", "nucleo-l072", "--optimize", "size")
    text = re.sub(r"\s+", " ", printed)
    assert "fits: 196,608 B of flash, 20,480 B of RAM" in text
    assert "time per step:" in text
    assert "energy per step:" in text
    assert all(len(line) <= 80 for line in printed.splitlines())


def test_a_board_too_small_says_by_how_much():
    """An image that links for the core but not on the board does not fit, by the bytes that are too many."""
    import dataclasses

    from edgeseq.report.boards import figures, notes

    board = dataclasses.replace(load_board("nucleo-l072"), flash_bytes=1000)
    measured = profile(make_quantized("gru", 5, 6, 3), board, optimize="size")
    assert figures(measured)["board"]["fits"] is False
    assert f"{measured.flash_image_bytes - 1000:,} B of flash too many" in notes(measured)[0]


def test_targets_lists_boards(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rows = json.loads(run(capsys, "targets", "--json"))["boards"]
    assert {row["name"] for row in rows} == set(board_names())
    printed = run(capsys, "targets")
    assert all(name in printed for name in board_names())
    assert all(len(line) <= 80 for line in printed.splitlines())


@pytest.mark.parametrize("command", ["export", "verify"])
def test_other_commands_take_a_board(capsys, esq, tmp_path, command):
    """Export and verify do for a board what they do for its core."""
    if command == "export":
        document = json.loads(run(capsys, "export", esq, "--target", "nucleo-l072", "-o", tmp_path / "out", "--json"))
        assert (document["board"], document["target"], document["kernels"]) == ("nucleo-l072", "cortex-m0plus", "thumb1")
        assert document["modes"]["size"]["latency_us"]["value"] > 0
        return
    import numpy as np

    data = tmp_path / "d.npz"
    np.savez(data, X=np.random.default_rng(0).normal(size=(1, 20, 5)))
    document = json.loads(run(capsys, "verify", esq, "--input", data, "--against", "nucleo-f411", "--json"))
    assert {row["name"]: row["mismatches"] for row in document["against"]} == {"c-host": 0, "c-nucleo-f411": 0}
