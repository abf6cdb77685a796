/** What opens once in a process stays open: a first guarded life opens it, so that a later one can be asked what it left behind. */
import { withMemoryGuard } from 'nexa-memory-guard';

export async function warmUp() {
  const sdk = { loadModel: async (/** @type {string} */ _name, /** @type {object} */ _options) => ({ dispose() {} }) };
  const guarded = withMemoryGuard(sdk, { ledger: 'process', minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
  const model = await guarded.loadModel('warm-up', { memoryGuard: { footprint: 2 ** 21 } });
  guarded.guard.snapshot();
  model.dispose();
  guarded.guard.close();
}
