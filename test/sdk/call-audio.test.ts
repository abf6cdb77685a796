import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { countAudioBytes, MAX_AUDIO_FILE_BYTES } from '../../src/core/audio-bytes.ts';
import { countCallAudio } from '../../src/sdk/call-audio.ts';

function fileOf(bytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-call-audio-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'sound.wav');
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

const model = { maxAudioSeconds: 111 };

test('a text with sound takes what the longest sound takes, and its files', () => {
  const [one, two] = [fileOf(1000), fileOf(500)];
  expect(countCallAudio(model, [{ prompt: 'x', audio: one }])).toBe(countAudioBytes(111, 1000));
  expect(countCallAudio(model, [{ prompt: 'x', audio: [one, two] }])).toBe(countAudioBytes(111, 1500));
  const messages = [
    { role: 'user', content: 'text' },
    {
      role: 'user',
      content: [
        { type: 'audio', path: two },
        { type: 'text', text: 'x' },
      ],
    },
  ];
  expect(countCallAudio(model, [{ messages }])).toBe(countAudioBytes(111, 500));
});

test('what is no file takes nothing, and no file takes more than is accepted', () => {
  expect(countCallAudio(model, [{ audio: ['/nowhere', 7] }])).toBe(countAudioBytes(111, 0));
  expect(countCallAudio(model, [{ audio: fileOf(2 ** 30) }])).toBe(countAudioBytes(111, MAX_AUDIO_FILE_BYTES));
  expect(countCallAudio({}, [{ audio: '/nowhere' }])).toBe(0);
});
