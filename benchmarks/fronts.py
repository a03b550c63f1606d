"""Draw docs/gru_lstm_fronts.svg: accuracy against flash, GRU and LSTM, from the rows of benchmarks/compare.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.paths import ROOT

FILE = ROOT / "docs" / "gru_lstm_fronts.svg"
STYLE = {"gru": ("GRU", "#1f7a8c", "o"), "lstm": ("LSTM", "#6b7682", "s")}


def draw(rows: list[dict[str, Any]], file: Path = FILE) -> None:
    """One panel per data set; bands are 95 % intervals of the mean over seeds and test windows."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    # The same results give the same file.
    mpl.rcParams["svg.hashsalt"] = "edgeseq"
    mpl.rcParams["svg.fonttype"] = "none"
    names = list(dict.fromkeys(row["data"] for row in rows))
    figure, panels = plt.subplots(1, len(names), figsize=(3.1 * len(names), 3.4), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        for cell, (label, colour, marker) in STYLE.items():
            line = sorted((row for row in rows if (row["data"], row["cell"]) == (name, cell)), key=lambda row: row["flash_bytes"])
            flash = [row["flash_bytes"] / 1024 for row in line]
            panel.plot(flash, [100 * row["mean"] for row in line], color=colour, marker=marker, markersize=3.5, label=label)
            banded = [row for row in line if row["low"] is not None]
            panel.fill_between(
                [row["flash_bytes"] / 1024 for row in banded],
                # An interval of a share may reach beyond what a share can be.
                [100 * max(0.0, row["low"]) for row in banded],
                [100 * min(1.0, row["high"]) for row in banded],
                color=colour,
                alpha=0.18,
                linewidth=0,
            )
            for row, at in zip(line, flash, strict=True):
                panel.annotate(
                    str(row["units"]),
                    (at, 100 * row["mean"]),
                    (0, 5 if cell == "gru" else -9),
                    textcoords="offset points",
                    fontsize=5.5,
                    color=colour,
                )
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("flash, KB")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_ylabel("accuracy of the integers, %")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=2, frameon=False)
    seeds = sorted({len(row["seeds"]) for row in rows})
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    figure.suptitle(
        f"GRU and LSTM of 4 to 64 units, smallest image of a Cortex-M4; mean and 95 % band, {count} seeds", fontsize=10
    )
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
