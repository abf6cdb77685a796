/** Descriptions of tensors that are absurd, damaged or too many. */
import { describe, expect, test } from 'vitest';
import { expectRefusal } from '../support/expect-refusal.ts';
import { type Entry, ggufBytes, type TensorSpec } from '../support/gguf-writer.ts';
import { readBytes } from '../support/memory-source.ts';

const HUGE = 2n ** 60n;
const BASE: Entry[] = [['general.architecture', 'string', 'qwen2']];
const withTensors = (...tensors: TensorSpec[]) => readBytes(ggufBytes({ entries: BASE, tensors }).bytes);

describe('descriptions of tensors', () => {
  test.each<[string, TensorSpec[], RegExp]>([
    ['a zero dimension', [{ name: 't', dims: [32, 0], type: 'F32' }], /1 to 2\^53 weights, found \[32, 0\] for 't'/],
    ['too many weights', [{ name: 't', dims: [HUGE, 16n], type: 'F32' }], /1 to 2\^53 weights/],
    ['a product that wraps to 0', [{ name: 't', dims: [2n ** 32n, 2n ** 32n], type: 'F32' }], /1 to 2\^53 weights/],
    ['bytes beyond 2^53', [{ name: 't', dims: [2n ** 52n], type: 'F32' }], /1 to 2\^53 weights/],
    ['five dimensions', [{ name: 't', dims: [1, 1, 1, 1, 1], type: 'F32' }], /at most 4 dimensions, found 5/],
    [
      'rows of broken blocks',
      [{ name: 't', dims: [33, 32], type: 'Q4_0' }],
      /rows of Q4_0 in multiples of 32 weights, found \[33, 32\]/,
    ],
    ['a single weight in blocks', [{ name: 't', dims: [], type: 'Q4_0' }], /multiples of 32/],
    ['an unknown type', [{ name: 't', dims: [32], type: 'F32', typeId: 999 }], /found number 999 for 't'; update/],
    ['a removed type', [{ name: 't', dims: [32], type: 'F32', typeId: 31 }], /found Q4_0_4_4 \(31\) for 't'; quantize/],
    ['a name of 256 bytes', [{ name: 'n'.repeat(256), dims: [1], type: 'F32' }], /a tensor name of at most 255 bytes/],
    ['an unaligned offset', [{ name: 't', dims: [1], type: 'F32', offset: 4 }], /offset 0 of the data, found 't' at 4/],
    ['an offset of 2^60', [{ name: 't', dims: [1], type: 'F32', offset: HUGE }], /found 't' at 1152921504606847000/],
    [
      'overlapping tensors',
      [0, 0].map((offset, at) => ({ name: `t${at}`, dims: [9], type: 'F32' as const, offset })),
      /offset 64 of the data, found 't1' at 0/,
    ],
    [
      'a gap',
      [0, 96].map((offset, at) => ({ name: `t${at}`, dims: [9], type: 'F32' as const, offset })),
      /offset 64 of the data, found 't1' at 96/,
    ],
    [
      'a name twice',
      [0, 1].map(() => ({ name: 't', dims: [1], type: 'F32' as const })),
      /unique tensor names, found 't' twice/,
    ],
    ['2^52 bytes in no file', [{ name: 't', dims: [2n ** 50n], type: 'F32' }], /so 4503\d{12} bytes .* are missing/],
  ])('are refused: %s', async (_, tensors, expected) => {
    expect(await expectRefusal(withTensors(...tensors))).toMatch(expected);
  });

  test('are printed without control characters', async () => {
    const message = await expectRefusal(withTensors({ name: '\u001b[2J\n\0evil', dims: [0], type: 'F32' }));
    expect(message).toContain("'\\x1B[2J\\n\\x00evil'");
    const { bytes } = ggufBytes({ entries: [['\u001b[2J', 'u32', 1]] });
    expect(await expectRefusal(readBytes(bytes.subarray(0, bytes.length - 1)))).toContain("the value of '\\x1B[2J'");
  });

  const tensorsOf = (length: number, rowsOf: (index: number) => number): TensorSpec[] =>
    Array.from({ length }, (_, index) => ({
      name: `blk.${index}.ffn_gate_exps.weight`,
      dims: [32, rowsOf(index)],
      type: 'Q4_0',
    }));

  test('more shapes than any model has are refused', async () => {
    expect(await expectRefusal(withTensors(...tensorsOf(2000, (index) => index + 1)))).toMatch(
      /usual size, found \d+ shapes of tensors and more/,
    );
    const { bytes } = ggufBytes({ entries: BASE, tensors: tensorsOf(200, (index) => index + 1) });
    expect((await readBytes(bytes)).tensors.kinds).toHaveLength(200);
  });
});
