"""Reading a QAT model back into Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from edgeseq.errors import ModelError
from edgeseq.train.cells import compact_layers
from edgeseq.train.qat import layers


def load(path: str | Path) -> Any:
    """Return the model that was saved as .keras; float models are read too. Raises ModelError."""
    compact_layers()
    known = {f"edgeseq>{name}": getattr(layers, name) for name in layers.__all__}
    try:
        return keras.models.load_model(path, custom_objects=known)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: Keras cannot load it ({reason}). Expected a .keras file written by model.save()") from error
