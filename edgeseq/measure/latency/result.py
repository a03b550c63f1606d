"""What timing a model gives."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from edgeseq.measure.latency.runtimes import Precision


@dataclass(frozen=True, slots=True)
class Times:
    """One figure for each run, at least one, in the order they were taken."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """95 % of the runs took at most this."""
        return float(np.percentile(self.values, 95))

    @property
    def spread_pct(self) -> float:
        """Largest minus smallest, in per cent of the median."""
        return 100 * (max(self.values) - min(self.values)) / self.median

    def over(self, other: Times) -> float:
        """How many times as long as another that was timed in turn with it: the median over the rounds."""
        return statistics.median(mine / its for mine, its in zip(self.values, other.values, strict=True))


@dataclass(frozen=True, slots=True)
class RuntimeTime:
    """One model on one runtime, batch 1.

    file_bytes: of the file that was loaded; of C a stripped library for this host. threads: that the runtime may take.
    steps: time steps of one call; states: tensors that go from one call into the next, outside of the model. import_ms:
    of the runtime and all it imports, in fresh processes, None of C; load_ms: until the model can be called. call_ns: a
    run is a batch of calls of at least 1 ms, its inputs set and its outputs read; invoke_ns: the same without these,
    where a runtime copies tensors in calls of their own.
    """

    runtime: str
    version: str | None
    file_bytes: int
    threads: int
    steps: int
    states: int
    import_ms: Times | None
    load_ms: float
    call_ns: Times
    invoke_ns: Times | None

    @property
    def alone_ns(self) -> Times:
        """The runtime's own part of a call, as far as it can be told apart."""
        return self.invoke_ns or self.call_ns


@dataclass(frozen=True, slots=True)
class Latency:
    """`time_model`'s result. form, precision: None of a file that is timed as it is."""

    model: str
    scheme: str | None
    form: str | None
    precision: Precision | None
    device: str
    rows: tuple[RuntimeTime, ...]
