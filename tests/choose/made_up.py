"""Made-up data, candidates and measurements, for rules that need no training."""

from __future__ import annotations

import numpy as np

from edgeseq.choose.budget import Cost
from edgeseq.choose.configuration import Configuration
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.choose.search.study.candidate import Candidate, Measured, Shown
from edgeseq.data import DataSet, Part


def data_set(windows: int = 60, steps: int = 8, features: int = 2, classes: int = 3, **of_parts) -> DataSet:
    """Classes that the mean of the first feature tells apart."""
    rng = np.random.default_rng(0)

    def part(count: int) -> Part:
        y = np.arange(count) % classes
        x = rng.normal(0, 0.3, (count, steps, features)).astype(np.float32)
        x[:, :, 0] += y[:, None]
        return Part(x, y.astype(np.int64), **{name: give(count) for name, give in of_parts.items()})

    return DataSet("made-up", part(windows), part(windows // 2))


def candidate(number: int, cell: str = "gru", units: int = 8, *, validation: float | None = 0.8, flash: float = 9000, **fields):
    """A trained candidate."""
    proposal = Proposal(Configuration((("lstm", units), ("gru", units)) if cell == "lstm+gru" else ((cell, units),)))
    cost = Cost(flash, 700, 5000, 7000)
    status = fields.pop("status", "trained")
    files = {"keras": f"{number}.keras", "esq": f"{number}.esq"} if validation is not None else {}
    return Candidate(
        number, proposal, "speed", status, status != "infeasible", cost, validation=validation, files=files, **fields
    )


def measured(hits: list[int], flash: float = 9000, ram: float = 700, mismatches: int = 0) -> Measured:
    """What a finalist showed that got these test windows right."""
    totals = tuple(float(hit) for hit in hits)
    score = sum(totals) / len(totals)
    cost = Cost(flash, ram, 5000, 7000)
    profile = {"cycles_per_step": {"value": 7000}, "compiler": "zig"}
    ones = (1.0,) * len(totals)
    shown = Shown("ptq", score, score, score if mismatches == 0 else None, len(totals), totals, ones, None, None, [])
    return Measured("speed", cost, profile, mismatches, {"flash": [], "ram": []}, shown)
