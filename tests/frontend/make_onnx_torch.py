"""Write tests/frontend/onnx_files/torch_*.onnx, with both exporters of torch.onnx.

Usage, in an environment with PyTorch (2.13 was used), onnx and onnxscript: python tests/frontend/make_onnx_torch.py
The tests read the files alone; PyTorch is not needed for them.
"""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

FOLDER = Path(__file__).parent / "onnx_files"
FEATURES, UNITS, STEPS = 5, 4, 8


class Net(nn.Module):
    """A recurrent layer, what is taken of it, and a head."""

    def __init__(
        self, cell="GRU", take="last", head=nn.Linear, *, batch_first=True, activation=None, entry=None, state=None, **options
    ):
        super().__init__()
        self.entry = entry
        self.cell = getattr(nn, cell)(FEATURES, UNITS, batch_first=batch_first, **options)
        self.take, self.activation, self.batch_first, self.state = take, activation, batch_first, state
        width = UNITS * (2 if options.get("bidirectional") and take not in ("sum", "forward") else 1)
        self.head = head(width, 3)
        self.units = UNITS

    def forward(self, x):
        return self.run(x, None)[0]

    def run(self, x, given):
        x = self.entry(x) if self.entry is not None else x
        if self.state == "zeros":
            layers = self.cell.num_layers * (2 if self.cell.bidirectional else 1)
            given = torch.zeros(layers, x.shape[0 if self.batch_first else 1], UNITS)
        y, final = self.cell(x, given)
        hidden = final[0] if isinstance(final, tuple) else final
        time = 1 if self.batch_first else 0
        taken = {
            "last": lambda: y.select(time, -1),
            "slice": lambda: y[:, -1:, :].reshape(-1, self.units),
            "sequence": lambda: y,
            "h_n": lambda: hidden[-1],
            "both": lambda: torch.cat([hidden[-2], hidden[-1]], dim=-1),
            "ends": lambda: torch.cat([y[:, -1, : self.units], y[:, 0, self.units :]], dim=-1),
            "sum": lambda: y[..., : self.units] + y[..., self.units :],
            "forward": lambda: y[..., : self.units],
            "mean": lambda: y.mean(dim=time),
            "max": lambda: y.max(dim=time).values,
        }[self.take]()
        out = self.head(taken)
        return (self.activation(out) if self.activation is not None else out), final


class Stateful(Net):
    """Its state is an input and an output."""

    def forward(self, x, h0, c0=None):
        y, final = self.run(x, h0 if c0 is None else (h0, c0))
        return (y, *(final if isinstance(final, tuple) else (final,)))


class Scaled(nn.Module):
    """Standardisation of the input."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.0, 1.0, -2.0, 0.5, 3.0]))
        self.register_buffer("std", torch.tensor([1.0, 2.0, 0.5, 4.0, 1.5]))

    def forward(self, x):
        return (x - self.mean) / self.std


class Residual(nn.Module):
    """Two GRUs, the second around a shortcut, and a layer normalisation."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.GRU(FEATURES, UNITS, batch_first=True), nn.GRU(UNITS, UNITS, batch_first=True)
        self.norm, self.head = nn.LayerNorm(UNITS), nn.Linear(UNITS, 3)

    def forward(self, x):
        y = self.first(x)[0]
        y = self.norm(y + self.second(y)[0])
        return self.head(y)[:, -1]


class Chomp(nn.Module):
    def forward(self, x):
        return x[:, :, :-2].contiguous()


class Convolved(nn.Module):
    """A causal convolution in front of a GRU."""

    def __init__(self, chomp):
        super().__init__()
        self.conv = nn.Conv1d(FEATURES, 6, 3, padding=2 if chomp else 0)
        self.chomp = Chomp() if chomp else None
        self.norm, self.depthwise = nn.BatchNorm1d(6), nn.Conv1d(6, 12, 2, dilation=2, groups=6)
        self.cell, self.head = nn.GRU(12, UNITS, batch_first=True), nn.Linear(UNITS, 3)
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        y = x.transpose(1, 2)
        y = self.chomp(self.conv(y)) if self.chomp else self.conv(nn.functional.pad(y, (2, 0)))
        y = torch.relu(self.norm(y))
        y = self.depthwise(nn.functional.pad(y, (2, 0)))
        return self.head(self.cell(y.transpose(1, 2))[1][-1])


class Words(nn.Module):
    """Token ids."""

    def __init__(self):
        super().__init__()
        self.table, self.cell, self.head = (
            nn.Embedding(11, FEATURES),
            nn.LSTM(FEATURES, UNITS, batch_first=True),
            nn.Linear(UNITS, 3),
        )

    def forward(self, ids):
        return torch.softmax(self.head(self.cell(self.table(ids))[0][:, -1]), dim=-1)


def mlp(width, outputs):
    return nn.Sequential(nn.Linear(width, 6), nn.GELU(), nn.Dropout(0.3), nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, outputs))


def every_function(width, outputs):
    layers = [nn.Linear(width, outputs)]
    for function in (nn.ELU(), nn.Mish(), nn.Softplus(), nn.PReLU(outputs), nn.ReLU6()):
        layers += [function, nn.Linear(outputs, outputs)]
    return nn.Sequential(*layers, nn.Hardsigmoid())


