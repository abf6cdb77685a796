/** Damaged notes: each is read as what it says or refused with ERR_RUNTIME, never with another error. FUZZ_RUNS=100000 for a long run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { MemoryGuardError } from '../../../src/core/errors.ts';
import { kvCacheNotePath, readKvCacheNote, writeKvCacheNote } from '../../../src/sdk/nexa/kv-cache-note.ts';
import { textDamages } from '../../support/damage-text.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 500);

it('a damaged note is read or refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-note-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [cache, model] = [join(folder, 'cache.bin'), join(folder, 'model.gguf')];
  writeFileSync(cache, 'cache');
  writeFileSync(model, 'model');
  await writeKvCacheNote(cache, model, { text: Buffer.from('What is said.'), tokens: 4 });
  const note = readFileSync(kvCacheNotePath(cache));
  let read = 0;
  await fc.assert(
    fc.asyncProperty(textDamages, async (damage) => {
      writeFileSync(kvCacheNotePath(cache), damage(note));
      const found = await readKvCacheNote(cache, model).catch((error: unknown) => error);
      if (found instanceof MemoryGuardError) {
        expect(found.code).toBe('ERR_RUNTIME');
        return;
      }
      const { text, tokens } = found as Awaited<ReturnType<typeof readKvCacheNote>>;
      expect(text).toBeInstanceOf(Uint8Array);
      expect(Number.isInteger(tokens) && tokens >= 0 && tokens < 2 ** 31).toBe(true);
      read++;
    }),
    { numRuns },
  );
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(numRuns);
});
