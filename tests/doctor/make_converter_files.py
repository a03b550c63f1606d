"""Writes tests/doctor/files: what TensorFlow's converter makes of recurrent models, seeded and small.

    python -m tests.doctor.make_converter_files [NAME ...]

Needs TensorFlow 2.21, Keras 3 and tf_keras. Each file is made in a process of its own: calibrating a loop of tensors can
end the process with a segmentation fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "files"
FEATURES, UNITS, STEPS, OUTPUTS, SEED = 4, 8, 8, 3, 7
MAX_BYTES = 60_000


def keras_model(layers: Any, *, batch: int | None = 1, steps: int | None = STEPS, head: bool = True) -> Any:
    """A Sequential of Keras 3 with a Dense head."""
    import keras

    keras.utils.set_random_seed(SEED)
    entry = keras.Input(batch_shape=(batch, steps, FEATURES), name="x")
    return keras.Sequential([entry, *layers(keras.layers), *([keras.layers.Dense(OUTPUTS)] if head else [])])


def tf_keras_model(steps: int) -> Any:
    """A Sequential of Keras 2 whose LSTM the converter fuses."""
    import tf_keras

    tf_keras.utils.set_random_seed(SEED)
    layers = tf_keras.layers
    return tf_keras.Sequential(
        [layers.Input(batch_shape=(1, steps, FEATURES), name="x"), layers.LSTM(UNITS), layers.Dense(OUTPUTS)]
    )


def step_of(cell: str, units: int = UNITS) -> Any:
    """One time step of a cell, its states as inputs and outputs beside x and y."""
    import keras

    keras.utils.set_random_seed(SEED)
    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[cell](units, return_state=True, unroll=True, name=cell)
    x = keras.Input(batch_shape=(1, 1, FEATURES), name="x")
    states = [keras.Input(batch_shape=(1, units), name=name) for name in ("h", "c")[: 2 if cell == "lstm" else 1]]
    y, *after = layer(x, initial_state=states)
    return keras.Model([x, *states], [keras.layers.Dense(OUTPUTS, name="y")(y), *after])


def untracked_step() -> Any:
    """A tf.Module that holds a cell of Keras 3, whose variables TensorFlow does not track: the file gets no weights."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(SEED)
    cell = keras.layers.GRUCell(UNITS)
    cell.build((1, FEATURES))
    shapes = {"x": (1, FEATURES), "h": (1, UNITS)}

    class Step(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cell

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()])
        def call(self, x: Any, h: Any) -> Any:
            return self.cell(x, [h])[0]

    return Step()


def converter_of(model: Any) -> Any:
    import tensorflow as tf

    if hasattr(model.call, "get_concrete_function"):  # a traced function of a plain module
        return tf.lite.TFLiteConverter.from_concrete_functions([model.call.get_concrete_function()], model)
    return tf.lite.TFLiteConverter.from_keras_model(model)


def plain(converter: Any) -> None:
    """Built-in operators alone, floats."""


def flex(converter: Any) -> None:
    """With TensorFlow's own operators where TFLite has none."""
    import tensorflow as tf

    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    converter._experimental_lower_tensor_list_ops = False


def custom(converter: Any) -> None:
    """What TFLite has no operator for is left to the application."""
    converter.allow_custom_ops = True


def dynamic_range(converter: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def per_tensor(converter: Any) -> None:
    """Dynamic range with one scale for a matrix, as converters before 2.17 wrote it."""
    dynamic_range(converter)
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True


def float16(converter: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def integers(shapes: dict[str, tuple[int, ...]], *, wide: bool = False) -> Callable[[Any], None]:
    """int8, or int16 activations; calibrated on seeded normal values."""

    def set_up(converter: Any) -> None:
        import numpy as np
        import tensorflow as tf

        def samples() -> Iterator[dict[str, Any]]:
            rng = np.random.default_rng(SEED)
            for _ in range(64):
                # By name: the converter puts inputs in an order of its own.
                drawn = {name: rng.normal(0, 1 if name == "x" else 0.5, shape) for name, shape in shapes.items()}
                yield {name: values.astype(np.float32) for name, values in drawn.items()}

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        kind = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8" if wide else "TFLITE_BUILTINS_INT8"
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, kind)]
        converter.inference_input_type = converter.inference_output_type = tf.int16 if wide else tf.int8

    return set_up


