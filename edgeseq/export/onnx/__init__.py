"""A model as .onnx: integers bit for bit, or the float model with the recurrent operators of ONNX."""

from edgeseq.export.onnx.floats import export_float_onnx
from edgeseq.export.onnx.model import FORMS, OPSET, OnnxForm, OnnxModel, export_onnx

__all__ = ["FORMS", "OPSET", "OnnxForm", "OnnxModel", "export_float_onnx", "export_onnx"]
