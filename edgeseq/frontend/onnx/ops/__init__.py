"""How each ONNX operator is read: a handler for data, a folder for known values, or a refusal with a way out."""

from edgeseq.frontend.onnx.ops import activation, axes, convolution, dense, loop, select
from edgeseq.frontend.onnx.ops.fold import FOLDERS, Handler
from edgeseq.frontend.onnx.ops.recurrent import CELL_HANDLERS

# Operators on data.
HANDLERS: dict[str, Handler] = {
    **CELL_HANDLERS,
    "Loop": loop.loop,
    "MatMul": dense.matmul,
    "Gemm": dense.gemm,
    "Add": activation.add,
    "Sub": activation.subtract,
    "Mul": activation.multiply,
    "Div": activation.divide,
    **activation.ACTIVATIONS,
    "BatchNormalization": dense.batch_normalization,
    "LayerNormalization": dense.layer_normalization,
    "Conv": convolution.conv,
    "Pad": convolution.pad,
    "GlobalAveragePool": convolution.reduction("Average", None),
    "GlobalMaxPool": convolution.reduction("Max", None),
    "ReduceMean": convolution.reduction("Average", "ave"),
    "ReduceMax": convolution.reduction("Max", None),
    "ReduceSum": convolution.reduction(None, "sum"),
    "Gather": axes.through_states(select.gather),
    "Slice": axes.through_states(select.slice_),
    "Split": axes.through_states(select.split),
    "Concat": select.concat,
    "ReverseSequence": select.reverse_sequence,
    "Transpose": axes.through_states(axes.transpose),
    "Squeeze": axes.through_states(axes.squeeze),
    "Unsqueeze": axes.through_states(axes.unsqueeze),
    "Reshape": axes.through_states(axes.reshape),
    "Flatten": axes.flatten,
    "Expand": axes.through_states(axes.expand),
    "Identity": axes.through_states(axes.identity),
    "Cast": axes.through_states(axes.cast),
    "Dropout": axes.identity,
}

SUPPORTED = f"supported operators: {', '.join(HANDLERS)}"

_QUANTIZED = "the model is quantised already; export the float model, edgeseq chooses the integers"
_FEWER_STEPS = (
    "pooling over a few steps gives fewer of them than it reads, and a stream gives one output a step; use a dilated causal "
    "convolution or a global pooling, or feed the data at the lower rate"
)
REFUSED = {
    "Scan": "a loop over time of an unknown cell; export with torch.nn.GRU, LSTM or RNN, or hand over the .keras file itself",
    "If": "a branch that the data decides; export with example inputs that fix it (torch.onnx.export with tracing)",
    "LogSoftmax": "use Softmax, or leave the logits and take the logarithm on the float side",
    "MaxPool": _FEWER_STEPS,
    "AveragePool": _FEWER_STEPS,
    "ConvTranspose": "makes more time steps than it reads; a stream gives one output a step",
    "Resize": "makes another number of time steps; a stream gives one output a step",
    "Attention": "attention in ONNX is not read; hand over a .keras file with keras.layers.MultiHeadAttention",
    "Einsum": "an arbitrary product; write it with torch.nn.Linear",
    "ArgMax": "an index is no tensor to stream; export the logits, and take the largest on the device",
    "QuantizeLinear": _QUANTIZED,
    "DequantizeLinear": _QUANTIZED,
    "DynamicQuantizeLinear": _QUANTIZED,
    "QLinearMatMul": _QUANTIZED,
    "MatMulInteger": _QUANTIZED,
}

__all__ = ["FOLDERS", "HANDLERS", "REFUSED", "SUPPORTED", "Handler"]
