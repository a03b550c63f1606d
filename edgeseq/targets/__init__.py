"""Cores and hosted targets as data, one TOML file each."""

from edgeseq.targets.core import OPTIMIZE_MODES, Core, Isa, Optimize, core_names, kernels_of, load_core
from edgeseq.targets.hosted import HostedTarget, hosted_names, load_target, target_names

__all__ = [
    "OPTIMIZE_MODES",
    "Core",
    "HostedTarget",
    "Isa",
    "Optimize",
    "core_names",
    "hosted_names",
    "kernels_of",
    "load_core",
    "load_target",
    "target_names",
]
