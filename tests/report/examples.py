"""Documents as a search and a comparison write them, made up: no figure here was measured."""

from __future__ import annotations

import math
from typing import Any

CLASSES = ["walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying"]
CELLS = ("gru", "lstm", "rnn", "fastgrnn", "mgu", "mingru", "lstm+gru", "tcn", "transformer")
GATES = {"gru": 3, "lstm": 4, "rnn": 1, "fastgrnn": 1, "mgu": 2, "mingru": 2, "lstm+gru": 7, "tcn": 5, "transformer": 9}


def profile(flash: int, ram: int, instructions: int) -> dict[str, Any]:
    return {
        "schema": 1,
        "model": "candidate",
        "scheme": "int8",
        "target": "cortex-m0plus",
        "compiler": "zig",
        "optimize": "size",
        "kernels": "compact",
        "instructions_per_step": instructions,
        "macs_per_step": instructions // 5,
        "cycles_per_step": {"value": round(instructions * 1.6), "tier": "validated", "error_pct": 9.6},
        "window": None,
        "time_per_step": None,
        "latency_us": None,
        "flash_bytes": {"model": flash - 2300, "code": 1700, "image": flash},
        "ram_bytes": {"state": ram - 300, "scratch": 80, "stack": 96, "image": ram},
    }


def history(epochs: int, floor: float, start: float = 1.6) -> list[dict[str, float]]:
    rows = []
    for epoch in range(1, epochs + 1):
        loss = floor + (start - floor) * math.exp(-epoch / 6)
        row = {"epoch": epoch, "loss": loss, "val_loss": loss + 0.05 + 0.02 * math.sin(epoch)}
        rows.append({**row, "accuracy": 1 - loss / 2, "val_accuracy": 0.97 - loss / 2})
    return rows


def confusion(classes: int, accuracy: float, windows: int = 60) -> list[list[int]]:
    hit = round(windows * accuracy)
    return [
        [hit if row == column else (windows - hit if column == (row + 1) % classes else 0) for column in range(classes)]
        for row in range(classes)
    ]


def candidate(trial: int, cell: str = "gru", units: int = 16, *, status: str = "trained", **changes: Any) -> dict[str, Any]:
    """One candidate; costs grow with gates and units, accuracy saturates."""
    flash = 2400 + GATES[cell] * units * (units + 12)
    ram = 300 + 8 * units * (2 if cell.startswith("lstm") else 1)
    instructions = 400 + GATES[cell] * units * (units + 12) * 5
    feasible = flash <= 24576 and ram <= 3072
    accuracy = 0.95 - 0.5 / units - 0.01 * (cell not in ("gru", "lstm"))
    measured, scored = status == "measured", status in ("measured", "trained", "stopped early")
    cost = {"flash_bytes": flash + 37.5, "ram_bytes": ram, "instructions": instructions * 1.01}
    time = {"cycles": instructions * 1.6, "latency_us": instructions * 1.6 / 32, "energy_uj": instructions * 0.4 / 1000}
    return {
        "name": f"{cell}({units}) int8 #{trial}",
        "trial": trial,
        "cell": cell,
        "units": [units] * (1 + cell.count("+")),
        "layers": 1 + cell.count("+"),
        "scheme": "int8",
        "optimize": "size",
        "window": None,
        "stride": 1 + trial % 2,
        "dropout": 0.1,
        "learning_rate": 0.002,
        "status": status,
        "feasible": feasible,
        "measured": measured,
        "reason": None if trial == 0 else "worse than gru(16) int8 #0 by 0.8 points, outside the error bar",
        "accuracy": accuracy if scored else None,
        "scores": {
            "validation": accuracy + 0.01 if scored else None,
            "float": accuracy + 0.001 if measured else None,
            "integer": accuracy if measured else None,
            "device": accuracy if measured else None,
            "device_windows": 156 if measured else None,
        },
        "flash_bytes": flash,
        "ram_bytes": ram,
        "instructions": instructions,
        "cycles_per_step": time["cycles"],
        "latency_us": time["latency_us"],
        "energy_uj": time["energy_uj"],
        "predicted": {**cost, **time},
        "profile": profile(flash, ram, instructions) if measured else None,
        "mismatches": 0 if measured else None,
        "history": history(20 if measured else 8, 0.5 - accuracy / 2) if scored else [],
        "seconds": 31.5 if scored else None,
        "confusion": confusion(6, accuracy) if measured else None,
        "forecast": None,
        "layer_costs": [
            {
                "name": f"{cell}_0",
                "kind": cell.upper(),
                "macs": GATES[cell] * units * (units + 9),
                "weight_bytes": GATES[cell] * units * (units + 12),
            },
            {"name": "head", "kind": "Dense", "macs": 6 * units, "weight_bytes": 6 * units + 24},
        ]
        if measured
        else None,
        "memory": None,
        "files": {"keras": f"trial_{trial}.keras", "esq": f"trial_{trial}.esq"} if measured else {},
        **changes,
    }


