"""A search with workers that train nothing: for what the loop, its study and its folder do."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

from edgeseq.choose.about_data import task_shape
from edgeseq.choose.budget import Budget
from edgeseq.choose.metric import METRICS
from edgeseq.choose.search.choose import Request
from edgeseq.choose.search.loop import Search, SearchOptions
from edgeseq.choose.search.proposals.space import Space
from edgeseq.choose.search.proposals.target import Target
from edgeseq.choose.search.study.records import RunFolder, source_of, write_measured
from edgeseq.choose.search.trials.trial import TrialResult, TrialSpec
from edgeseq.choose.search.trials.windows import prepare
from edgeseq.choose.search.trials.workers import Outcome
from edgeseq.targets import load_core
from tests.choose.double import predictor
from tests.choose.made_up import data_set, measured

SPACE = Space(cells=("gru", "lstm", "transformer"), sizes=(4, 8, 16, 32, 256), schemes=("int8", "int8x4"))


class Quiet:
    def stage(self, words, total):
        pass

    def advance(self, done, words):
        pass


class Instant:
    """Does each job at once, in its own way: larger networks score better. Measures by writing a made-up measurement."""

    slots = 2

    def __init__(self, folder, ends=None):
        self.folder, self.ends, self.jobs, self.numbers = folder, ends or (lambda _: None), [], itertools.count()

    @property
    def running(self):
        return len(self.jobs)

    def submit(self, work, spec):
        self.jobs.append((next(self.numbers), spec))
        return self.jobs[-1][0]

    def wait(self, timeout_s):
        job, spec = self.jobs.pop(0)
        if not isinstance(spec, TrialSpec):
            number = spec.trial.number
            found = replace(measured([1] * 22 + [0] * 8), source=source_of(self.folder, number, spec.qat_epochs))
            write_measured(self.folder.measurement(number), found)
            return [Outcome(job, error="no compiler in this test")]
        ended = self.ends(spec)
        if ended is not None:
            return [replace(ended, job=job)]
        score = 1 - 1 / sum(spec.proposal.configuration.units)
        history = ({"loss": 1.0, "val_loss": 1.0, "val_accuracy": score},)
        return [Outcome(job, TrialResult("trained", None, score, score, history, 0.1, b"keras", b"esq"))]

    def close(self):
        self.jobs.clear()


def request(folder, workers=None, *, trials=6, **fields) -> Request:
    data = prepare(data_set(), 0)
    target = Target("cortex-m0plus", load_core("cortex-m0plus"), predictor(task_shape(data)))
    search = Search(
        SPACE, Budget(12_000, 1200), target, METRICS["classification"], SearchOptions(trials=trials, epochs=1), RunFolder(folder)
    )
    make = (lambda _: workers) if workers else (lambda _: Instant(RunFolder(folder)))
    return Request(search, data, make, lambda _: {}, ["edgeseq", "choose"], **fields)


def document(folder):
    return json.loads((folder / "results.json").read_text())
