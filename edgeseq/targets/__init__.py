"""Cores, hosted targets and boards as data, one TOML file each."""

from edgeseq.targets.board import Board, board_names, load_board, resolve_target, target_names
from edgeseq.targets.core import OPTIMIZE_MODES, Core, Isa, Optimize, core_names, kernels_of, load_core
from edgeseq.targets.hosted import HostedTarget, hosted_names, load_target

__all__ = [
    "OPTIMIZE_MODES",
    "Board",
    "Core",
    "HostedTarget",
    "Isa",
    "Optimize",
    "board_names",
    "core_names",
    "hosted_names",
    "kernels_of",
    "load_board",
    "load_core",
    "load_target",
    "resolve_target",
    "target_names",
]
