"""What a choice among finalists scores on the very test part that it was made on, without the luck of the choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseq.choose.metric import Metric
from edgeseq.choose.scores import WindowScores

FOLDS = 10


def chosen_elsewhere(finalists: Sequence[WindowScores], metric: Metric) -> WindowScores:
    """Return the scores of "the best of these" on the test part, each stretch of it scored by the best on the others.

    The best of several on a test part is better there than it is: luck is part of why it is the best. What is chosen without
    a stretch owes nothing to luck on that stretch (Stone 1974, "Cross-validatory choice and assessment of statistical
    predictions", JRSS B 36). finalists: on the same parts, of equal ones the preferred first; ten stretches, or as many as
    there are parts (subjects, windows or stretches of time, as `drawn` has them).
    """
    first = finalists[0]
    count = len(first.totals)
    if len(finalists) == 1 or count < 2:
        return first
    sign = 1 if metric.higher_is_better else -1
    table = np.stack([each.totals for each in finalists])
    chosen = np.empty(count)
    for stretch in np.array_split(np.arange(count), min(FOLDS, count)):
        elsewhere = sign * (table.sum(axis=1) - table[:, stretch].sum(axis=1))
        chosen[stretch] = table[int(elsewhere.argmax()), stretch]
    return WindowScores(chosen, first.weights)
