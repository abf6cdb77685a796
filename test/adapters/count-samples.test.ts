import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { countSamples } from '../../src/adapters/count-samples.ts';
import { writeTone } from '../../tools/tone.mjs';

const folder = mkdtempSync(join(tmpdir(), 'nexa-count-samples-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('a WAV file has as many as it lasts, whatever its rate', () => {
  const tone = join(folder, 'tone.wav');
  writeTone(tone, 3);
  expect(countSamples(tone)).toBeGreaterThanOrEqual(3 * 16_000);
  expect(countSamples(tone)).toBeLessThan(3.1 * 16_000);
});

it('of any other file they are bounded by its size, and what is no file has none', () => {
  const other = join(folder, 'sound.mp3');
  writeFileSync(other, Buffer.alloc(1000));
  expect(countSamples(other)).toBe(4000);
  writeFileSync(other, Buffer.concat([Buffer.from('RIFF0000WAVE'), Buffer.alloc(88)]));
  expect(countSamples(other)).toBe(400);
  expect([countSamples(folder), countSamples(join(folder, 'missing.wav'))]).toEqual([0, 0]);
});
