import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DONE, FAILED, MOVED, PARSE } from '../../../src/sensors/linux/read-plan.ts';

const header = readFileSync(new URL('../../../native/memory_files.h', import.meta.url), 'utf8');

/** The names and numbers of an enumeration in the addon's header, `kStatV1 = 3` as `statV1: 3`. */
function readEnumeration(name: string): Record<string, number> {
  const [, body = ''] = new RegExp(`enum class ${name} : std::int32_t \\{([^}]*)\\}`).exec(header) ?? [];
  const members = [...body.matchAll(/k(\w)(\w*) = (\d+)/g)];
  return Object.fromEntries(members.map(([, first, rest, number]) => [first!.toLowerCase() + rest!, Number(number)]));
}

describe('the numbers of a plan', () => {
  it('are the addon’s as well', () => {
    expect(readEnumeration('Parse')).toEqual(PARSE);
    expect(readEnumeration('Outcome')).toEqual({ done: DONE, moved: MOVED, failed: FAILED });
  });
});
