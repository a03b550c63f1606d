"""Keras recipes and layers. The only room that imports Keras, and only when it trains or asks for a layer."""

from edgeseq.train.cells import CompactLayers, compact_layers
from edgeseq.train.classifier import Recipe, TrainingResult, train_classifier

__all__ = ["CompactLayers", "Recipe", "TrainingResult", "compact_layers", "train_classifier"]
