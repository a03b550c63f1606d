"""Classes behind `edgeseq.train.compact_layers`. Importing this module imports Keras.

x is (batch, inputs), h and h' are (batch, units), * is elementwise. Weights are listed in the order of
`get_weights()`, which is also that of a .keras file.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

PACKAGE = "edgeseq"


class _Cell(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """What the cells share: one state of `units` values, initializers, configuration."""

    def __init__(
        self,
        units: int,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = _positive(type(self).__name__, "units", units)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return the zero state."""
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype)]

    def call(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """Return (output, new states); inputs: (batch, inputs)."""
        h = self.next_state(inputs, states[0] if isinstance(states, list | tuple) else states)
        return h, [h]

    def next_state(self, x: Any, h: Any) -> Any:
        """Return h'."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    def _kernel(self, name: str, shape: tuple[int, ...]) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=self.kernel_initializer)

    def _recurrent_kernel(self, name: str, shape: tuple[int, ...]) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=self.recurrent_initializer)

    def _bias(self, shape: tuple[int, ...]) -> Any:
        return self.add_weight(name="bias", shape=shape, initializer=self.bias_initializer) if self.use_bias else None


class _Layer(keras.layers.RNN):  # type: ignore[misc]  # Keras is untyped
    """An RNN layer that is configured by its cell's arguments, as keras.layers.GRU is."""

    cell_class: ClassVar[type[_Cell]]

    def __init__(
        self,
        units: int,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        of_cell: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """of_cell: what this cell alone takes, for subclasses; it is no argument of the configuration."""
        cell = self.cell_class(
            units,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            # The cell holds the weights.
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            **(of_cell or {}),
        )
        super().__init__(cell, **kwargs)
        self.input_spec = [keras.layers.InputSpec(ndim=3)]

    @property
    def units(self) -> int:
        """Size of the state."""
        return int(self.cell.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, those of the cell included."""
        layer, cell = super().get_config(), self.cell.get_config()
        del layer["cell"]
        # Name, dtype and trainable are the layer's own.
        return {**{key: value for key, value in cell.items() if key not in layer}, **layer}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Build the layer from what get_config returned."""
        return cls(**config)


@keras.saving.register_keras_serializable(package=PACKAGE)
class FastGRNNCell(_Cell):
    """One step of `FastGRNN`."""

    def __init__(
        self,
        units: int,
        *,
        rank_w: int | None = None,
        rank_u: int | None = None,
        bias_initializer: Any = "ones",
        zeta_init: float = 1.0,
        nu_init: float = -4.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, bias_initializer=bias_initializer, **kwargs)
        self.rank_w = None if rank_w is None else _positive("FastGRNN", "rank_w", rank_w)
        self.rank_u = None if rank_u is None else _positive("FastGRNN", "rank_u", rank_u)
        self.zeta_init, self.nu_init = float(zeta_init), float(nu_init)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights in their stated order."""
        inputs = _features(input_shape)
        self.kernels = _factors(self._kernel, "kernel", (inputs, self.units), self.rank_w)
        self.recurrent_kernels = _factors(self._recurrent_kernel, "recurrent_kernel", (self.units, self.units), self.rank_u)
        self.bias = self._bias((2, self.units))
        self.zeta_raw = self._scalar("zeta_raw", self.zeta_init)
        self.nu_raw = self._scalar("nu_raw", self.nu_init)

    def _scalar(self, name: str, value: float) -> Any:
        return self.add_weight(name=name, shape=(1,), initializer=keras.initializers.Constant(value))

    def next_state(self, x: Any, h: Any) -> Any:
        """Return h'."""
        total = _times(x, self.kernels) + _times(h, self.recurrent_kernels)
        gate, candidate = (total, total) if self.bias is None else (total + self.bias[0], total + self.bias[1])
        z = ops.sigmoid(gate)
        share = ops.sigmoid(self.zeta_raw) * (1.0 - z) + ops.sigmoid(self.nu_raw)
        return z * h + share * ops.tanh(candidate)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"rank_w": self.rank_w, "rank_u": self.rank_u, "zeta_init": self.zeta_init, "nu_init": self.nu_init}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package=PACKAGE)
class MGUCell(_Cell):
    """One step of `MGU`."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights in their stated order."""
        self.kernel = self._kernel("kernel", (_features(input_shape), 2 * self.units))
        self.recurrent_kernel = self._recurrent_kernel("recurrent_kernel", (self.units, 2 * self.units))
        self.bias = self._bias((2 * self.units,))

    def next_state(self, x: Any, h: Any) -> Any:
        """Return h'."""
        units = self.units
        from_input = ops.matmul(x, self.kernel)
        if self.bias is not None:
            from_input = from_input + self.bias
        f = ops.sigmoid(from_input[:, :units] + ops.matmul(h, self.recurrent_kernel[:, :units]))
        c = ops.tanh(from_input[:, units:] + ops.matmul(f * h, self.recurrent_kernel[:, units:]))
        return (1.0 - f) * h + f * c


@keras.saving.register_keras_serializable(package=PACKAGE)
class MinGRUCell(_Cell):
    """One step of `MinGRU`."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights in their stated order."""
        self.kernel = self._kernel("kernel", (_features(input_shape), 2 * self.units))
        self.bias = self._bias((2 * self.units,))

    def next_state(self, x: Any, h: Any) -> Any:
        """Return h'."""
        from_input = ops.matmul(x, self.kernel)
        if self.bias is not None:
            from_input = from_input + self.bias
        z = ops.sigmoid(from_input[:, : self.units])
        return (1.0 - z) * h + z * from_input[:, self.units :]


@keras.saving.register_keras_serializable(package=PACKAGE)
class FastGRNN(_Layer):
    """Fast gated recurrent network, Kusupati et al. 2018 (arXiv 1901.02358).

    ::

        s  = x W + h U                          one product for both gates
        z  = sigmoid(s + b_z)
        c  = tanh(s + b_h)
        h' = z * h + (zeta * (1 - z) + nu) * c  zeta = sigmoid(zeta_raw), nu = sigmoid(nu_raw)

    kernel W (inputs, units), or with rank_w its factors kernel_1 (inputs, rank_w) and kernel_2 (rank_w, units),
    W = kernel_1 kernel_2; recurrent_kernel U (units, units), or with rank_u recurrent_kernel_1 and _2 alike; bias
    (2, units), row 0 b_z, row 1 b_h, absent with use_bias=False; zeta_raw (1,); nu_raw (1,).
    Since nu is added to the share 1 - z leaves, |h| is not bounded by 1 but by zeta + nu / (1 - z) at a constant z.
    Initial values follow the authors' code: biases 1, zeta_raw 1, nu_raw -4.

    Other arguments (return_sequences, go_backwards, stateful, name, ...) are those of keras.layers.RNN.
    Raises ValueError if units or a rank is not a positive integer.
    """

    cell_class = FastGRNNCell

    def __init__(
        self,
        units: int,
        *,
        rank_w: int | None = None,
        rank_u: int | None = None,
        bias_initializer: Any = "ones",
        zeta_init: float = 1.0,
        nu_init: float = -4.0,
        **kwargs: Any,
    ) -> None:
        own = {"rank_w": rank_w, "rank_u": rank_u, "zeta_init": zeta_init, "nu_init": nu_init}
        super().__init__(units, bias_initializer=bias_initializer, of_cell=own, **kwargs)


@keras.saving.register_keras_serializable(package=PACKAGE)
class MGU(_Layer):
    """Minimal gated unit, Zhou et al. 2016 (arXiv 1603.09420).

    ::

        f  = sigmoid(x W_f + h U_f + b_f)
        c  = tanh(x W_c + (f * h) U_c + b_c)
        h' = (1 - f) * h + f * c

    Gate order f, candidate: kernel (inputs, 2 * units), recurrent_kernel (units, 2 * units), bias (2 * units,),
    absent with use_bias=False.

    Other arguments (return_sequences, go_backwards, stateful, name, ...) are those of keras.layers.RNN.
    Raises ValueError if units is not a positive integer.
    """

    cell_class = MGUCell


@keras.saving.register_keras_serializable(package=PACKAGE)
class MinGRU(_Layer):
    """minGRU, Feng et al. 2024, "Were RNNs All We Needed?" (arXiv 2410.01201), the form without logarithms.

    ::

        z  = sigmoid(x W_z + b_z)
        c  = x W_h + b_h
        h' = (1 - z) * h + z * c

    Gate order z, candidate: kernel (inputs, 2 * units), bias (2 * units,), absent with use_bias=False. There is no
    recurrent kernel, so recurrent_initializer is accepted and unused. The candidate is linear: h is not bounded by 1.

    Other arguments (return_sequences, go_backwards, stateful, name, ...) are those of keras.layers.RNN.
    Raises ValueError if units is not a positive integer.
    """

    cell_class = MinGRUCell


def _positive(layer: str, name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{layer}: {name}={value!r}; expected a positive integer")
    return value


def _features(input_shape: tuple[int | None, ...]) -> int:
    features = input_shape[-1]
    if features is None:
        raise ValueError(f"input shape {input_shape} leaves the number of features open; give it in keras.Input")
    return features


def _factors(add: Any, name: str, shape: tuple[int, int], rank: int | None) -> list[Any]:
    """Return [W], or the [W1, W2] whose product it is."""
    if rank is None:
        return [add(name, shape)]
    return [add(f"{name}_1", (shape[0], rank)), add(f"{name}_2", (rank, shape[1]))]


def _times(value: Any, kernels: list[Any]) -> Any:
    for kernel in kernels:
        value = ops.matmul(value, kernel)
    return value
