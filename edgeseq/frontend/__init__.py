"""Model files and live Keras models -> Graph, without TensorFlow and without running their code."""

from edgeseq.frontend.load import Inspection, inspect_model, load_model

__all__ = ["Inspection", "inspect_model", "load_model"]
