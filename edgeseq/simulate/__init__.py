"""The oracle: what the integers compute, in numpy, bit for bit."""

from edgeseq.simulate.oracle import Oracle, OracleRun

__all__ = ["Oracle", "OracleRun"]