def spectrum() -> Any:
    """Magnitudes of a Fourier transform of real values in front of a GRU."""
    import tensorflow as tf

    return keras_model(lambda k: [k.Lambda(lambda x: tf.abs(tf.signal.rfft(x))), k.GRU(UNITS, unroll=True)], steps=4)


def complex_spectrum() -> Any:
    """The same of complex values, which TFLite has no operator for."""
    import tensorflow as tf

    def front(x: Any) -> Any:
        return tf.math.real(tf.signal.fft(tf.complex(x, x)))

    return keras_model(lambda k: [k.Lambda(front), k.GRU(UNITS, unroll=True)], steps=4)


WINDOW = {"x": (1, STEPS, FEATURES)}
GRU_STEP = {"x": (1, 1, FEATURES), "h": (1, UNITS)}
LSTM_STEP = GRU_STEP | {"c": (1, UNITS)}
# From 1024 values on the converter quantises a matrix without calibration.
WIDE = 32

# Name -> (what makes the model, how it is converted).
CASES: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "gru_dynamic_batch": (lambda: keras_model(lambda k: [k.GRU(UNITS)], batch=None), flex),
    "gru_fixed_batch": (lambda: keras_model(lambda k: [k.GRU(UNITS)]), plain),
    "gru_dynamic_time": (lambda: keras_model(lambda k: [k.GRU(UNITS)], steps=None), plain),
    "gru_stateful": (lambda: keras_model(lambda k: [k.GRU(UNITS, stateful=True, unroll=True)], steps=2), plain),
    "gru_unrolled_int8": (lambda: keras_model(lambda k: [k.GRU(UNITS, unroll=True)]), integers(WINDOW)),
    "gru_unrolled_float": (lambda: keras_model(lambda k: [k.GRU(UNITS, unroll=True)]), plain),
    "gru_step_float": (lambda: step_of("gru"), plain),
    "gru_step_float16": (lambda: step_of("gru"), float16),
    "gru_step_dynamic_range": (lambda: step_of("gru", WIDE), dynamic_range),
    "gru_step_dynamic_range_per_tensor": (lambda: step_of("gru", WIDE), per_tensor),
    "gru_step_int8": (lambda: step_of("gru"), integers(GRU_STEP)),
    "gru_step_16x8": (lambda: step_of("gru"), integers(GRU_STEP, wide=True)),
    "gru_step_untracked": (untracked_step, plain),
    "lstm_step_int8": (lambda: step_of("lstm"), integers(LSTM_STEP)),
    "lstm_dynamic_range": (lambda: keras_model(lambda k: [k.LSTM(WIDE)]), dynamic_range),
    "lstm_bidirectional": (lambda: keras_model(lambda k: [k.Bidirectional(k.LSTM(UNITS))]), plain),
    "simple_rnn": (lambda: keras_model(lambda k: [k.SimpleRNN(UNITS)]), plain),
    "spectrum": (spectrum, plain),
    "fft_flex": (complex_spectrum, flex),
    "fft_custom": (complex_spectrum, custom),
    "lstm_fused_float": (lambda: tf_keras_model(STEPS), plain),
    "lstm_fused_int8": (lambda: tf_keras_model(STEPS), integers(WINDOW)),
    "lstm_fused_step_int8": (lambda: tf_keras_model(1), integers({"x": (1, 1, FEATURES)})),
}


def make(name: str) -> None:
    """Write one file, in this process."""
    model, set_up = CASES[name]
    converter = converter_of(model())
    set_up(converter)
    data = converter.convert()
    if len(data) > MAX_BYTES:
        raise SystemExit(f"{name}: {len(data)} bytes, more than {MAX_BYTES}")
    (FILES / f"{name}.tflite").write_bytes(data)
    sys.stdout.write(f"{name}: {len(data)} bytes\n")


def main() -> None:
    """Write all files, or those that are named."""
    if len(sys.argv) > 2 and sys.argv[1] == "--here":
        make(sys.argv[2])
        return
    FILES.mkdir(exist_ok=True)
    failed = []
    for name in sys.argv[1:] or CASES:
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        command = [sys.executable, "-m", "tests.doctor.make_converter_files", "--here", name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(f"{name}: exit {done.returncode}\n{done.stderr[-1500:]}")
        else:
            sys.stdout.write(f"{done.stdout.strip().splitlines()[-1]}\n")
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
