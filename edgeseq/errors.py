"""The exception tree of edgeseq.

EdgeseqError                 every error a user can cause or act on; the CLI prints it and exits 2
├── ModelError               a model file cannot be read, or is not what it claims to be
│   └── UnsupportedModelError    the file is fine, but holds something edgeseq refuses
├── DataError                a data set cannot be read or has the wrong shape
├── TrainingError            a recipe cannot be trained, or a run diverged or cannot go on
├── CalibrationError         calibration data cannot give usable ranges
├── QuantizedFileError       a .esq file is damaged or of another version
├── TargetError              an unknown core or board, or a feature it lacks
├── ToolchainError           no compiler, or the compiler refused the code
├── EmulationError           the image did not run to its end on the emulator
├── SearchError              a search cannot go on: its study is damaged, in use or of another search, or a choice is void
│   └── BudgetError              nothing fits a budget, or the target cannot be held to it
├── ResultsError             a run folder holds no results, or they are not what the schema says
├── OutputError              a result cannot be written where it was asked for
└── MissingExtraError        an optional dependency is not installed
"""

from __future__ import annotations


class EdgeseqError(Exception):
    """Base of every error that a user can cause or act on."""


class ModelError(EdgeseqError):
    """A model file cannot be read, or is not what it claims to be."""


class UnsupportedModelError(ModelError):
    """The model is readable but holds layers or settings that edgeseq refuses."""


class DataError(EdgeseqError):
    """A data set cannot be read, or its shape does not fit the model."""


class TrainingError(EdgeseqError):
    """A recipe cannot be trained, a run diverged, or it cannot be resumed."""


class CalibrationError(EdgeseqError):
    """Calibration data cannot give usable ranges."""


class QuantizedFileError(EdgeseqError):
    """A .esq file is damaged, truncated, or of a version this edgeseq cannot read."""


class TargetError(EdgeseqError):
    """An unknown target, or one that lacks a needed feature."""


class ToolchainError(EdgeseqError):
    """No usable compiler was found, or it rejected the project."""


class EmulationError(EdgeseqError):
    """The image faulted, hung, or did not answer as the protocol says."""


class SearchError(EdgeseqError):
    """A search cannot begin or go on: its study is damaged, in use or of another search, or its choices are void."""


class BudgetError(SearchError):
    """Nothing fits the budget, or the target lacks what the budget limits."""


class ResultsError(EdgeseqError):
    """A run folder holds no results.json, or one that is not what its schema says."""


class OutputError(EdgeseqError):
    """A result cannot be written at the path that was asked for."""


class MissingExtraError(EdgeseqError):
    """An optional dependency is not installed.

    Parameters
    ----------
    package: the import name that failed, e.g. ``"unicorn"``.
    extra: the edgeseq extra that brings it, e.g. ``"emulate"``.

    """

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"{package} is not installed. Install it with: pip install 'edgeseq[{extra}]'")