def search(count: int = 40, **changes: Any) -> dict[str, Any]:
    """A search that recommends its first candidate."""
    rows = [candidate(0, "gru", 16, status="measured")]
    if count > 1:
        rows.append(candidate(1, "lstm", 20, status="measured"))
    for trial in range(2, count):
        cell, units = CELLS[trial % len(CELLS)], 4 + (trial * 7) % 60
        status = ("trained", "stopped early", "trained", "measured", "trained")[trial % 5]
        row = candidate(trial, cell, units, status=status)
        if not row["feasible"]:
            over = f"flash is over the budget by {row['flash_bytes'] - 24576:,} B"
            blank = dict.fromkeys(("accuracy", "profile", "mismatches", "confusion", "layer_costs", "seconds"))
            none = dict.fromkeys(("validation", "float", "integer", "device", "device_windows"))
            row |= {
                **blank,
                "status": "infeasible",
                "measured": False,
                "reason": over,
                "history": [],
                "scores": none,
                "files": {},
            }
        rows.append(row)
    return {
        "schema": 1,
        "kind": "search",
        "version": "0.1.0",
        "command": ["edgeseq", "choose", "--data", "har data.npz", "--target", "nucleo-l072", "--flash", "24K", "--ram", "3K"],
        "data": {
            "name": "har",
            "task": "classification",
            "class_names": CLASSES,
            "features": 9,
            "outputs": 6,
            "window_steps": 128,
            "train_windows": 7352,
            "test_windows": 2947,
            "notes": ["split by subject: 21 to train, 9 to test"],
        },
        "target": {
            "name": "nucleo-l072",
            "core": "cortex-m0plus",
            "board": "nucleo-l072",
            "clock_hz": 32_000_000,
            "tier": "validated",
            "cycle_error_pct": 9.6,
            "source": "ST DS10685; Arm DDI 0484C, table 3-1",
        },
        "metric": {"name": "accuracy", "higher_is_better": True, "unit": "share"},
        "budget": {"flash_bytes": 24576, "ram_bytes": 3072, "latency_us": 2000, "energy_uj": None},
        "candidates": rows,
        "recommended": rows[0]["name"],
        "verdict": [
            "gru(16) int8 #0 reaches 91.88 % on the test part, ± 1.0 points, in 3,744 B of flash and 428 B of RAM.",
            "The best LSTM, lstm(20) int8 #1, is 0.6 points better, which is within the error bar, and takes 1,216 B more.",
        ],
        "margins": [
            {"cell": "lstm", "against": row["name"], "difference": -0.006, "low": -0.016, "high": 0.004} for row in rows[1:2]
        ],
        "front": [row["name"] for row in rows if row["measured"]][:4],
        "prediction_error": {
            mode: {
                kind: {
                    "label": f"predicted (flash ± {at} %)",
                    "flash": {"median": 0.2, "p95": at, "largest": 9.5},
                    "ram": {"median": 0, "p95": 0, "largest": 0},
                    "instructions": {"median": 0.9, "p95": 2.1, "largest": 2.8},
                    "cycles": {"median": 0.9, "p95": 2.2, "largest": 2.9},
                    "networks": 48,
                }
                for kind, at in (("recurrent", 0.7), ("tiny", 2.5), ("reference", 7.5))
            }
            for mode in ("speed", "size")
        },
        **changes,
    }


def forecast_search() -> dict[str, Any]:
    """A search on a task that forecasts, where less is better and which recommends nothing."""
    document = search(12)
    time = list(range(60))
    truth = [20 + 5 * math.sin(at / 9) for at in time]
    for row in document["candidates"]:
        row["confusion"] = None
        for key in row["scores"].keys() - {"device_windows"}:
            row["scores"][key] = None if row["scores"][key] is None else round(4 * (1 - row["scores"][key]), 4)
        row["accuracy"] = None if row["accuracy"] is None else round(4 * (1 - row["accuracy"]), 4)
        if row["measured"]:
            row["forecast"] = {"name": "temperature", "time": time, "truth": truth, "prediction": [at + 0.4 for at in truth]}
    document["data"] |= {"name": "weather", "task": "forecast", "class_names": [], "outputs": 1}
    document["metric"] = {"name": "mae", "higher_is_better": False, "unit": "°C"}
    verdict = ["Nothing fits: the mean of the last day is as good as any network."]
    return document | {"recommended": None, "verdict": verdict, "margins": []}


