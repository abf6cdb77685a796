import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { GiB } from '../../src/core/bytes.ts';
import type { MemoryGuardError } from '../../src/core/errors.ts';
import { readGuardOptions } from '../../src/guard-options.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { prepareLoad } from '../../src/loading/prepare-load.ts';
import { deferred, FakeMachine, guardedFake } from '../support/fake-sdk.ts';

function preparing(args: readonly unknown[], mode: 'enforce' | 'observe', adapter: Adapter = defaultAdapter) {
  const misunderstood: MemoryGuardError[] = [];
  const prepared = prepareLoad(args, {
    settings: readGuardOptions({ mode }),
    source: { sdk: {}, adapter },
    adapter,
    heldMinFree: () => ({ minFreeBytes: 0 }),
    calibration: undefined,
    misunderstood: (error) => misunderstood.push(error),
  });
  return { prepared, misunderstood };
}

const NOT_UNDERSTOOD: readonly (readonly [string, readonly unknown[]])[] = [
  ['ERR_UNKNOWN_MODEL', [{ model: 'other' }]],
  ['ERR_UNKNOWN_QUANTIZATION', ['qwen2audio', { quantization: 'Q9' }]],
  ['ERR_MODEL_FILE', ['./missing.gguf']],
  ['ERR_INVALID_OPTION', ['qwen2audio', 'options']],
  ['ERR_INVALID_OPTION', ['qwen2audio', { memoryGuard: { potato: 1 } }]],
];

describe('a load that is not understood', () => {
  it.each(NOT_UNDERSTOOD)('is refused with %s', async (code, args) => {
    const { prepared, misunderstood } = preparing(args, 'enforce');
    await expect(prepared).rejects.toMatchObject({ code });
    expect(misunderstood).toEqual([]);
  });

  it.each(NOT_UNDERSTOOD)('is only told if loads are observed: %s', async (code, args) => {
    const { prepared, misunderstood } = preparing(args, 'observe');
    const ask = (await prepared).listCandidates(() => 'Q4_0');
    expect(misunderstood.map((error) => error.code)).toEqual([code]);
    expect(ask.candidates[0]?.need).toEqual({ mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' });
  });
});

it.each([[undefined], [Symbol('m')], [5n], [''], ['a\0b'], [{}]])(
  'a name from an adapter that is no text is refused: %s',
  async (name) => {
    const { prepared } = preparing(['m'], 'enforce', { ...defaultAdapter, readRequest: () => ({ name }) as never });
    await expect(prepared).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  },
);

describe('a load that is understood', () => {
  it('asks anew each time, with the recommendation of that moment', async () => {
    const prepared = await preparing(['qwen2audio'], 'enforce').prepared;
    expect(prepared.listCandidates(() => 'Q5_K_M').askedQuantization).toBe('Q5_K_M');
    expect(prepared.listCandidates(() => 'Q4_0').askedQuantization).toBe('Q4_0');
  });
});

describe('what is wrong with a load', () => {
  const fake = () => guardedFake(new FakeMachine(15 * GiB));

  it('is said before it waits for its turn', async () => {
    const { nexa, sdk } = fake();
    const gate = deferred();
    sdk.during = () => gate.promise;
    const first = nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await expect(nexa.loadModel('qwen2audio', { quantization: 'Q8_0' })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_QUANTIZATION',
    });
    await expect(nexa.loadModel('unknown')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    gate.resolve();
    await first;
  });

  it('is refused with its code, its options included', async () => {
    const { nexa } = fake();
    const bad = (memoryGuard: unknown) =>
      nexa.loadModel('qwen2audio', { memoryGuard: memoryGuard as LoadGuardOptions });
    await expect(bad({ forced: true })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(bad(true)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(nexa.loadModel('')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_MODEL' });
    await expect(nexa.loadModel('qwen2audio', 'Q4_0' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});
