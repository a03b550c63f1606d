"""Cells compared fairly: alike in size, the same seeds and windows, intervals instead of single figures."""

from edgeseq.choose.comparison.plan import ENOUGH_SEEDS, MATCHES, Match, Plan, title
from edgeseq.choose.comparison.result import CellComparison, CellResult, PairResult, SeedResult
from edgeseq.choose.comparison.run import compare

__all__ = [
    "ENOUGH_SEEDS",
    "MATCHES",
    "CellComparison",
    "CellResult",
    "Match",
    "PairResult",
    "Plan",
    "SeedResult",
    "compare",
    "title",
]
