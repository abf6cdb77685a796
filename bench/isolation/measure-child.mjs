/** What the process of a model costs before its model: how soon it answers, and what it holds. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../lib/children/start-child.js';
import { EngineProcess } from '../../lib/sdk/isolation/engine-process.js';
import { measureEngineLoad } from '../../tools/engine-load.mjs';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { createEngineOptions } from '../../tools/transcripts.mjs';

/** What users have, not the file of each source. */
const CHILD = fileURLToPath(new URL('../../dist/child.js', import.meta.url));
/** What a load of `NexaSDK` gives the engine if nothing is chosen. */
const LOAD = {
  contextSize: 2048,
  batchSize: 512,
  microBatchSize: 512,
  kvCacheType: /** @type {const} */ ('f16'),
  flashAttention: /** @type {const} */ ('auto'),
  mmap: true,
  gpuLayers: 0,
  reportsProgress: false,
};

/** @typedef {{ answerMs: number, openMs: number, startedBytes: number, openedBytes: number }} Start */

/** One process from its start to its first answer, and to its opened engine. @returns {Promise<Start>} */
export async function measureStart() {
  const startMs = performance.now();
  const child = await startChild(CHILD);
  const answered = new Promise((resolve) => child.onMessage(resolve));
  child.send({ type: 'ping' });
  await answered;
  const answerMs = performance.now() - startMs;
  const { anonymousBytes: startedBytes } = readProcessMemory(child.pid);
  const process = new EngineProcess(child, { shared: false });
  const openMs = performance.now();
  await process.call({ type: 'open', args: [{ runtime: 'llama' }] });
  const opened = { openMs: performance.now() - openMs, openedBytes: readProcessMemory(child.pid).anonymousBytes };
  await process.kill();
  return { answerMs, startedBytes, ...opened };
}

/** What a process has taken beside what the engine alone takes for the same model: Node, the opened engine, and the header. @param {string} file */
export async function measureBesideModel(file) {
  const child = await startChild(CHILD);
  const process = new EngineProcess(child, { shared: false });
  await process.call({ type: 'open', args: [{ runtime: 'llama' }] });
  await process.call({ type: 'load', args: [{ ...LOAD, modelPath: file }] });
  const { anonymousBytes } = readProcessMemory(child.pid);
  await process.kill();
  const { measured, text } = await measureEngineLoad({ model: file, ...createEngineOptions(LOAD) });
  if (!measured) throw new Error(`The engine did not load ${file}: ${text.slice(-2000)}`);
  return anonymousBytes - (measured.loaded.anonymousBytes - measured.before.anonymousBytes);
}

/** CPU time that all threads of a process have had, in ms. @param {number} pid */
export function readCpuMs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  // `1342098341 20984 312`: nanoseconds on a CPU, waiting for one, and time slices.
  const spent = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return spent.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** What an idle process costs, in ms of CPU for a minute. @param {number} pid @param {number} ms */
export async function measureIdleCpu(pid, ms) {
  const before = readCpuMs(pid);
  await sleep(ms);
  return ((readCpuMs(pid) - before) * 60_000) / ms;
}
