"""What reads .onnx files, and the newest opset."""

ONNXRUNTIME, EDGESEQ = "onnxruntime", "edgeseq"
RUNTIMES = {ONNXRUNTIME: "onnxruntime 1.31", EDGESEQ: "edgeseq, to make integers of it"}

# The newest opset that onnxruntime 1.31.1 makes a session of: one Relu, tried at each opset from 18 to 29.
NEWEST_OPSET = 26
