import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findRuntimes } from '../../../src/cli/doctor/find-runtimes.ts';

it('the SDK’s own runtimes are always named: which are usable, and what the others lack', async () => {
  const runtimes = await findRuntimes('/nowhere');
  expect(runtimes.map(({ name }) => name)).toEqual(['nexa', 'llama']);
  expect(runtimes[1]).toEqual({
    name: 'llama',
    version: expect.stringMatching(/^\d+\.\d+\.\d+ \(llama\.cpp b\d+\)$/),
    usable: true,
    note: "NexaSDK.initialize({ runtime: 'llama' })",
  });
  for (const { usable, version, note } of runtimes) {
    expect(usable).toBe(version !== undefined);
    expect(note).not.toBe('');
  }
});

it('node-llama-cpp is found from the folder of the program upwards, though its `exports` hide its package.json', async () => {
  const project = mkdtempSync(join(tmpdir(), 'nexa-runtimes-'));
  onTestFinished(() => rmSync(project, { recursive: true }));
  const installed = join(project, 'node_modules/node-llama-cpp');
  const below = join(project, 'src/deep');
  for (const folder of [installed, below]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ version: '3.9.9', exports: { '.': './index.js' } }));
  const other = (await findRuntimes(below)).find(({ name }) => name === 'node-llama-cpp');
  expect(other).toMatchObject({ version: '3.9.9', usable: true, note: expect.stringContaining(installed) });
});
