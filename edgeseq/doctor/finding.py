"""What the doctor says: findings, and the diagnosis they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["blocks", "wrong", "costs", "note"]
# Worst first. blocks: the runtime refuses the file. wrong: it runs, and gives something else than the model that was
# trained, or loses much of it. costs: memory, time or a call that has to be made. note: worth knowing.
SEVERITIES: tuple[Severity, ...] = ("blocks", "wrong", "costs", "note")
Verdict = Literal["runs", "wrong", "refused"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a file.

    rule: name in the table of rules. runtimes: those it concerns. where: operators, nodes, layers or tensors by name. what
    was found there, why it matters, and the way out.
    """

    rule: str
    severity: Severity
    runtimes: tuple[str, ...]
    where: str
    what: str
    why: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings on one file, worst first.

    format: tflite, onnx or keras. runtimes: key -> what it is called. facts: what the file holds, for a person to read.
    """

    file: str
    format: str
    size_bytes: int
    facts: tuple[str, ...]
    runtimes: Mapping[str, str]
    findings: tuple[Finding, ...]

    def verdict(self, runtime: str) -> Verdict:
        """What happens to the file on one of the runtimes."""
        found = {finding.severity for finding in self.findings if runtime in finding.runtimes}
        return "refused" if "blocks" in found else "wrong" if "wrong" in found else "runs"

    @property
    def healthy(self) -> bool:
        """Whether every runtime of the diagnosis runs the file, and runs it right."""
        return all(self.verdict(runtime) == "runs" for runtime in self.runtimes)


def listed(names: list[str], most: int = 4) -> str:
    """A few names in words, each once.

    >>> listed(["a", "b", "a"]), listed(["a", "b", "c"], 2)
    ("'a', 'b'", "'a', 'b' and 1 more")
    """
    once = list(dict.fromkeys(names))
    more = f" and {len(once) - most} more" if len(once) > most else ""
    return ", ".join(repr(name) for name in once[:most]) + more


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "node"), counted(2000, "node")
    ('1 node', '2,000 nodes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
