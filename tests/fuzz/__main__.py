"""Fuzz a reader for a bounded time: ``python -m tests.fuzz onnx --seconds 300``.

Coverage guides it where atheris is installed (pip install 'edgeseq[dev]' brings it on 64-bit Linux). Inputs that end in
any other exception than edgeseq's own are written to --findings, one for each place in the code, and the exit is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

# Seconds that one input may take.
SLOWEST = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", choices=["onnx", "esq", "tflite"])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("fuzz_findings"))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.findings.mkdir(parents=True, exist_ok=True)
    if given.worker:
        _fuzz(given.target, given.worker, given.findings, given.seconds, given.seed)
    with tempfile.TemporaryDirectory(prefix="edgeseq-corpus-") as corpus:
        # In a process of its own, because libFuzzer ends it, whatever it finds.
        command = [sys.executable, "-m", "tests.fuzz", *sys.argv[1:], "--worker", corpus]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    found = sorted(given.findings.glob(f"{given.target}-*"))
    lines = [f"{given.target}: {executed[1] if executed else '?'} executions, coverage {coverage[-1] if coverage else '?'}"]
    sys.stdout.write("\n".join([*lines, *(f"  {path}" for path in found), ""]))
    if executed is None or done.returncode:
        sys.stderr.write(done.stderr[-6000:])
    return int(bool(found or done.returncode))


def _fuzz(name: str, corpus: Path, findings: Path, seconds: int, seed: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["edgeseq"]):
        import edgeseq.doctor.tflite
        import edgeseq.frontend.onnx.reader
        import edgeseq.quantize.validate  # noqa: F401 - imported here to be instrumented
        from tests.fuzz.targets import TARGETS, change_bytes, scratch, survives
    target = TARGETS[name]
    for data in target.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    with scratch() as folder:

        def one_input(data: bytes) -> None:
            try:
                survives(target, data, Path(folder))
            except Exception as error:  # noqa: BLE001 - each of them is a finding
                frame = next(f for f in reversed(traceback.extract_tb(error.__traceback__)) if "edgeseq" in f.filename)
                path = findings / f"{name}-{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
                if not path.exists():
                    path.write_bytes(data)
                    path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))

        def mutate(data: bytes, max_size: int, seed: int) -> bytes:
            rng = random.Random(seed)
            if rng.random() < 0.2:
                return atheris.Mutate(data, max_size)
            change = target.mutate if rng.random() < 0.8 else change_bytes
            return change(data, rng)[:max_size]

        options = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", "-rss_limit_mb=3000", "-max_len=20000"]
        options += [f"-seed={seed}", "-print_final_stats=1", f"-artifact_prefix={findings}/{name}-"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
