import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkLadderStep,
  checkQuantization,
  DEFAULT_FLOOR,
  DEFAULT_QUANTIZATION,
  findStepByFileType,
  isBelow,
  isLadderStep,
  isQuantization,
  LADDER,
  QUANTIZATIONS,
} from '../../src/core/quantizations.ts';

/** Each type of `enum llama_ftype` in the header of the engine that is installed, without those that it says were removed. */
function readEngineTypes(): readonly (readonly [string, number])[] {
  const engine = dirname(createRequire(import.meta.url).resolve('@fugood/llama.node/package.json'));
  const header = readFileSync(join(engine, 'src/llama.cpp/include/llama.h'), 'utf8');
  const body = /enum llama_ftype \{([^}]*)\}/.exec(header)![1]!;
  const rows = [...body.matchAll(/^\s*LLAMA_FTYPE_(?:ALL|MOSTLY)_(\w+)\s*=\s*(\d+)/gm)];
  return rows.map(([, name, id]) => [name!.replace(/_MOE$/, ''), Number(id)]);
}

describe('the ladder', () => {
  it('holds every type that the installed engine reads, each once, and no other', () => {
    const types = readEngineTypes();
    expect(types.length).toBeGreaterThan(30);
    expect([...LADDER].sort()).toEqual(types.map(([name]) => name).sort());
    for (const [name, id] of types) expect([name, findStepByFileType(id)]).toEqual([name, name]);
  });

  it('goes from more bits to fewer', () => {
    const bitsOf = (step: string) => Number(/\d+/.exec(step.replace('NVFP4', 'FP4'))![0]);
    const trained = LADDER.indexOf('Q2_0');
    for (const part of [LADDER.slice(0, trained), LADDER.slice(trained)]) {
      const bits = part.map(bitsOf);
      expect(bits).toEqual([...bits].sort((a, b) => b - a));
    }
    expect(Object.isFrozen(LADDER)).toBe(true);
  });

  it('has the documented steps in their documented order, the last of which is the floor', () => {
    expect(LADDER.filter(isQuantization)).toEqual(QUANTIZATIONS);
    expect(QUANTIZATIONS).toEqual(['Q5_K_M', 'Q4_K_M', 'Q4_0']);
    expect(QUANTIZATIONS).toContain(DEFAULT_QUANTIZATION);
    expect(QUANTIZATIONS.at(-1)).toBe(DEFAULT_FLOOR);
    expect(Object.isFrozen(QUANTIZATIONS)).toBe(true);
  });

  it('knows which of two steps is below the other', () => {
    expect(isBelow('Q4_0', 'Q4_K_M')).toBe(true);
    expect(isBelow('Q4_K_M', 'Q4_0')).toBe(false);
    expect(isBelow('Q4_0', 'Q4_0')).toBe(false);
  });

  it('holds a step by its exact name, and nothing else', () => {
    expect(LADDER.every(isLadderStep)).toBe(true);
    for (const other of ['Q4_0_4_4', 'q4_0', '', undefined, null, 4]) expect(isLadderStep(other)).toBe(false);
  });
});

describe('the type in a header', () => {
  it('is a step, also if it was guessed', () => {
    expect(findStepByFileType(15)).toBe('Q4_K_M');
    expect(findStepByFileType(1024 + 15)).toBe('Q4_K_M');
  });

  it.each([undefined, 4, 33, 99, -1])('is none for %s', (id) => {
    expect(findStepByFileType(id)).toBeUndefined();
  });
});

describe('a quantization of the documented table', () => {
  it.each(['Q4_0', 'Q4_K_M', 'Q5_K_M'])('%s is known', (quantization) => {
    expect(isQuantization(quantization)).toBe(true);
    expect(checkQuantization(quantization)).toBe(quantization);
  });

  it.each(['Q8_0', 'q4_0', '', null, undefined, 4, {}, ['Q4_0']])('%o is not known', (quantization) => {
    expect(isQuantization(quantization)).toBe(false);
    expect(() => checkQuantization(quantization)).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_QUANTIZATION',
        message: expect.stringContaining('Expected `quantization` to be one of Q5_K_M, Q4_K_M, Q4_0, got '),
      }),
    );
  });
});

describe('a step of the ladder as an option', () => {
  it('is returned, or refused by the name of the option', () => {
    expect(checkLadderStep('Q2_K', 'floor')).toBe('Q2_K');
    for (const bad of ['Q4', 'q2_k', null, 4]) {
      expect(() => checkLadderStep(bad, 'floor')).toThrow(
        expect.objectContaining({
          code: 'ERR_UNKNOWN_QUANTIZATION',
          message: expect.stringMatching(/^Expected `floor` to be one of F32, BF16, .*, Q1_0, got /),
        }),
      );
    }
  });
});
