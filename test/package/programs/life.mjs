/** A guarded SDK's whole life by `import`, told as one line of JSON. Runs in every runtime, in a project that has the package. */
import { MemoryGuardError, readMemory, withMemoryGuard } from 'nexa-memory-guard';

/** @type {string[]} */
const told = [];
const sdk = {
  /** @param {string} name */
  async loadModel(name) {
    return { name, dispose() {} };
  },
};
const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0, warningFactor: 1 });
for (const name of /** @type {const} */ (['admitted', 'loaded', 'refused', 'degraded'])) {
  nexa.guard.on(name, ({ type }) => void told.push(type));
}
const gone = new Promise((resolve) => nexa.guard.on('unloaded', resolve));

const model = await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: '1 MiB' } });
const held = nexa.guard.models().length;
const refused = await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: 2 ** 50 } }).catch((error) => error);
const { value: first } = await nexa.guard.watch().next();
await model.dispose();
await gone;

const result = {
  name: model.name,
  held,
  refused: refused instanceof MemoryGuardError && refused.code,
  status: first?.status,
  left: nexa.guard.models().length,
  source: readMemory().source,
  told,
};
nexa.guard.close();
console.log(JSON.stringify(result));
