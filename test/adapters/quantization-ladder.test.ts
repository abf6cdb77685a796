import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listLadderOffers, readLadderStep } from '../../src/adapters/quantization-ladder.ts';

/** A folder with these (empty) files; only their names matter here. */
function layFolder(...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-ladder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of files) writeFileSync(join(folder, file), '');
  return folder;
}

describe('the step of a file', () => {
  it('is the quantization in its name', () => {
    expect(readLadderStep('/models/m-Q4_K_M.gguf')).toBe('Q4_K_M');
    expect(readLadderStep('m.q4_0.gguf')).toBe('Q4_0');
    expect(readLadderStep('m-UD-Q4_K_XL.gguf')).toBe('Q4_K_M');
  });

  it.each(['m-Q4_0_4_4.gguf', 'm.gguf', 'Q4_0', '/models-Q4_0/m.gguf'])('is none for %s', (path) => {
    expect(readLadderStep(path)).toBeUndefined();
  });
});

describe('what is offered beside a file', () => {
  it('is every quantization that is there, best first, with the projector that was named', async () => {
    const folder = layFolder('m-Q4_0.gguf', 'm-Q5_K_M.gguf', 'm-Q8_0.gguf', 'other-Q4_K_M.gguf');
    const offers = await listLadderOffers(join(folder, 'm-Q4_0.gguf'), '/p.gguf');
    expect(offers).toEqual([
      { quantization: 'Q8_0', modelPath: join(folder, 'm-Q8_0.gguf'), projectorPath: '/p.gguf' },
      { quantization: 'Q5_K_M', modelPath: join(folder, 'm-Q5_K_M.gguf'), projectorPath: '/p.gguf' },
      { quantization: 'Q4_0', modelPath: join(folder, 'm-Q4_0.gguf'), projectorPath: '/p.gguf' },
    ]);
  });

  it('holds the file itself, also if it is not there or another one has its quantization', async () => {
    expect(await listLadderOffers('/nowhere/m-Q4_0.gguf')).toEqual([
      { quantization: 'Q4_0', modelPath: '/nowhere/m-Q4_0.gguf' },
    ]);
    const folder = layFolder('M-q4_0.gguf', 'm-Q4_0.gguf');
    const [offer] = await listLadderOffers(join(folder, 'M-q4_0.gguf'));
    expect(relative(folder, offer!.modelPath!)).toBe('M-q4_0.gguf');
  });

  it('is the file alone, by the path that was given, if its name says no quantization', async () => {
    const folder = layFolder('m.gguf', 'm-Q4_0.gguf');
    const path = join(folder, 'm.gguf');
    expect(await listLadderOffers(path)).toEqual([{ modelPath: path }]);
    expect(await listLadderOffers('m.gguf', 'p.gguf')).toEqual([{ modelPath: 'm.gguf', projectorPath: 'p.gguf' }]);
  });
});
