"""The ORT format: what minimal builds of onnxruntime load, made by onnxruntime's own tool."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import MissingExtraError, ToolchainError

SECONDS = 300


@dataclass(frozen=True, slots=True)
class OrtFiles:
    """ort: the model; operators: the configuration that ``--include_ops_by_config`` of a minimal build takes."""

    ort: bytes
    operators: bytes


def to_ort(model: bytes) -> OrtFiles:
    """Convert an .onnx in a process of its own, optimised alike for any CPU.

    Two conversions differ in the order of the opset imports, which onnxruntime takes from a hash table of its process.

    Raises MissingExtraError without onnxruntime, ToolchainError if its tool fails.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingExtraError("onnxruntime", "runtimes")
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        (folder / "model.onnx").write_bytes(model)
        command = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", str(folder)]
        # The other style leaves optimisations to the device, and needs a build that has them.
        command += ["--optimization_style", "Fixed", "--target_platform", "arm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ToolchainError(
                f"onnxruntime's conversion to .ort took more than {SECONDS} s; export a smaller model"
            ) from error
        ort, operators = folder / "model.ort", next(folder.glob("*required_operators*.config"), None)
        if done.returncode or not ort.is_file() or operators is None:
            said = " ".join((done.stderr or done.stdout).split())[-600:] or "no message"
            raise ToolchainError(f"onnxruntime's conversion to .ort failed: {said}")
        # Its comments name the folder that the tool ran in.
        kept = [line for line in operators.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        return OrtFiles(ort.read_bytes(), ("\n".join(kept) + "\n").encode())
