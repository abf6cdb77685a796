/** Another process that meets in the same ledger and takes real memory: told by messages what to load and when to let go. It tells nothing back. */
import { withMemoryGuard } from 'nexa-memory-guard';
import { TouchedMemory } from './touched-memory.mjs';

const { directory } = JSON.parse(process.argv[2] ?? '{}');
const memory = new TouchedMemory();
const sdk = {
  async loadModel(/** @type {string} */ _name, /** @type {{ needBytes: number }} */ { needBytes }) {
    const model = {
      async generate() {
        memory.take(model, needBytes, needBytes);
      },
      async dispose() {
        memory.take(model, 0, needBytes);
      },
    };
    memory.take(model, Math.floor(needBytes / 2), needBytes);
    return model;
  },
};
const guarded = withMemoryGuard(sdk, { ledger: { directory }, minFreeBytes: 32 * 2 ** 20, minFreeRatioAfterLoad: 0 });
/** @type {{ generate(): Promise<void>, dispose(): Promise<void> }[]} */
const models = [];

process.on('message', async (/** @type {{ load?: number, dispose?: true }} */ { load, dispose }) => {
  try {
    if (load !== undefined) {
      const options = { needBytes: load, memoryGuard: { footprint: load, wait: { timeoutMs: 200 } } };
      const model = await guarded.loadModel('peer', options);
      models.push(model);
      await model.generate();
    }
    if (dispose) await models.shift()?.dispose();
  } catch {
    // Refused, or the ledger is in trouble: both are the run's own doing.
  }
});
process.on('disconnect', () => process.exit(0));
