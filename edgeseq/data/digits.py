"""scikit-learn's handwritten digits read row by row: 8 time steps of 8 pixels, 10 classes.

Source: UCI Optical Recognition of Handwritten Digits, test part; comes with scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseq.errors import MissingExtraError


def load_digits() -> tuple[Any, Any, Any, Any]:
    """Return (x_train, y_train, x_test, y_test), a stratified 75/25 split with a fixed seed."""
    try:
        from sklearn.datasets import load_digits as load
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "train") from error
    digits = load()
    x, y = digits.images.astype(np.float32), digits.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    return x_train, y_train, x_test, y_test
