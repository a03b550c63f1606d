"""The scripts that write ONNX files need PyTorch or tf2onnx, which the tests do not."""

collect_ignore = ["make_onnx_keras.py", "make_onnx_torch.py"]
