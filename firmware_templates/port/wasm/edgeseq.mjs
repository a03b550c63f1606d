/* A model in a page, a worker or Node:
 *
 *     import { Model } from "./edgeseq.mjs";
 *     const model = await Model.load(fetch("model.wasm"));
 *     const y = model.run([0.1, -2.0, ...]);   // each time step; the state carries on
 *     model.reset();                           // before a new stream
 *
 * A model that maps whole windows (steps > 1) takes and gives those, time step by time step, in one array.
 * One Model is one stream. Instances share compiled code when made from one WebAssembly.Module. */
export class Model {
    /* source: a fetch() response or its promise, the bytes, or a WebAssembly.Module. */
    static async load(source) {
        let given = await source;
        if (typeof Response !== "undefined" && given instanceof Response) {
            if (!given.ok) {
                throw new Error(`${given.url}: HTTP status ${given.status}`);
            }
            given = await given.arrayBuffer();
        }
        const module = given instanceof WebAssembly.Module ? given : await WebAssembly.compile(given);
        return new Model(module, (await WebAssembly.instantiate(module, {})).exports);
    }

    constructor(module, exports) {
        /* The memory never grows, so these views stay valid. */
        const memory = exports.memory.buffer;
        const Codes = exports.es_input_bytes() === 1 ? Int8Array : Int16Array;
        this.module = module;
        this.steps = exports.es_steps();
        this.inputSize = exports.es_input_size();
        this.outputSize = exports.es_output_size();
        const inputs = this.steps * this.inputSize;
        const outputs = exports.es_output_steps() * this.outputSize;
        /* Codes of one step, as model.h describes them; carry: the snapshot of the stream. */
        this.input = new Codes(memory, exports.es_input(), inputs);
        this.output = new Int16Array(memory, exports.es_output(), outputs);
        this.carry = new Int16Array(memory, exports.es_carry(), exports.es_carry_bytes() / 2);
        this.raw = new Float32Array(memory, exports.es_raw(), inputs);
        this.real = new Float32Array(memory, exports.es_real(), outputs);
        this.exports = exports;
        this.check(exports.es_init());
    }

    check(status) {
        if (status !== 0) {
            throw new Error(`the model returned status ${status}`);
        }
    }

    /* Start a new stream. */
    reset() {
        this.check(this.exports.es_reset());
    }

    /* One time step, or window, from the codes in this.input to the codes in this.output. */
    step() {
        this.check(this.exports.es_step());
    }

    /* One time step, or window, of raw values; returns real values, or probabilities after a softmax. */
    run(values) {
        if (values.length !== this.raw.length) {
            throw new RangeError(`${values.length} values; the model takes ${this.raw.length}`);
        }
        this.raw.set(values);
        this.check(this.exports.es_step_raw());
        return this.real.slice();
    }
}
