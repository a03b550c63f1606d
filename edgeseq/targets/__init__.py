"""Cores and boards as data, one TOML file each."""

from edgeseq.targets.core import Core, core_names, load_core

__all__ = ["Core", "core_names", "load_core"]
