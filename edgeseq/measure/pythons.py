"""The Python that has a runtime: this one, or another where edgeseq's own cannot have the package."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from edgeseq.errors import MissingExtraError, TargetError

_CANDIDATES = ("python3.11", "python3.10", "python3")


@dataclass(frozen=True, slots=True)
class Package:
    """A runtime of Python. module: what must import; variable: of the environment, names a Python; install: how to get one."""

    module: str
    variable: str
    install: str


PACKAGES = {
    "tflite-runtime": Package(
        "tflite_runtime.interpreter",
        "EDGESEQ_TFLITE_RUNTIME",
        "python3.11 -m venv tflite && tflite/bin/pip install tflite-runtime 'numpy<2' (Python 3.10 or 3.11), "
        "and set EDGESEQ_TFLITE_RUNTIME to tflite/bin/python",
    ),
    "tflite-micro": Package(
        "tflite_micro.python.tflite_micro.runtime",
        "EDGESEQ_TFLITE_MICRO",
        "python3.11 -m venv micro && micro/bin/pip install --pre tflite-micro (Python 3.11), "
        "and set EDGESEQ_TFLITE_MICRO to micro/bin/python",
    ),
}


def find_own(module: str) -> str:
    """Return this Python if it has a module of the extra `runtimes`; raises MissingExtraError."""
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(module, "runtimes")
    return sys.executable


def find_python(name: str) -> str:
    """The Python that the environment names, else this one, else the first on the PATH, that has a package of PACKAGES.

    Raises TargetError with the line that installs it.
    """
    package = PACKAGES[name]
    named = os.environ.get(package.variable)
    if named is not None:
        if not _has(named, package.module):
            raise TargetError(f"{package.variable}={named}: expected a Python that imports {package.module}. {_how(package)}")
        return named
    candidates = (sys.executable, *(path for word in _CANDIDATES if (path := shutil.which(word)) is not None))
    for python in dict.fromkeys(candidates):
        if _has(python, package.module):
            return python
    raise TargetError(f"{name} is not installed. {_how(package)}")


def _how(package: Package) -> str:
    return f"Install it with: {package.install}"


@functools.cache
def _has(python: str, module: str) -> bool:
    try:
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
