// Estimates one shape in this process, which is fresh: with an engine or without. The result is the last line that is printed.
import { estimateFootprint } from 'nexa-memory-guard';
import { MARK } from './real-load.mjs';

/** @typedef {import('nexa-memory-guard').Footprint} Footprint */
/** @typedef {{ footprint: Footprint, ms: number }} Prediction */

const MiB = 2 ** 20;
/** What the adapters of each engine say of it: what it keeps of states, and whether it copies weights into an arrangement of its own. */
const OWN_WAYS = {
  '@fugood/llama.node': { stateCacheBytes: 160 * MiB, stateSnapshots: 8 },
  'node-llama-cpp': {
    ...{ stateCacheBytes: Number.MAX_SAFE_INTEGER, stateSnapshots: 32, stateSnapshotTokens: 8192 },
    repack: true,
    simulatesLoads: true,
  },
};

const [, , text = ''] = process.argv;
/** @type {{ files: import('./cases.mjs').Files, run: import('./cases.mjs').Run, asked: import('./cases.mjs').EngineName, alone: boolean }} */
const { files, run, asked, alone } = JSON.parse(text);
const engine = alone ? {} : { engine: asked };
const startMs = performance.now();
const footprint = await estimate();
const ms = performance.now() - startMs;
// What the engine answered is still being written: this process ends by itself.
console.log(`\n${MARK}${JSON.stringify({ footprint, ms })}`);

/** @returns {Promise<Footprint>} */
async function estimate() {
  const { model, projector, lora, draft } = files;
  return estimateFootprint({
    ...OWN_WAYS[asked],
    ...run,
    ...engine,
    modelPath: model,
    ...(projector !== undefined && { projectorPath: projector }),
    ...(draft !== undefined && { draftPath: draft }),
    ...(lora !== undefined && { loraPaths: [lora] }),
    // Locked weights are read there.
    ...(asked === 'node-llama-cpp' && run.mlock && { mlock: false, mmap: false }),
  });
}
