"""Tasks by name. Adding one is a module here and an entry below."""

from __future__ import annotations

from collections.abc import Callable

from edgeseq.data import DataSet, TaskName
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks.anomaly import Anomaly
from edgeseq.train.tasks.base import Examples, Head, Predict, Task
from edgeseq.train.tasks.classification import Classification
from edgeseq.train.tasks.multilabel import Multilabel
from edgeseq.train.tasks.regression import Regression

TASKS: dict[TaskName, Callable[[DataSet, Split, Recipe], Task]] = {
    "classification": Classification.of,
    "tagging": Classification.of,
    "regression": Regression.of,
    "forecast": Regression.of,
    "multilabel": Multilabel.of,
    "anomaly": Anomaly.of,
}

__all__ = ["TASKS", "Examples", "Head", "Predict", "Task"]
