// Runs an .onnx on onnxruntime-web: node onnx_web_worker.mjs FOLDER MODULES.
//
// FOLDER holds model.onnx and job.json; result.json is written beside them. MODULES is the folder whose node_modules has
// onnxruntime-web. Integers of the model are exact in the numbers of JSON: none is beyond 32 bits.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const [folder, modules] = process.argv.slice(2);
const ort = createRequire(join(resolve(modules), "package.json"))("onnxruntime-web");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const arrays = { int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array };

function tensor(port, values) {
  const numbers = port.dtype === "int64" ? values.map(BigInt) : values;
  return new ort.Tensor(port.dtype, arrays[port.dtype].from(numbers), port.shape);
}

const job = JSON.parse(readFileSync(join(folder, "job.json"), "utf8"));
const options = { executionProviders: ["wasm"] };
const session = await ort.InferenceSession.create(readFileSync(join(folder, "model.onnx")), options);
const result = { outputs: [], states: [], version: ort.env.versions?.web ?? null };
for (const window of job.windows) {
  const outputs = [];
  const kept = [];
  let states = job.states.map((port) => tensor(port, new Array(port.shape.reduce((a, b) => a * b, 1)).fill(0)));
  for (const codes of window) {
    const feeds = { [job.x.name]: tensor(job.x, codes) };
    job.states.forEach((port, index) => (feeds[port.name] = states[index]));
    const found = await session.run(feeds);
    outputs.push(Array.from(found[job.y].data, Number));
    states = job.states.map((port) => found[port.after]);
    kept.push(states.flatMap((state) => Array.from(state.data, Number)));
  }
  result.outputs.push(outputs);
  result.states.push(kept);
}
writeFileSync(join(folder, "result.json"), JSON.stringify(result));
