"""Write tests/frontend/onnx_files/keras_*.onnx with tf2onnx, from Keras 3 and from tf_keras (Keras 2).

Usage, in an environment with TensorFlow, tf_keras and tf2onnx (2.21, 2.21 and 1.17 were used):
python tests/frontend/make_onnx_keras.py. The tests read the files alone; tf2onnx is not needed for them.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
import tf_keras

FOLDER = Path(__file__).parent / "onnx_files"
FEATURES, UNITS, STEPS = 5, 4, 8
K, K2 = tf.keras, tf_keras


def stack(keras, *layers):
    return keras.Sequential([keras.Input((STEPS, FEATURES)), *layers])


# name: model. tf2onnx makes an LSTM of Keras' LSTM, a GRU of Keras 2's, and loops of the rest.
CASES = {
    "keras3_lstm": lambda: stack(K, K.layers.LSTM(UNITS, return_sequences=True), K.layers.LSTM(3), K.layers.Dense(3, "softmax")),
    "keras3_bidirectional": lambda: stack(K, K.layers.Bidirectional(K.layers.LSTM(UNITS)), K.layers.Dense(3)),
    "keras3_gru": lambda: stack(K, K.layers.GRU(UNITS), K.layers.Dense(3, "softmax")),
    "keras3_gru_before": lambda: stack(
        K, K.layers.GRU(UNITS, reset_after=False, return_sequences=True), K.layers.Dense(3, "relu")
    ),
    "keras3_gru_backwards": lambda: stack(K, K.layers.GRU(UNITS, go_backwards=True), K.layers.Dense(3)),
    "keras3_rnn": lambda: stack(
        K, K.layers.SimpleRNN(UNITS, return_sequences=True), K.layers.SimpleRNN(3, "relu"), K.layers.Dense(2)
    ),
    "keras3_lstm_hard": lambda: stack(K, K.layers.LSTM(UNITS, recurrent_activation="hard_sigmoid"), K.layers.Dense(3)),
    "keras2_gru": lambda: stack(K2, K2.layers.GRU(UNITS, return_sequences=True), K2.layers.Dense(3, "sigmoid")),
    "keras2_gru_two": lambda: stack(K2, K2.layers.GRU(UNITS, return_sequences=True), K2.layers.GRU(3), K2.layers.Dense(3)),
    "keras2_lstm": lambda: stack(K2, K2.layers.LSTM(UNITS), K2.layers.Dense(3, "swish"), K2.layers.Dense(2, "softmax")),
    "keras2_rnn": lambda: stack(K2, K2.layers.SimpleRNN(UNITS), K2.layers.Dense(3)),
    "keras2_gru_before": lambda: stack(K2, K2.layers.GRU(UNITS, reset_after=False), K2.layers.Dense(3)),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    rng = np.random.default_rng(5)
    for name, make in CASES.items():
        K.utils.set_random_seed(7)
        model = make()
        model.set_weights([rng.normal(0, 0.5, array.shape) for array in model.get_weights()])
        signature = [tf.TensorSpec((None, STEPS, FEATURES), tf.float32, name="x")]
        converted, _ = tf2onnx.convert.from_function(tf.function(model, input_signature=signature), signature, opset=17)
        onnx.save(converted, FOLDER / f"{name}.onnx")


if __name__ == "__main__":
    main()
