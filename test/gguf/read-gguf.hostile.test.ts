/** Headers made to cost time and memory. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import { type Entry, ggufBytes, string, type TensorSpec, u32, u64 } from '../support/gguf-writer.ts';
import { readBytes } from '../support/memory-source.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gguf-hostile-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const BASE: Entry[] = [['general.architecture', 'string', 'qwen2']];
const withTensors = (...tensors: TensorSpec[]) => readBytes(ggufBytes({ entries: BASE, tensors }).bytes);

describe('headers made to cost time and memory', () => {
  /** A file that is zeros from its start on and takes no disk. */
  function sparse(name: string, start: Buffer, sizeBytes: number): string {
    const path = join(dir, name);
    const handle = openSync(path, 'w');
    writeSync(handle, start);
    ftruncateSync(handle, sizeBytes);
    closeSync(handle);
    return path;
  }

  test('a vocabulary of a billion is refused by the length of its header', async () => {
    const start = Buffer.concat([
      ggufBytes({ entries: BASE, entryCount: 2 }).bytes,
      string('k'),
      u32(9),
      u32(8),
      u64(1e9),
    ]);
    const message = await expectRefusal(readGguf(sparse('billion.gguf', start, 16e9)));
    expect(message).toMatch(
      /a header of at most 134217728 bytes .*found 8000000000 bytes .* the 1000000000 elements of 'k'/,
    );
  });

  test('fifteen million empty strings are walked through without holding up the event loop', async () => {
    const start = Buffer.concat([
      ggufBytes({ entries: BASE, entryCount: 2 }).bytes,
      string('k'),
      u32(9),
      u32(8),
      u64(15e6),
    ]);
    const path = sparse('empty-strings.gguf', start, 200e6);
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 1);
    const file = await readGguf(path);
    clearInterval(ticker);
    expect(file.metadata.get('k')).toMatchObject({ length: 15e6, elementType: 'string' });
    expect(ticks).toBeGreaterThan(10);
  });

  const tensorsOf = (length: number, rowsOf: (index: number) => number): TensorSpec[] =>
    Array.from({ length }, (_, index) => ({
      name: `blk.${index}.ffn_gate_exps.weight`,
      dims: [32, rowsOf(index)],
      type: 'Q4_0',
    }));

  test('the most tensors that are taken cost less than 1 MiB, and more are refused', async () => {
    expect(await expectRefusal(withTensors(...tensorsOf(25_000, () => 1)))).toMatch(/usual size, found 25000 tensors/);
    const { bytes } = ggufBytes({ entries: BASE, tensors: tensorsOf(24_000, (index) => 1 + (index % 9)) });
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().external;
    // What the tests before left must be gone: freed meanwhile, it would hide what is kept.
    await sleep(50);
    globalThis.gc?.();
    globalThis.gc?.();
    const before = used();
    const { tensors } = await readBytes(bytes);
    globalThis.gc?.();
    expect(used() - before).toBeLessThan(2 ** 20);
    expect([tensors.length, tensors.kinds.length]).toEqual([24_000, 9]);
    expect(tensors.find('blk.23999.ffn_gate_exps.weight')).toMatchObject({ dims: [32, 6], inLayer: true });
    expect(tensors.find('blk.24000.ffn_gate_exps.weight')).toBeUndefined();
  });
});
