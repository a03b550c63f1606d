/* app/stream.c and app/bench.c for Node: frames on stdin, the same bytes or the same line on stdout.
 *
 *     node run_stream.mjs MODULE.wasm stream|stream-state|bench < frames */
import { readFileSync, writeSync } from "node:fs";

import { Model } from "./edgeseq.mjs";

const MIN_BATCH_NS = 2e6;
const BATCHES = 31;

function* frames(model, bytes) {
    const codeBytes = model.input.BYTES_PER_ELEMENT;
    const size = codeBytes * (1 + model.input.length);
    for (let at = 0; at + size <= bytes.length; at += size) {
        const codes = bytes.subarray(at + codeBytes, at + size);
        yield { reset: (bytes[at] & 1) !== 0, codes };
    }
}

function asBytes(view) {
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function stream(model, bytes, withState) {
    const input = asBytes(model.input);
    const written = [];
    for (const { reset, codes } of frames(model, bytes)) {
        if (reset) {
            model.reset();
        }
        input.set(codes);
        model.step();
        written.push(asBytes(model.output).slice());
        if (withState) {
            written.push(asBytes(model.carry).slice());
        }
    }
    return Buffer.concat(written);
}

function bench(model, bytes) {
    const input = asBytes(model.input);
    const codes = [...frames(model, bytes)].map((frame) => frame.codes);
    if (codes.length === 0) {
        throw new Error("no frames to time");
    }
    const batch = (passes) => {
        const start = process.hrtime.bigint();
        for (let pass = 0; pass < passes; ++pass) {
            for (const step of codes) {
                input.set(step);
                model.step();
            }
        }
        return Number(process.hrtime.bigint() - start);
    };
    let passes = 1;
    while (batch(passes) < MIN_BATCH_NS) {
        passes *= 2;
    }
    const steps = codes.length * passes * model.steps;
    const ns = Array.from({ length: BATCHES }, () => batch(passes) / steps).sort((a, b) => a - b);
    const median = ns[BATCHES >> 1].toFixed(3);
    return Buffer.from(`${median} ${ns[0].toFixed(3)} ${ns[BATCHES - 1].toFixed(3)} ${BATCHES} ${steps}\n`);
}

const [path, mode] = process.argv.slice(2);
const model = await Model.load(readFileSync(path));
const bytes = readFileSync(0);
const result = mode === "bench" ? bench(model, bytes) : stream(model, bytes, mode === "stream-state");
for (let at = 0; at < result.length; ) {
    at += writeSync(1, result, at);
}
