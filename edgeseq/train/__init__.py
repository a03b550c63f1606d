"""Keras recipes. The only room that imports Keras, and only when it trains."""

from edgeseq.train.classifier import Recipe, TrainingResult, train_classifier
from edgeseq.train.references import build_tcn, build_transformer

__all__ = ["Recipe", "TrainingResult", "build_tcn", "build_transformer", "train_classifier"]
