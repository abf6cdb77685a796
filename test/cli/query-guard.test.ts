import { resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LEDGER_OPTION, openQueryGuard, selectLedger } from '../../src/cli/query-guard.ts';
import { GiB } from '../../src/index.ts';

describe('a guard that is only asked', () => {
  it('reads and plans, and loads nothing', async () => {
    const sensor = () => ({ totalBytes: 16 * GiB, availableBytes: 13 * GiB });
    const asked = openQueryGuard({ sensor });
    onTestFinished(() => asked.guard.close());
    expect(asked.guard.status().headroomBytes).toBe(13 * GiB);
    expect(await asked.guard.plan('qwen2audio')).toMatchObject({ verdict: 'admit', quantization: 'Q4_K_M' });
    await expect(asked.loadModel('qwen2audio')).rejects.toThrow(/nothing is loaded/);
    expect(asked.guard.models()).toEqual([]);
  });
});

describe('the option of a ledger', () => {
  it('is an absolute path, whatever was typed', () => {
    expect(LEDGER_OPTION.ledger.check('a/b', '--ledger')).toBe(resolve('a/b'));
    expect(LEDGER_OPTION.ledger.check('/a', '--ledger')).toBe('/a');
    expect(() => LEDGER_OPTION.ledger.check('', '--ledger')).toThrow(/^Expected `--ledger` to be a path/);
  });

  it('is passed on to the guard if it was given', () => {
    expect(selectLedger({ ledger: '/a' })).toEqual({ ledger: { directory: '/a' } });
    expect(selectLedger({})).toEqual({});
  });

  it('is none where nothing may be written, and both at once are refused', () => {
    const off = { ledger: 'process', calibration: 'off', askEngine: false };
    expect(selectLedger({ 'write-nothing': true })).toEqual(off);
    expect(() => selectLedger({ 'write-nothing': true, ledger: '/a' })).toThrow(
      'Expected `--ledger` to be absent with `--write-nothing`',
    );
  });
});
