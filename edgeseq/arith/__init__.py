"""The integer rules that the oracle, C, .tflite and .onnx share.

Every rule has one Python form here and one C twin in firmware_templates/kernels.
They are the ones that TFLite's operators and ONNX can also express, so a rule
that changes here breaks every exported file: treat them as a file format.
"""
