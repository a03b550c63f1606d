"""Keras recipes. The only room that imports Keras, and only when it trains."""

from edgeseq.train.classifier import train_classifier
from edgeseq.train.recipe import Recipe
from edgeseq.train.registry import CELLS
from edgeseq.train.run import TrainingResult, check_integers, train, train_integers
from edgeseq.train.save import save_keras

__all__ = ["CELLS", "Recipe", "TrainingResult", "check_integers", "save_keras", "train", "train_classifier", "train_integers"]
