"""A model as .onnx: integers bit for bit, the float model with the recurrent operators of ONNX, or quantised for its tools."""

from edgeseq.export.onnx.floats import export_float_onnx
from edgeseq.export.onnx.metadata import Labels
from edgeseq.export.onnx.model import FORMS, OPSET, OnnxForm, OnnxModel, export_onnx
from edgeseq.export.onnx.qdq import QDQ_LAYERS, QDQ_OPSET, export_qdq_onnx

__all__ = [
    "FORMS",
    "OPSET",
    "QDQ_LAYERS",
    "QDQ_OPSET",
    "Labels",
    "OnnxForm",
    "OnnxModel",
    "export_float_onnx",
    "export_onnx",
    "export_qdq_onnx",
]