# name: (module, options of the export); opset, states: shapes of recurrent states that are inputs, ids: token ids.
CASES = {
    "gru": (lambda: Net(activation=nn.Softmax(-1)), {}),
    "gru_sequence": (lambda: Net(take="sequence"), {}),
    "gru_time_first": (lambda: Net(batch_first=False), {}),
    "gru_two_layers": (lambda: Net(num_layers=2, take="h_n"), {}),
    "gru_bidirectional": (lambda: Net(bidirectional=True), {}),
    "gru_both_final": (lambda: Net(bidirectional=True, take="both", num_layers=2), {}),
    "gru_both_ends": (lambda: Net(bidirectional=True, take="ends"), {}),
    "gru_direction_sum": (lambda: Net(bidirectional=True, take="sum"), {}),
    "gru_forward_half": (lambda: Net(bidirectional=True, take="forward"), {}),
    "gru_zero_state": (lambda: Net(state="zeros"), {}),
    "gru_state_input": (lambda: Stateful(take="sequence"), {"states": [(1, 1, UNITS)]}),
    "gru_step": (lambda: Stateful(take="sequence"), {"states": [(1, 1, UNITS)], "steps": 1, "fixed": True}),
    "gru_fixed_shape": (Net, {"fixed": True}),
    "gru_opset_11": (lambda: Net(head=mlp), {"opset": 11}),
    "gru_no_bias": (lambda: Net(bias=False), {}),
    "gru_standardised": (lambda: Net(entry=Scaled(), take="slice"), {}),
    "gru_mean": (lambda: Net(take="mean"), {}),
    "gru_max": (lambda: Net(take="max"), {}),
    "gru_external": (Net, {"external": True}),
    "lstm": (lambda: Net("LSTM", take="h_n", activation=nn.Sigmoid()), {}),
    "lstm_time_first_two_layers": (
        lambda: Net("LSTM", batch_first=False, num_layers=2, take="sequence", activation=nn.Tanh()),
        {},
    ),
    "lstm_bidirectional": (lambda: Net("LSTM", bidirectional=True, num_layers=2, take="sequence"), {}),
    "lstm_state_input": (lambda: Stateful("LSTM"), {"states": [(1, 1, UNITS), (1, 1, UNITS)]}),
    "rnn_tanh": (lambda: Net("RNN", activation=nn.LeakyReLU(0.1)), {}),
    "rnn_relu": (lambda: Net("RNN", nonlinearity="relu", head=mlp), {}),
    "mlp": (lambda: Net(head=mlp, activation=nn.Hardswish()), {}),
    "functions": (lambda: Net(head=every_function), {}),
    "residual": (Residual, {}),
    "conv_padded": (lambda: Convolved(chomp=False), {}),
    "conv_chomped": (lambda: Convolved(chomp=True), {}),
    "words": (Words, {"ids": True}),
}


def inputs(options):
    steps, batch = options.get("steps", STEPS), 1 if "states" in options else 2
    if options.get("ids"):
        return (torch.randint(0, 11, (batch, steps)),)
    return (torch.randn(batch, steps, FEATURES), *(torch.zeros(shape) for shape in options.get("states", [])))


def export(name, exporter):
    make, options = CASES[name]
    torch.manual_seed(7)
    model = make().eval()
    given = inputs(options)
    time_first = "time_first" in name
    names = ["x", *("h0", "c0")[: len(given) - 1]]
    shared = {"input_names": names, "opset_version": options.get("opset", 17 if exporter == "script" else 18)}
    path = FOLDER / f"torch_{exporter}_{name}.onnx"
    axes = {} if options.get("fixed") or "states" in options else {0: "batch", 1: "time"}
    axes = {0: "time", 1: "batch"} if time_first and axes else axes
    if exporter == "script":
        torch.onnx.export(model, given, path, dynamo=False, dynamic_axes={"x": axes} if axes else None, **shared)
    else:
        dims = {at: torch.export.Dim(what) for at, what in axes.items()}
        dynamic = (dims,) if dims else None
        torch.onnx.export(model, given, path, dynamo=True, dynamic_shapes=dynamic, external_data=False, verbose=False, **shared)
        if options.get("external"):
            # As the exporter does it for weights of more than 1 kB.
            onnx.save_model(onnx.load(path), path, save_as_external_data=True, location=f"{path.stem}.data", size_threshold=64)
    strip(path)


def strip(path):
    """Drop the exporter's stack traces, which are most of a small file and hold this machine's paths."""
    model = onnx.load(path, load_external_data=False)
    for entry in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del entry.metadata_props[:]
        entry.doc_string = ""
    path.write_bytes(model.SerializeToString())


def main():
    warnings.filterwarnings("ignore")
    FOLDER.mkdir(exist_ok=True)
    for name, (_, options) in CASES.items():
        for exporter in ("script", "dynamo"):
            # The dynamo exporter writes opset 18 and later, and unrolls torch.nn.RNN, of which one such file is enough; the
            # older one has no external data for small models.
            if exporter == "dynamo" and name == "rnn_relu":
                continue
            if (exporter == "dynamo" and "opset" in options) or (exporter == "script" and "external" in options):
                continue
            try:
                export(name, exporter)
            except Exception as error:  # noqa: BLE001 - the exporters raise of everything, and the next model goes on
                print(f"{exporter} {name}: {type(error).__name__}: {str(error)[:300]}")  # noqa: T201 - a script's report


if __name__ == "__main__":
    main()
