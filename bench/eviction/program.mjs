/** One real run in a process of its own, inside the limited group: six models, asked by a trace, evicted in one way. It tells what was loaded. */

import { setTimeout as sleep } from 'node:timers/promises';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { makeTrace } from '../../tools/swapping/traces.mjs';
import { LOAD, OPTIONS, REAL_HASTE, REAL_MIB, REAL_REQUESTS, REAL_SEED } from './setting.mjs';

/** @typedef {{ model: number, atMs: number }} Asked */
/** @typedef {{ model: number, loadMs: number, bytes: number, again: boolean }} Loaded */
/** @typedef {{ asked: Asked[], loaded: Loaded[], lostMs: number, evicted: number[], roomBytes: number }} Run */
/** @typedef {import('nexa-memory-guard').EvictChoice} EvictChoice */

/** @type {Map<string, number>} */
const lastMs = new Map();

/** @param {(a: import('nexa-memory-guard').LoadedModel, b: import('nexa-memory-guard').LoadedModel) => number} compare @returns {EvictChoice} */
function inOrder(compare) {
  return (idle, missingBytes) => {
    let freed = 0;
    return [...idle].sort(compare).filter(({ need }) => {
      const goes = freed < missingBytes;
      if (goes) freed += need.mappedBytes + need.anonymousBytes;
      return goes;
    });
  };
}

/** @param {{ readonly need: { readonly mappedBytes: number, readonly anonymousBytes: number } }} model */
const bytesOf = ({ need }) => need.mappedBytes + need.anonymousBytes;

/** @type {Record<string, 'idle' | EvictChoice>} */
const WAYS = {
  guard: 'idle',
  'least recent': inOrder((a, b) => (lastMs.get(a.name) ?? 0) - (lastMs.get(b.name) ?? 0)),
  largest: inOrder((a, b) => bytesOf(b) - bytesOf(a)),
};

const [way = '', ...files] = process.argv.slice(2);
const evict = /** @type {'idle' | EvictChoice} */ (WAYS[way]);
const nexa = withMemoryGuard(await NexaSDK.initialize({ runtime: 'llama' }), { ...OPTIONS, evict, calibration: 'off' });
const index = (/** @type {string} */ name) => files.indexOf(name);
/** @type {Run} */
const run = {
  asked: [],
  loaded: [],
  lostMs: 0,
  evicted: [],
  roomBytes: nexa.guard.headroomBytes() - OPTIONS.minFreeBytes,
};
nexa.guard.on('loaded', ({ model, elapsedMs, need }) => {
  const again = run.loaded.some((other) => other.model === index(model));
  run.loaded.push({ model: index(model), loadMs: elapsedMs, bytes: need.mappedBytes + need.anonymousBytes, again });
});
nexa.guard.on('evicted', ({ model, message }) => {
  if (process.env['TELL']) console.error(message);
  run.evicted.push(index(model));
});

/** @type {Map<number, Awaited<ReturnType<typeof nexa.loadModel>>>} */
const handles = new Map();
const trace = makeTrace('one hot', REAL_SEED, { models: REAL_MIB.length, requests: REAL_REQUESTS });
const startMs = performance.now();
for (const { model, atMs } of trace) {
  await sleep(Math.max(0, startMs + atMs / REAL_HASTE - performance.now()));
  const name = /** @type {string} */ (files[model]);
  const loads = run.loaded.length;
  const askedMs = performance.now();
  run.asked.push({ model, atMs: askedMs - startMs });
  const handle = handles.get(model) ?? (await nexa.loadModel(name, LOAD));
  handles.set(model, handle);
  for await (const _ of handle.generate({ prompt: 'Hi', maxTokens: 1 }));
  if (run.loaded.length > loads) run.lostMs += performance.now() - askedMs;
  lastMs.set(name, performance.now());
}
await nexa.dispose();
nexa.guard.close();
process.send?.(run);
process.disconnect?.();
