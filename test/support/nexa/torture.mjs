// What a sanitizer is to watch in Node:   node --expose-gc torture.mjs texts|workers|terminations|garbage|exit PACKAGE LIBRARY FOLDER
// TERMINATIONS is how many workers `terminations` ends, 1000 unless it is set.
import { readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const [work, home, library, folder] = isMainThread ? process.argv.slice(2) : workerData;
const door = pathToFileURL(path.join(home, 'dist/index.js')).href;
const { NexaSDK, withMemoryGuard } = /** @type {typeof import('../../../src/index.ts')} */ (await import(door));

const open = (options = {}) => NexaSDK.initialize({ libraryPath: library, ...options });
/** @param {Awaited<ReturnType<typeof open>>} sdk */
const load = (sdk, options = {}) => sdk.loadModel(path.join(folder, 'model.gguf'), { contextSize: 4096, ...options });
const tone = path.join(folder, 'tone.wav');
// The older generation ignores it for a model with a projector, so it is refused there.
const drawn = path.basename(library).startsWith('nexa') ? {} : { temperature: 0.5 };

/** @param {AsyncIterable<string>} stream */
async function read(stream) {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}

/** @param {boolean} right @param {string} what */
function expect(right, what) {
  if (right) return;
  console.error(`wrong: ${what}`);
  process.exit(1);
}

async function texts() {
  let lines = 0;
  const sdk = await open({ onLog: () => lines++ });
  await sdk.devices(/** @type {string} */ ((await sdk.plugins())[0]));
  for (let round = 0; round < 10; round++) {
    const models = await Promise.all(Array.from({ length: 4 }, () => load(sdk)));
    const all = models.flatMap((model) => [
      read(model.generate({ prompt: 'Go on.', maxTokens: 60, ...drawn, stop: ['never', 'ab'] })),
      read(model.generate({ prompt: 'Listen.', audio: tone, maxTokens: 30 })),
      read(model.generate({ prompt: '<<double say=e2,82,ac,ff;logs=20;odd=late>>' })),
      model.generate({ prompt: 'Left.', maxTokens: 900 }).next(),
      read(model.generate({ prompt: '<<double throw=1>>' })).catch(() => 'thrown'),
      model.applyChatTemplate([{ role: 'user', content: 'x'.repeat(round * 1000) }]),
      model.reset(),
    ]);
    const found = await Promise.all(all);
    expect(found.filter((text) => text === '\u20ac\ufffd').length === 4, 'bytes');
    const one = await load(sdk);
    for await (const _text of one.generate({ prompt: 'Break.', maxTokens: 900 })) break;
    const aborted = AbortSignal.timeout(5);
    await read(one.generate({ prompt: 'Abort.', maxTokens: 900, signal: aborted })).catch(() => {});
    models.push(one);
    const late = read(one.generate({ prompt: 'Dispose.', maxTokens: 900 })).catch(() => {});
    await Promise.all([late, ...models.map((model) => model.dispose())]);
    await load(sdk, { pluginId: 'none' }).catch(() => {});
  }
  expect(lines > 0, 'log lines');
  await sdk.dispose();
}

async function workers() {
  if (!isMainThread) {
    const sdk = await open({ onLog: () => {} });
    const mine = await load(sdk);
    for (const model of [mine, await load(sdk)])
      read(model.generate({ prompt: '<<double logs=50>>', maxTokens: 3000 })).catch(() => {});
    for (let i = 0; i < 5; i++) load(sdk).catch(() => {});
    await mine.generate({ prompt: 'x' }).next();
    parentPort?.postMessage('busy');
    return;
  }
  const mine = await load(await open());
  const text = read(mine.generate({ prompt: 'Go on.', maxTokens: 3000 }));
  for (let round = 0; round < 12; round++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: [work, home, library, folder] });
    await Promise.race([new Promise((resolve) => worker.once('message', resolve)), wait(round * 20)]);
    await worker.terminate();
  }
  expect((await text).length === 3000, 'a text beside terminated workers');
  await mine.dispose();
}

/** Workers that load, ask and dispose, each second one through a guard, and are terminated at a random moment of that. */
async function terminations() {
  if (!isMainThread) {
    parentPort?.postMessage('here');
    const sdk = await open({ onLog: () => {} });
    const ledger = { directory: path.join(folder, 'ledger') };
    const guarded = withMemoryGuard(sdk, { ledger, minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    parentPort?.postMessage('loading');
    for (let turn = 0; ; turn++) {
      const model = await (turn % 2 ? load(sdk) : load(/** @type {any} */ (guarded)));
      await read(model.generate({ prompt: 'Go on.', maxTokens: 5 }));
      await model.dispose();
    }
  }
  const most = Number(process.env['TERMINATIONS'] ?? 1000);
  const mine = await load(await open());
  // Those of files are Node's: `open` of node:fs/promises loses one if its worker ends in that moment (38 of 100 workers that do nothing else).
  const listDescriptors = () =>
    readdirSync('/proc/self/fd').flatMap((name) => {
      try {
        const target = readlinkSync(`/proc/self/fd/${name}`);
        return /^\/(?!proc|sys|dev)/.test(target) ? [] : [target];
      } catch {
        return [];
      }
    });
  /** @type {string[]} */
  let before = [];
  for (let count = 0; count < most; count++) {
    // What the process opens once is open by then.
    if (count === 20) before = listDescriptors();
    const worker = new Worker(new URL(import.meta.url), { workerData: [work, home, library, folder] });
    worker.on('error', (error) => expect(false, String(error)));
    const until = count % 8 === 0 ? 'here' : 'loading';
    await new Promise((resolve) => worker.on('message', (message) => message === until && resolve(undefined)));
    await wait(Math.random() * 40);
    await worker.terminate();
  }
  // The threads of their models end by themselves.
  for (let waits = 0; waits < 50 && listDescriptors().length > before.length; waits++) await wait(100);
  const left = listDescriptors();
  expect(
    most <= 20 || left.length <= before.length,
    `${left.length - before.length} descriptors of workers that were terminated, of ${left}`,
  );
  expect(
    (await read(mine.generate({ prompt: 'Go on.', maxTokens: 30 }))).length === 30,
    'a text after terminated workers',
  );
  await mine.dispose();
}

async function garbage() {
  const sdk = await open();
  for (let round = 0; round < 15; round++) {
    const model = await load(sdk);
    const next = model.generate({ prompt: 'Go on.', maxTokens: 300 }).next();
    next.catch(() => {});
    if (round % 2) model.generate({ prompt: 'Never read.' });
    if (round % 3 === 0) model.dispose().catch(() => {});
    /** @type {() => void} */ (globalThis.gc)();
    await wait(3);
  }
  for (let round = 0; round < 20; round++) {
    open().catch(() => {});
    /** @type {() => void} */ (globalThis.gc)();
    await wait(3);
  }
  await sdk.dispose();
}

async function exit() {
  const sdk = await open({ onLog: () => {} });
  const models = await Promise.all([load(sdk), load(sdk), load(sdk)]);
  for (const model of models) read(model.generate({ prompt: 'Go on.', maxTokens: 3000 })).catch(() => {});
  load(sdk).catch(() => {});
  await wait(20);
  process.exit(0);
}

await { texts, workers, terminations, garbage, exit }[/** @type {'texts'} */ (work)]();
