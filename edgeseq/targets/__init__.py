"""Cores and boards as data, one TOML file each."""

from edgeseq.targets.core import OPTIMIZE_MODES, Core, Isa, Optimize, core_names, load_core

__all__ = ["OPTIMIZE_MODES", "Core", "Isa", "Optimize", "core_names", "load_core"]
