"""QuantGraph -> .tflite, with built-in operators alone; TensorFlow takes no part."""

from edgeseq.export.tflite.about import Description
from edgeseq.export.tflite.model import EXACT_FORMS, FORMS, TfliteForm, TfliteModel, export_float_tflite, export_tflite

__all__ = ["EXACT_FORMS", "FORMS", "Description", "TfliteForm", "TfliteModel", "export_float_tflite", "export_tflite"]
