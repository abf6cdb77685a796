/** Loads one model alone and tells its parent what it takes at its peak. */
import { readFileSync, statSync } from 'node:fs';
import { NexaSDK } from 'nexa-memory-guard';
import { fileOf, LOAD, PROMPT } from './setting.mjs';

const [, , folder = '', model = '', mapped] = process.argv;
const mmap = mapped === 'true';
const anonymousBytes = () => Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

const sdk = await NexaSDK.initialize();
// As a worker is: warm.
const warm = await sdk.loadModel(fileOf(folder, 'm50'), { ...LOAD, mmap: true });
for await (const _ of warm.generate({ prompt: 'a', maxTokens: 1 }));
await warm.dispose();
const before = anonymousBytes();
let peak = before;
const watch = setInterval(() => {
  peak = Math.max(peak, anonymousBytes());
}, 1);
const loaded = await sdk.loadModel(fileOf(folder, model), { ...LOAD, mmap });
for await (const _ of loaded.generate({ prompt: PROMPT, maxTokens: 2, temperature: 0, seed: 1 }));
peak = Math.max(peak, anonymousBytes());
clearInterval(watch);
const file = statSync(fileOf(folder, model)).size;
process.send?.({ mappedBytes: mmap ? file : 0, anonymousBytes: peak - before }, () => process.exit());
