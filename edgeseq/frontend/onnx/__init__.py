"""An .onnx file -> the layers that a Keras file would give, without running anything from the file.

`file` reads and bounds, `reader` walks the nodes, `ops` holds a handler per operator.
"""

from edgeseq.frontend.onnx.reader import read_onnx_file

__all__ = ["read_onnx_file"]
