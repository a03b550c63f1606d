"""Keras, and the layers that train with integers, loaded once a module."""

import pytest

from edgeseq.train.classifier import import_keras


@pytest.fixture(scope="module")
def keras():
    return import_keras()


@pytest.fixture(scope="module")
def qat(keras):
    from edgeseq.train import qat

    return qat
