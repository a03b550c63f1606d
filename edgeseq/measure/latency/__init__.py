"""How long a model takes on this host, on runtimes in worker processes."""

from edgeseq.measure.latency.result import Latency, RuntimeTime, Times
from edgeseq.measure.latency.runtimes import FORMS, PRECISIONS, RUNTIMES
from edgeseq.measure.latency.session import Job
from edgeseq.measure.latency.timing import RUNS, make_job, time_jobs, time_model

__all__ = [
    "FORMS",
    "PRECISIONS",
    "RUNS",
    "RUNTIMES",
    "Job",
    "Latency",
    "RuntimeTime",
    "Times",
    "make_job",
    "time_jobs",
    "time_model",
]
