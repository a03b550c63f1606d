"""Who turns a Keras file into something that a small machine runs."""

EDGESEQ, CONVERTER = "edgeseq", "tf-converter"
RUNTIMES = {EDGESEQ: "edgeseq", CONVERTER: "TensorFlow's converter (TFLiteConverter, 2.21)"}