def compared_cell(cell: str, units: int, mean: float) -> dict[str, Any]:
    flash, ram = 2400 + GATES[cell] * units * (units + 12), 300 + 8 * units
    instructions = 400 + GATES[cell] * units * (units + 12) * 5
    seeds = [
        {
            "seed": seed,
            "accuracy": mean + 0.004 * (seed - 2),
            "float_accuracy": mean + 0.004 * (seed - 2) + 0.0005,
            "seconds": 40.0 + seed,
            "epochs": 15,
            "history": history(15, 0.1 + 0.01 * seed),
        }
        for seed in range(5)
    ]
    return {
        "cell": cell,
        "units": [units],
        "parameters": flash - 2000,
        "macs_per_step": GATES[cell] * units * (units + 9),
        "flash_bytes": flash,
        "ram_bytes": ram,
        "instructions": instructions,
        "cycles_per_step": instructions * 1.6,
        "latency_us": None,
        "energy_uj": instructions * 0.4 / 1000,
        "seeds": seeds,
        "mean": mean,
        "std": 0.0063,
        "per_kb": 100 * (mean - 1 / 6) / (flash / 1024),
        "per_uj": 100 * (mean - 1 / 6) / (instructions * 0.4 / 1000),
        "profile": profile(flash, ram, instructions),
    }


def comparison(**changes: Any) -> dict[str, Any]:
    """GRU, LSTM and a plain recurrence at equal units."""
    base = search(1)
    document = {key: base[key] for key in ("schema", "version", "data", "target", "metric")}
    words = "GRU(32) and LSTM(32): difference -0.4 points, 95 % interval -1.2 to +0.5, 5 seeds: no difference shown."
    return {
        **document,
        "kind": "comparison",
        "command": ["edgeseq", "compare", "--data", "har.npz", "--cells", "rnn,gru,lstm", "--match", "units", "--units", "32"],
        "cells": [compared_cell("gru", 32, 0.915), compared_cell("lstm", 32, 0.919), compared_cell("rnn", 32, 0.84)],
        "pairs": [
            {"a": "gru", "b": "lstm", "difference": -0.004, "low": -0.012, "high": 0.005, "seeds": 5, "verdict": words},
            {"a": "gru", "b": "rnn", "difference": 0.075, "low": 0.06, "high": 0.09, "seeds": 5, "verdict": "GRU is better."},
        ],
        "match": "units",
        "confidence": 0.95,
        "candidates": [],
        "recommended": None,
        "verdict": [words, "At equal units the GRU takes 19 % less flash."],
        "front": [],
        **changes,
    }


HOSTILE = "</script><img src=x onerror=alert(1)>\u2028{{ 7*7 }} $x_1$ %{x} <b>fett</b> \u202e日本 &amp; \"q\" 'p'"


def hostile() -> dict[str, Any]:
    """A search whose every name means harm."""
    document = search(6)
    document["data"]["name"] = HOSTILE
    document["data"]["class_names"] = [f"{HOSTILE} {index}" for index in range(6)]
    document["data"]["notes"] = [HOSTILE]
    document["verdict"] = [HOSTILE]
    document["command"] = ["edgeseq", "choose", "--data", HOSTILE]
    document["candidates"][0]["name"] = document["recommended"] = HOSTILE
    document["front"] = [HOSTILE]
    document["candidates"][1] |= {"reason": HOSTILE, "cell": HOSTILE, "name": f"{HOSTILE} 1"}
    document["candidates"][0]["layer_costs"][0] |= {"name": HOSTILE, "kind": HOSTILE}
    document["candidates"][0]["files"] = {"esq": f"{HOSTILE}.esq"}
    document["candidates"][0]["memory"] = {"flash": [{"name": HOSTILE, "bytes": 3744}], "ram": [{"name": HOSTILE, "bytes": 428}]}
    document["candidates"][0]["forecast"] = {
        "name": HOSTILE,
        "time": [HOSTILE, "b"],
        "truth": [1.0, 2.0],
        "prediction": [1.0, None],
    }
    document["target"]["source"] = HOSTILE
    document["prediction_error"] = {HOSTILE: HOSTILE}
    return document
