"""Candidates for the score alone, where the study's own sampler minds every figure at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeseq.choose.metric import Metric
from edgeseq.choose.search.proposals.space import Proposal, Space, suggest
from edgeseq.choose.search.study.storage import import_optuna
from edgeseq.choose.search.trials.trial import out_of_time

# TPE draws at random until it knows so many.
ENOUGH_SCORED = 10


def promising(study: Any, space: Space, metric: Metric, seed: int) -> Iterator[Proposal]:
    """Yield what TPE expects to score best by the trials that were scored, without end; nothing while those are few.

    Of a handful of trials nearly none is dominated in score, flash, RAM and latency at once, so a sampler of all four
    proposes the tiny as readily as the good. What a proposal costs is known before it is trained: it need not be learnt.
    """
    optuna = import_optuna()
    # What the clock ended scores as badly as what was never good.
    whole = [each for each in study.get_trials(deepcopy=False) if not out_of_time(each.user_attrs.get("reason"))]
    scored = [each for each in whole if each.state.is_finished() and "scores" in each.user_attrs]
    if len(scored) < ENOUGH_SCORED:
        return
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=ENOUGH_SCORED)
    alone = optuna.create_study(sampler=sampler, direction="maximize")
    for each in scored:
        value = metric.goodness(each.user_attrs["scores"]["validation"])
        alone.add_trial(optuna.trial.create_trial(params=each.params, distributions=each.distributions, value=value))
    while True:
        yield suggest(alone.ask(), space)
