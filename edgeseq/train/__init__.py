"""Keras recipes. The only room that imports Keras, and only when it trains."""

from edgeseq.train.classifier import Recipe, TrainingResult, train_classifier

__all__ = ["Recipe", "TrainingResult", "train_classifier"]
