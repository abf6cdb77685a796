/** A program with models, in its own process or in processes of their own: it does what its parent asks for and tells how long that took. */
import { openSync, readSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { RESERVES } from './setting.mjs';

/** @typedef {{ delayMs: number, ownMs: number }} Delay the longest turn of the event loop, and the most that one has computed */
/** @typedef {Delay & { firstMs: number, tokens: number, tokensPerSecond: number }} Told of one text */
/** @typedef {{ file: string, options?: import('nexa-memory-guard').LoadOptions }} Load */

/** So long the loop turns alone before and after, so that what blocks it stands between two of its turns. */
const TURN_MS = 20;

const [, , isolation] = /** @type {[string, string, 'none' | 'process']} */ (/** @type {unknown} */ (process.argv));
const sdk = await NexaSDK.initialize({ runtime: 'llama', isolation });
const nexa = withMemoryGuard(sdk, { ...RESERVES, ledger: 'process' });
/** @type {Awaited<ReturnType<typeof nexa.loadModel>> | undefined} */
let model;

const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
const read = Buffer.alloc(100);

/** CPU time that the main thread has had, in ms: `1342098341 20984 312` begins with nanoseconds. */
function readOwnMs() {
  return Number(read.toString('latin1', 0, readSync(schedstat, read, 0, read.length, 0)).split(' ')[0]) / 1e6;
}

/** What took longest of all turns of the event loop while the action ran. @template T @param {() => Promise<T>} action */
async function withDelay(action) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  let ownMs = 0;
  let lastMs = readOwnMs();
  const watch = () => {
    const nowMs = readOwnMs();
    ownMs = Math.max(ownMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const timer = setInterval(watch, 1);
  histogram.enable();
  await sleep(TURN_MS);
  const result = await action();
  await sleep(TURN_MS);
  histogram.disable();
  clearInterval(timer);
  return { result, delay: { delayMs: histogram.max / 1e6, ownMs } };
}

const commands = {
  /** @param {Load} load */
  async load({ file, options = {} }) {
    const startMs = performance.now();
    const { result, delay } = await withDelay(() => nexa.loadModel(file, options));
    model = result;
    return { ms: performance.now() - startMs - 2 * TURN_MS, ...delay };
  },

  /** @param {{ prompt: string, maxTokens: number }} asked @returns {Promise<Told>} */
  async generate({ prompt, maxTokens }) {
    const { result, delay } = await withDelay(async () => {
      const startMs = performance.now();
      let firstMs = Number.NaN;
      for await (const _ of /** @type {NonNullable<typeof model>} */ (model).generate({
        prompt,
        raw: true,
        maxTokens,
        temperature: 0,
        seed: 1,
      })) {
        if (Number.isNaN(firstMs)) firstMs = performance.now() - startMs;
      }
      return { firstMs, ms: performance.now() - startMs };
    });
    const tokens = model?.lastResult?.generatedTokens ?? Number.NaN;
    const { firstMs, ms } = result;
    return { firstMs, tokens, tokensPerSecond: (1000 * (tokens - 1)) / (ms - firstMs), ...delay };
  },

  /** Gives a load up after so long, and tells how long after that it rejected. @param {Load & { afterMs: number }} load */
  async abort({ file, options = {}, afterMs }) {
    const aborter = new AbortController();
    let abortedMs = Number.NaN;
    setTimeout(() => {
      abortedMs = performance.now();
      aborter.abort();
    }, afterMs);
    try {
      const loaded = await nexa.loadModel(file, { ...options, signal: aborter.signal });
      await loaded.dispose();
      return { loaded: true, ms: Number.NaN };
    } catch (error) {
      if (!aborter.signal.aborted) throw error;
      return { loaded: false, ms: performance.now() - abortedMs };
    }
  },

  /** Waits, with nothing to do. @param {{ ms: number }} asked @returns {Promise<Delay>} */
  async wait({ ms }) {
    return (await withDelay(() => sleep(ms))).delay;
  },

  /** Waits, and tells what that took. @param {{ ms: number }} asked */
  async idle({ ms }) {
    const before = process.cpuUsage();
    await sleep(ms);
    const { user, system } = process.cpuUsage(before);
    return { cpuMs: (user + system) / 1000 };
  },

  async dispose() {
    await model?.dispose();
    model = undefined;
  },

  async find() {
    return { pid: model?.pid };
  },
};

process.on('disconnect', () => process.exit());
process.on('message', async (/** @type {{ name: keyof typeof commands, asked: any }} */ { name, asked }) => {
  try {
    process.send?.({ result: await commands[name](asked) });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});
process.send?.({ ready: true });
