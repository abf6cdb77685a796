import { cpSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { readMemory } from '../../src/sensors/read-memory.ts';
import { getFixture } from '../support/fixtures.ts';

describe.skipIf(process.platform !== 'linux')('readMemory', () => {
  it('reads a tree, with and without swap', () => {
    expect(readMemory({ root: getFixture('v2-swap') }).availableBytes).toBe(132 * MiB);
    expect(readMemory({ root: getFixture('v2-swap'), swap: true }).availableBytes).toBe(332 * MiB);
  });

  it('reads this machine', () => {
    expect(readMemory().scopes[0]?.limitBytes).toBe(totalmem());
  });

  it('reads the tree that is there now', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-tree-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const root = join(folder, 'tree');
    for (const [name, availableMiB] of [
      ['v2-leaf', 442],
      ['v1-leaf-limit', 462],
    ] as const) {
      cpSync(getFixture(name), root, { recursive: true });
      expect(readMemory({ root }).availableBytes / MiB).toBe(availableMiB);
      rmSync(root, { recursive: true });
    }
    expect(() => readMemory({ root })).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });

  it('keeps no file of a tree open', () => {
    readMemory({ root: getFixture('v2-leaf') });
    const open = readdirSync('/proc/self/fd').map((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`);
      } catch {
        return ''; // the listing's own descriptor
      }
    });
    expect(open.filter((path) => path.startsWith(`${getFixture('v2-leaf')}/`))).toEqual([]);
  });

  it.each<[object, string]>([
    [{ Root: '/' }, 'Unknown option `Root` of `readMemory`; did you mean `root`?'],
    [{ prefer: 'native' }, 'Unknown option `prefer` of `readMemory`; its options are root, swap.'],
    [{ root: 'proc' }, "Expected `root` to be an absolute path, got 'proc' (string)."],
    [{ swap: 'yes' }, "Expected `swap` to be true or false, got 'yes' (string)."],
  ])('refuses %o', (options, message) => {
    expect(() => readMemory(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', message }));
  });

  it('takes an option that is undefined for one that is left out', () => {
    const given = { root: undefined, swap: undefined } as object;
    expect(readMemory(given).scopes[0]?.limitBytes).toBe(totalmem());
  });
});
