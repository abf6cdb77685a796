/**
 * Damaged files: both readers answer alike, with a number that the damaged text really holds or with ERR_SENSOR. Never with a
 * crash, another error, or a limit that silently went missing. FUZZ_RUNS=100000 for a long run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import type { MemorySnapshot } from '../../src/core/types.ts';
import { readMappedFiles } from '../../src/sensors/linux/mapped-files.ts';
import { openReader } from '../../src/sensors/open-reader.ts';
import { readProcessMemory } from '../../src/sensors/process-memory.ts';
import { textDamages } from '../support/damage-text.ts';
import { copyFixture, listFixtureFiles } from '../support/fixtures.ts';
import { READERS } from '../support/linux-readers.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 150);

/** What an action answers, or the message of its ERR_SENSOR; any other error is a finding. */
function catchAnswer<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof MemoryGuardError && error.code === 'ERR_SENSOR') return error.message;
    throw error;
  }
}

function readSnapshot(
  prefer: 'native' | 'procfs',
  root: string,
  swap: boolean,
): Omit<MemorySnapshot, 'takenAtMs'> | string {
  const reader = openReader({ root, swap, prefer });
  try {
    return catchAnswer(() => {
      const { takenAtMs: _, source: __, ...snapshot } = reader.snapshot();
      const { totalBytes, availableBytes } = reader.measure();
      expect({ totalBytes, availableBytes }).toEqual({
        totalBytes: snapshot.totalBytes,
        availableBytes: snapshot.availableBytes,
      });
      return { ...snapshot, source: 'procfs' as const };
    });
  } finally {
    reader.close();
  }
}

/** The error's text without the bytes it quotes, which the addon cuts at 63. */
const essence = (answer: unknown) => (typeof answer === 'string' ? answer.replace(/found ".*$/s, '') : answer);

const TREES = [
  'v1-parent-limit',
  'v1-docker-bind',
  'v1-memsw',
  'hybrid',
  'v2-three-levels',
  'v2-high',
  'v2-swap',
  'rlimits',
];
const MORE = [
  'overcommit-2',
  'kubernetes-v1-node-agent',
  'gvisor-cgroupfs',
  'wsl2',
  'podman-v2-rootless',
  'lxc-v2-lxcfs',
];

/** A whole number as a kernel prints it, by a way of its own: what stands there, or why nothing does. */
const NUMBER_FILE = /^(max|\d{1,20})\n?$/;

describe.each([...TREES, ...MORE])('damage to %s', (name) => {
  const swap = name === 'v2-swap' || name === 'v1-memsw';

  it('is a number or ERR_SENSOR, the same for both readers, and hides no limit', () => {
    const root = copyFixture(name);
    const files = listFixtureFiles(root);
    const whole = readSnapshot('procfs', root, swap) as MemorySnapshot;
    fc.assert(
      fc.property(fc.constantFrom(...files), textDamages, (file, damaged) => {
        const path = join(root, file);
        const before = readFileSync(path);
        const after = damaged(before);
        writeFileSync(path, after);
        try {
          const answers = READERS.map((prefer) => readSnapshot(prefer, root, swap));
          expect(new Set(answers.map((answer) => JSON.stringify(essence(answer)))).size).toBe(1);
          const [answer] = answers;
          if (typeof answer === 'string' || answer === undefined) return;
          expect(answer.availableBytes).toBeGreaterThanOrEqual(0);
          expect(answer.availableBytes).toBeLessThan(2 ** 62);
          for (const scope of answer.scopes) {
            expect([scope.usedBytes, scope.reclaimableBytes].every(Number.isFinite), scope.path).toBe(true);
          }
          if (
            /\/memory\.(max|high|limit_in_bytes)$/.test(file) &&
            answer.scopes.some((scope) => path.startsWith(`${root}${scope.path}`))
          )
            expect(after.toString('latin1')).toMatch(NUMBER_FILE);
          // A scope went missing: the text names another group that exists, or the snapshot says that more may be hidden.
          if (answer.scopes.length < whole.scopes.length && !answer.ancestorsHidden)
            expect(mayHaveMoved(file, after)).toBe(true);
        } finally {
          writeFileSync(path, before);
        }
      }),
      { numRuns, seed: 20_261_125 },
    );
  });
});

/** Texts that name another group, another mount, or fewer limits, and are whole. */
function mayHaveMoved(file: string, after: Buffer): boolean {
  const text = after.toString('utf8');
  if (file === 'proc/self/cgroup') return /^\d+:([^:\n]*,)?memory(,[^:\n]*)?:\//m.test(text) || /^0::\//m.test(text);
  if (file === 'proc/self/mountinfo') return / - cgroup2? /.test(text);
  if (file === 'proc/self/limits')
    return /^Max address space\s+(unlimited|\d+)/m.test(text) && /^Max data size\s+(unlimited|\d+)/m.test(text);
  if (file === 'proc/sys/vm/overcommit_memory') return /^\s*[01]\s*$/.test(text);
  return /cgroup\.(controllers|type|events)$|memory\.use_hierarchy$|release_agent$|cgroup\.sane_behavior$/.test(file);
}

it('damaged numbers in memory.max are numbers or errors, never "no limit"', () => {
  const root = copyFixture('v2-leaf');
  const path = join(root, 'sys/fs/cgroup/app/memory.max');
  const before = readFileSync(path);
  fc.assert(
    fc.property(textDamages, (damaged) => {
      const after = damaged(before).toString('latin1');
      writeFileSync(path, after, 'latin1');
      for (const prefer of READERS) {
        const answer = readSnapshot(prefer, root, false);
        const limit = NUMBER_FILE.test(after) && (after.startsWith('max') || BigInt(after.trim()) <= 2n ** 64n);
        if (!limit) expect(answer, JSON.stringify(after)).toBeTypeOf('string');
        else if (typeof answer !== 'string') {
          const unlimited = after.startsWith('max') || BigInt(after.trim()) >= 2n ** 62n;
          expect(answer.scopes[1]?.limitBytes).toBe(unlimited ? undefined : Number(after.trim()));
        }
      }
    }),
    { numRuns: numRuns * 5, seed: 20_261_125 },
  );
});

it.each(['proc/self/maps', 'proc/self/mountinfo'])('damage to %s is read or refused', (file) => {
  const root = copyFixture('mappings');
  const before = readFileSync(join(root, file));
  fc.assert(
    fc.property(textDamages, (damaged) => {
      writeFileSync(join(root, file), damaged(before));
      const answer = catchAnswer(() => readMappedFiles({ root }));
      if (typeof answer !== 'string')
        expect(answer.every(({ bytes }) => Number.isFinite(bytes) && bytes >= 0)).toBe(true);
    }),
    { numRuns: numRuns * 5, seed: 20_261_125 },
  );
});

it('damage to our own status is a number, unknown, or refused', () => {
  const root = copyFixture('v2-leaf');
  const file = join(root, 'proc/self/status');
  const before = readFileSync(file);
  fc.assert(
    fc.property(textDamages, (damaged) => {
      writeFileSync(file, damaged(before));
      const answer = catchAnswer(() => readProcessMemory({ root }));
      if (typeof answer === 'object') expect(Number.isFinite(answer.anonymousBytes)).toBe(true);
    }),
    { numRuns: numRuns * 5, seed: 20_261_125 },
  );
});
