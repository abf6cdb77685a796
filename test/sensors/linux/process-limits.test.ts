import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GiB, KiB } from '../../../src/core/bytes.ts';
import { readProcessLimits } from '../../../src/sensors/linux/process-limits.ts';
import { copyFixture, getFixture } from '../../support/fixtures.ts';

describe('readProcessLimits', () => {
  it('finds none in a plain process of a machine without swap', () => {
    expect(readProcessLimits(getFixture('host-only'))).toEqual({
      addressSpaceBytes: Number.POSITIVE_INFINITY,
      dataBytes: Number.POSITIVE_INFINITY,
      strictOvercommit: false,
      zramBytes: 0,
      swapping: false,
    });
  });

  it('finds soft limits, strict overcommit and zram', () => {
    expect(readProcessLimits(getFixture('rlimits'))).toMatchObject({ addressSpaceBytes: 4 * GiB, dataBytes: 2 * GiB });
    expect(readProcessLimits(getFixture('overcommit-2')).strictOvercommit).toBe(true);
    expect(readProcessLimits(getFixture('v2-swap'))).toMatchObject({ zramBytes: 2_097_148 * KiB, swapping: true });
  });

  it('tells a swap device that is no zram from one that is', () => {
    const root = copyFixture('v2-swap');
    const swaps = (device: string) => `Filename\tType\tSize\tUsed\tPriority\n${device} partition 4096 0 -2\n`;
    writeFileSync(join(root, 'proc/swaps'), swaps('/dev/vdb'));
    expect(readProcessLimits(root)).toMatchObject({ zramBytes: 0, swapping: true });
    writeFileSync(join(root, 'proc/swaps'), swaps('/dev/zram12'));
    expect(readProcessLimits(root)).toMatchObject({ zramBytes: 4096 * KiB, swapping: true });
  });

  it('takes all swap for zram if no file tells', () => {
    const root = copyFixture('v2-swap');
    rmSync(join(root, 'proc/swaps'));
    expect(readProcessLimits(root)).toMatchObject({ zramBytes: Number.POSITIVE_INFINITY, swapping: true });
  });

  it.each([
    ['rlimits', 'proc/self/limits', 'Max data size unlimited\n', 'Max address space'],
    ['rlimits', 'proc/self/limits', 'Max address space lots\nMax data size 1\n', 'Max address space lots'],
    ['rlimits', 'proc/self/limits', `Max address space ${'9'.repeat(21)}\nMax data size 1\n`, 'a size or "unlimited"'],
    ['overcommit-2', 'proc/sys/vm/overcommit_memory', '3\n', '0, 1 or 2'],
    ['v2-swap', 'proc/swaps', 'Filename Type Size\n/dev/zram0 partition many 0 100\n', 'a size in KiB'],
  ])('in %s refuses %s with %j', (name, file, text, message) => {
    const root = copyFixture(name);
    writeFileSync(join(root, file), text);
    expect(() => readProcessLimits(root)).toThrow(
      expect.objectContaining({ code: 'ERR_SENSOR', message: expect.stringContaining(message) }),
    );
  });

  it.each(['proc/self/limits', 'proc/sys/vm/overcommit_memory'])('refuses without %s', (file) => {
    const root = copyFixture('host-only');
    rmSync(join(root, file));
    expect(() => readProcessLimits(root)).toThrow('ENOENT');
  });
});
