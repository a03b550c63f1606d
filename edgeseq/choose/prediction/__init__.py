"""What a network would cost on a core, without compiling it; and how far predictions were off on others."""

from edgeseq.choose.prediction.fitted import Error, Errors
from edgeseq.choose.prediction.predict import Prediction, predict

__all__ = ["Error", "Errors", "Prediction", "predict"]
