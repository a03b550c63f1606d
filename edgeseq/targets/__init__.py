"""Cores and boards as data, one TOML file each."""

from edgeseq.targets.core import Core, Isa, core_names, load_core

__all__ = ["Core", "Isa", "core_names", "load_core"]
