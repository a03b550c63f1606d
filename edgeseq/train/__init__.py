"""Keras recipes and layers. The only room that imports Keras, and only when it trains or asks for a layer."""

from edgeseq.train.cells import CompactLayers, compact_layers
from edgeseq.train.classifier import train_classifier
from edgeseq.train.recipe import Recipe
from edgeseq.train.references import build_tcn, build_transformer
from edgeseq.train.registry import CELLS
from edgeseq.train.run import TrainingResult, check_integers, train, train_integers
from edgeseq.train.save import save_keras

__all__ = [
    "CELLS",
    "CompactLayers",
    "Recipe",
    "TrainingResult",
    "build_tcn",
    "build_transformer",
    "check_integers",
    "compact_layers",
    "save_keras",
    "train",
    "train_classifier",
    "train_integers",
]
