// One load by the SDK's library in this process, and what it holds after the load, after a short text, and after a text that fills a micro-batch.
//   node bench/footprint/nexa-load.mjs '{"libraryPath":...,"modelPath":...,"load":{...},"fullTokens":0,"audio":[]}'
import { setTimeout as sleep } from 'node:timers/promises';
import { NexaSDK } from 'nexa-memory-guard';
import { readProcessMemory } from '../../tools/process-memory.mjs';

const { libraryPath, modelPath, load, fullTokens, audio = [] } = JSON.parse(process.argv[2] ?? '');
const sdk = await NexaSDK.initialize({ runtime: 'nexa', isolation: 'none', libraryPath });
const before = await look();
const model = await sdk.loadModel(modelPath, load);
const loaded = await look();
for await (const _ of model.generate({ prompt: 'What is said?', maxTokens: 2 }));
const said = await look();
let full;
if (fullTokens > 0 || audio.length > 0) {
  await model.reset();
  const heard = audio.length > 0 ? { audio } : {};
  for await (const _ of model.generate({
    prompt: 'abcdefghij'.repeat(Math.ceil(fullTokens / 10) + 2),
    maxTokens: 2,
    ...heard,
  }));
  full = await look();
}
const version = sdk.version;
const tokens = model.lastResult?.promptTokens;
await sdk.dispose();
const kept = await look();
const grown = (/** @type {{ anonymousBytes: number } | undefined} */ after) =>
  after && after.anonymousBytes - before.anonymousBytes;
console.log(
  JSON.stringify({
    version,
    loadedBytes: grown(loaded),
    saidBytes: grown(said),
    fullBytes: grown(full),
    keptBytes: grown(kept),
    fileBytes: loaded.fileBytes - before.fileBytes,
    tokens,
  }),
);

async function look() {
  globalThis.gc?.();
  await sleep(50);
  return readProcessMemory();
}
