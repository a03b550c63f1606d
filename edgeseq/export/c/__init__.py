"""QuantGraph -> a C99 project: hand-written kernels plus generated data and a call list."""

from edgeseq.export.c.project import KERNEL_SETS, CProject, export_c, write_project

__all__ = ["KERNEL_SETS", "CProject", "export_c", "write_project"]
