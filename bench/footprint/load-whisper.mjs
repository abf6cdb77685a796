// Loads one file in @fugood/whisper.node and hears noise with it, in this process: what it took is the last line that is printed.
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { MemoryMeter } from './memory-meter.mjs';
import { MARK } from './real-load.mjs';

const RATE = 16_000;
const [, , text = ''] = process.argv;
/** @type {{ file: string, flash: boolean, seconds: number }} */
const { file, flash, seconds } = JSON.parse(text);
const load = createRequire(new URL('../../test/engines/package.json', import.meta.url));
const whisper = load('@fugood/whisper.node');
await whisper.loadWhisperModule();
const sound = Int16Array.from({ length: RATE * seconds }, () => (Math.random() - 0.5) * 3000);
const meter = new MemoryMeter();
const context = await whisper.initWhisper({ filePath: file, useGpu: false, useFlashAttn: flash });
const { peakAnonymousBytes: loadedBytes } = meter.read();
// The longest text before it, and the five decoders that an unsure text gets.
const unsure = { temperature: 0.4, temperatureInc: 0, prompt: ' wa'.repeat(600) };
const hear = (/** @type {ArrayBuffer} */ given) =>
  context.transcribeData(given, { language: 'en', maxThreads: 2, ...unsure }).promise;
await hear(sound.buffer.slice(0, RATE * 2));
await setTimeout(20);
const { peakAnonymousBytes: heardBytes } = meter.read();
if (seconds > 1) await hear(sound.buffer);
const { peakAnonymousBytes: longBytes } = meter.stop();
console.log(`\n${MARK}${JSON.stringify({ loadedBytes, heardBytes, longBytes })}`);
process.exit(0);
