import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DONE, FAILED, MOVED, PARSE } from '../../../src/sensors/linux/read-plan.ts';
import * as rows from '../../../src/sensors/scope-rows.ts';

const header = readFileSync(new URL('../../../native/memory_files.h', import.meta.url), 'utf8');

/** The names and numbers of an enumeration in the addon's header, `kStatV1 = 3` as `statV1: 3`. */
function readEnumeration(name: string): Record<string, number> {
  const [, body = ''] = new RegExp(`enum class ${name} : std::int32_t \\{([^}]*)\\}`).exec(header) ?? [];
  const members = [...body.matchAll(/k(\w)(\w*) = (\d+)/g)];
  return Object.fromEntries(members.map(([, first, rest, number]) => [first!.toLowerCase() + rest!, Number(number)]));
}

describe('the numbers of a plan', () => {
  it('are the addon’s as well: how a file is read, and how a reading ended', () => {
    expect(readEnumeration('Parse')).toEqual(PARSE);
    expect(readEnumeration('Outcome')).toEqual({ done: DONE, moved: MOVED, failed: FAILED });
  });

  it('are the addon’s as well: the columns of a row', () => {
    const inHeader = [...header.matchAll(/^ {2}k([A-Z]\w+) = (\d+),$/gm)].map(([, name, number]) => [
      name!.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
      Number(number),
    ]);
    const here = Object.entries(rows).filter(([, value]) => typeof value === 'number');
    expect(Object.fromEntries(inHeader)).toEqual(Object.fromEntries(here));
    expect(inHeader).toHaveLength(rows.STRIDE + 1);
  });
});
