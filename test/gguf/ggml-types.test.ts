import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GGMLQuantizationType } from '@huggingface/gguf';
import { describe, expect, test } from 'vitest';
import {
  countWeightBytes,
  findGgmlType,
  findGgmlTypeByName,
  findRemovedTypeName,
  GGML_TYPES,
} from '../../src/gguf/ggml-types.ts';

// What ggml_type_name, ggml_blck_size and ggml_type_size of @fugood/node-llama-linux-x64 1.7.15 answer for 0 … 42.
const ENGINE = `
0 f32 1 4|1 f16 1 2|2 q4_0 32 18|3 q4_1 32 20|6 q5_0 32 22|7 q5_1 32 24|8 q8_0 32 34|9 q8_1 32 36|10 q2_K 256 84
11 q3_K 256 110|12 q4_K 256 144|13 q5_K 256 176|14 q6_K 256 210|15 q8_K 256 292|16 iq2_xxs 256 66|17 iq2_xs 256 74
18 iq3_xxs 256 98|19 iq1_s 256 50|20 iq4_nl 32 18|21 iq3_s 256 110|22 iq2_s 256 82|23 iq4_xs 256 136|24 i8 1 1
25 i16 1 2|26 i32 1 4|27 i64 1 8|28 f64 1 8|29 iq1_m 256 56|30 bf16 1 2|34 tq1_0 256 54|35 tq2_0 256 66
39 mxfp4 32 17|40 nvfp4 64 36|41 q1_0 128 18|42 q2_0 64 18`;

describe('the table of tensor types', () => {
  test('has the block sizes that the engine computes with', () => {
    const engine = ENGINE.trim()
      .split(/[|\n]/)
      .map((line) => line.toUpperCase());
    const ours = GGML_TYPES.map((type) => `${type.id} ${type.name} ${type.weightsPerBlock} ${type.bytesPerBlock}`);
    expect(ours).toEqual(engine);
  });

  test("has exactly the types of the engine's ggml.h", () => {
    const engine = dirname(createRequire(import.meta.url).resolve('@fugood/llama.node/package.json'));
    const header = readFileSync(join(engine, 'src/llama.cpp/ggml/include/ggml.h'), 'utf8');
    const inHeader = [...header.matchAll(/^\s*GGML_TYPE_(\w+)\s*=\s*(\d+),/gm)].map(([, name, id]) => `${id} ${name}`);
    const ours = GGML_TYPES.map((type) => `${type.id} ${type.name}`);
    expect(inHeader.filter((type) => !type.endsWith(' COUNT'))).toEqual(ours);
  });

  test('agrees with an independent reader on every id and name', () => {
    const theirs = Object.entries(GGMLQuantizationType).filter(([, id]) => typeof id === 'number');
    expect(theirs.length).toBeGreaterThan(30);
    for (const [name, id] of theirs) expect(findGgmlType(Number(id))?.name).toBe(name);
  });

  test('finds a type by its name in any case, and not by a name that none has', () => {
    expect(findGgmlTypeByName('q8_0')).toBe(findGgmlType(8));
    expect(findGgmlTypeByName('Q4_K')?.bytesPerBlock).toBe(144);
    expect(findGgmlTypeByName('Q4_K_M')).toBeUndefined();
  });

  test('names a removed type, and has no bytes for it', () => {
    expect(findRemovedTypeName(31)).toBe('Q4_0_4_4');
    expect(findGgmlType(31)).toBeUndefined();
    expect(findRemovedTypeName(2)).toBeUndefined();
  });

  test('computes bytes of whole blocks, and of nothing else', () => {
    const type = findGgmlTypeByName('Q4_K');
    if (!type) throw new Error('Q4_K is missing');
    expect(countWeightBytes(type, 512)).toBe(288);
    expect(countWeightBytes(type, 511)).toBeUndefined();
  });
});
