/** Loads one model alone, tells its parent what it takes at its peak, and lets a guard learn it, as from any load. */
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { fileOf, LOAD, PROMPT, RESERVES } from './setting.mjs';

const [, , folder = '', model = '', mapped] = process.argv;
const mmap = mapped === 'true';
const anonymousBytes = () => Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

const sdk = await NexaSDK.initialize();
const nexa = withMemoryGuard(sdk, { ...RESERVES, ledger: 'process' });
// As a worker is: warm. The other context keeps what the first load compiles out of what is learned.
const warm = await nexa.loadModel(fileOf(folder, 'm50'), { ...LOAD, mmap: true, contextSize: 512 });
for await (const _ of warm.generate({ prompt: 'a', maxTokens: 1 }));
await warm.dispose();
const before = anonymousBytes();
let peak = before;
const watch = setInterval(() => {
  peak = Math.max(peak, anonymousBytes());
}, 1);
const loaded = await nexa.loadModel(fileOf(folder, model), { ...LOAD, mmap });
for await (const _ of loaded.generate({ prompt: PROMPT, maxTokens: 2, temperature: 0, seed: 1 }));
peak = Math.max(peak, anonymousBytes());
clearInterval(watch);
// It is written down beside the program.
await sleep(300);
const file = statSync(fileOf(folder, model)).size;
process.send?.({ mappedBytes: mmap ? file : 0, anonymousBytes: peak - before }, () => process.exit());
