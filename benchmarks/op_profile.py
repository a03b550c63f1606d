"""Where an interpreter's time goes: a .tflite cut after each of its operators, the pieces timed in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers

from edgeseq.measure.latency import Job, time_jobs

ROUNDS = 51


def pieces(data: bytes) -> list[tuple[str, bytes]]:
    """The file without operators, then with one more each: (name of the last one, file); its outputs are the piece's."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    whole = schema.ModelT.InitFromPackedBuf(data, 0)
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in whole.operatorCodes]
    found = []
    for count in range(len(whole.subgraphs[0].operators) + 1):
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        graph = model.subgraphs[0]
        graph.operators = graph.operators[:count]
        graph.outputs = graph.operators[-1].outputs if count else graph.inputs[:1]
        model.signatureDefs = []
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        name = names[codes[graph.operators[-1].opcodeIndex]] if count else "nothing"
        found.append((name, bytes(builder.Output())))
    return found


def profile(data: bytes, folder: Path) -> list[dict[str, Any]]:
    """Nanoseconds of invoke that each operator adds, in their order; the first row is a call of nothing."""
    folder.mkdir()
    jobs, names = [], []
    for number, (name, piece) in enumerate(pieces(data)):
        path = folder / f"{number}.tflite"
        path.write_bytes(piece)
        jobs.append(Job("litert", str(path)))
        names.append(name)
    rows = []
    before = 0.0
    for name, row in zip(names, time_jobs(jobs, ROUNDS), strict=True):
        assert row.invoke_ns is not None  # of LiteRT
        # The fastest runs: differences of medians would show what else the machine does.
        fastest = min(row.invoke_ns.values)
        rows.append({"operator": name, "ns": round(fastest - before, 1)})
        before = fastest
    return rows
