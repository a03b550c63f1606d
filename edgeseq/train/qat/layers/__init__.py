"""Keras layers whose forward pass is the integer arithmetic. Importing this package imports Keras and TensorFlow."""

from edgeseq.train.qat.layers.base import QatLayer, QatMatrix
from edgeseq.train.qat.layers.compact import QatFastGRNN, QatMGU, QatMinGRU
from edgeseq.train.qat.layers.dense import QatDense
from edgeseq.train.qat.layers.entry import QatInput
from edgeseq.train.qat.layers.recurrent import QatGRU, QatLSTM, QatRecurrent, QatSimpleRNN

__all__ = [
    "QatDense",
    "QatFastGRNN",
    "QatGRU",
    "QatInput",
    "QatLSTM",
    "QatLayer",
    "QatMGU",
    "QatMatrix",
    "QatMinGRU",
    "QatRecurrent",
    "QatSimpleRNN",
]
