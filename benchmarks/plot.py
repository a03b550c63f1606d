"""Draw docs/gru_vs_lstm.svg from benchmarks/results/cores.json.

Usage: python -m benchmarks.plot
"""

from __future__ import annotations

import json

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.paths import RESULTS, ROOT

FIGURES = (
    ("flash", "flash, whole image (size mode)"),
    ("ram", "RAM, whole image (size mode)"),
    ("instructions", "instructions per step (speed mode)"),
)
COLOURS = {"LSTM": "#9aa5b1", "GRU, equal units": "#1f7a8c", "GRU, equal parameters": "#bfdbf7"}


def main() -> None:
    """One panel per figure, one group per size, bars relative to the LSTM."""
    # The same results give the same file.
    mpl.rcParams["svg.hashsalt"] = "edgeseq"
    mpl.rcParams["svg.fonttype"] = "none"
    rows = json.loads((RESULTS / "cores.json").read_text())["versus"]
    sizes = list(dict.fromkeys(row["model"] for row in rows))
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True)
    for panel, (key, title) in zip(panels, FIGURES, strict=True):
        field = {"flash": "flash_bytes", "ram": "ram_bytes", "instructions": "instructions_per_step"}[key]
        for index, (label, colour) in enumerate(COLOURS.items()):
            values = {row["model"]: row[field] for row in rows if row["label"] == label}
            whole = {row["model"]: row[field] for row in rows if row["label"] == "LSTM"}
            heights = [100 * values[size] / whole[size] for size in sizes]
            bars = panel.bar([at + 0.28 * (index - 1) for at in range(len(sizes))], heights, 0.26, label=label, color=colour)
            panel.bar_label(bars, [f"{values[size]:,}" for size in sizes], fontsize=6.5, rotation=90, label_type="center")
        panel.set_xticks(range(len(sizes)), [f"size {size}" for size in sizes])
        panel.set_title(title, fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("% of the LSTM")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, frameon=False)
    figure.suptitle("GRU beside LSTM on a Cortex-M4, exact figures", fontsize=11)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(ROOT / "docs" / "gru_vs_lstm.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
