import { readdirSync, readlinkSync } from 'node:fs';
import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
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

  it('reads more trees than it keeps open', () => {
    const names = ['v2-leaf', 'v1-leaf-limit', 'hybrid', 'v2-high', 'v2-swap', 'v2-dotdot', 'v2-leaf'];
    expect(names.map((name) => readMemory({ root: getFixture(name) }).availableBytes / MiB)).toEqual([
      442, 462, 442, 242, 132, 434, 442,
    ]);
  });

  it('lets go of the files of the tree that was read longest ago', () => {
    const names = ['v2-leaf', 'v1-leaf-limit', 'hybrid', 'v2-high', 'v2-swap', 'v2-dotdot'];
    for (const name of names) readMemory({ root: getFixture(name) });
    const open = readdirSync('/proc/self/fd').map((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`);
      } catch {
        return ''; // the listing's own descriptor
      }
    });
    const held = names.filter((name) => open.some((path) => path.startsWith(`${getFixture(name)}/`)));
    expect(held).toEqual(names.slice(2));
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
