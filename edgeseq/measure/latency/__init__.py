"""How long a model takes on this host, on runtimes in worker processes."""

from edgeseq.measure.latency.runtimes import FORMS, PRECISIONS, RUNTIMES
from edgeseq.measure.latency.timing import RUNS, Latency, RuntimeTime, Times, time_model

__all__ = ["FORMS", "PRECISIONS", "RUNS", "RUNTIMES", "Latency", "RuntimeTime", "Times", "time_model"]
