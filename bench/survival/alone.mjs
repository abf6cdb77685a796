/** Loads one model alone, tells its parent what it takes at its peak, and lets a guard learn it, as from any load. */
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { readProcessMemory } from '../../tools/process-memory.mjs';
import { getModelFile, LOAD, PROMPT, RESERVES } from './setting.mjs';

const [, , folder = '', model = '', mapped] = process.argv;
const mmap = mapped === 'true';
const readAnonymousBytes = () => readProcessMemory().anonymousBytes;

const sdk = await NexaSDK.initialize({ isolation: 'none' });
const nexa = withMemoryGuard(sdk, { ...RESERVES, ledger: 'process' });
// As a worker is: warm. The other context keeps what the first load compiles out of what is learned.
const warm = await nexa.loadModel(getModelFile(folder, 'm50'), { ...LOAD, mmap: true, contextSize: 512 });
for await (const _ of warm.generate({ prompt: 'a', maxTokens: 1 }));
const back = new Promise((resolve) => nexa.guard.once('unloaded', resolve));
await warm.dispose();
// What the allocator keeps of it is no part of the next one.
await back;
const before = readAnonymousBytes();
let peak = before;
const watch = setInterval(() => {
  peak = Math.max(peak, readAnonymousBytes());
}, 1);
const loaded = await nexa.loadModel(getModelFile(folder, model), { ...LOAD, mmap });
for await (const _ of loaded.generate({ prompt: PROMPT, maxTokens: 2, temperature: 0, seed: 1 }));
peak = Math.max(peak, readAnonymousBytes());
clearInterval(watch);
// It is written down beside the program.
await sleep(300);
const file = statSync(getModelFile(folder, model)).size;
process.send?.({ mappedBytes: mmap ? file : 0, anonymousBytes: peak - before }, () => process.exit());
