"""Cores and hosted targets as data, one TOML file each."""

from edgeseq.targets.core import Core, core_names, load_core
from edgeseq.targets.hosted import HostedTarget, hosted_names, load_target, target_names

__all__ = ["Core", "HostedTarget", "core_names", "hosted_names", "load_core", "load_target", "target_names"]
