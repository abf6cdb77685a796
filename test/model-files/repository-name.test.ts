import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRepository } from '../../src/model-files/repository-name.ts';

it('is a publisher with a repository, and a quantization behind a colon', () => {
  expect(readRepository('NexaAI/Qwen2-Audio-7B-GGUF')).toEqual({ repository: 'NexaAI/Qwen2-Audio-7B-GGUF' });
  expect(readRepository('NexaAI/Qwen2-Audio-7B-GGUF:Q4_0')).toEqual({
    repository: 'NexaAI/Qwen2-Audio-7B-GGUF',
    quantization: 'Q4_0',
  });
});

it('is not meant by a path: a file of that very name is there, or it ends as a model file does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-repository-name-'));
  const before = process.cwd();
  onTestFinished(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  process.chdir(folder);
  expect(readRepository('models/qwen2')).toEqual({ repository: 'models/qwen2' });
  mkdirSync('models');
  writeFileSync('models/qwen2', '');
  expect(readRepository('models/qwen2')).toBeUndefined();
  expect(readRepository('models/qwen2.gguf')).toBeUndefined();
  expect(readRepository('./models/qwen2')).toBeUndefined();
});
