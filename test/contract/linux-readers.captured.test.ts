/** The script that captures a machine's files: its tree reads as the machine does, apart from what changes all the time. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { MemorySnapshot } from '../../src/core/types.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { getFixture } from '../support/fixtures.ts';
import { open, READERS } from '../support/linux-readers.ts';

const SCRIPT = getFixture('capture-tree.sh');
const whyNot = whyNoControlGroups();
if (whyNot) console.log(`skipped: a tree captured in a real group, since ${whyNot}`);

function makeTarget(): string {
  const parent = mkdtempSync(join(tmpdir(), 'nexa-captured-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'tree');
}

/** What stays the same between two readings. */
const keepStable = ({ totalBytes, ancestorsHidden, scopes }: MemorySnapshot) => ({
  totalBytes,
  ancestorsHidden,
  scopes: scopes.map(({ kind, path, limitBytes, highBytes }) => ({ kind, path, limitBytes, highBytes })),
});

describe.skipIf(process.platform !== 'linux')('a captured tree', () => {
  it.each(READERS)('has the scopes and limits of this machine, by the %s reader', (prefer) => {
    const tree = makeTarget();
    execFileSync('sh', [SCRIPT, tree]);
    expect(keepStable(open(prefer, tree).snapshot())).toEqual(keepStable(open(prefer, '/').snapshot()));
  });

  it('is not written over one that is there', () => {
    const tree = makeTarget();
    mkdirSync(tree);
    expect(() => execFileSync('sh', [SCRIPT, tree], { stdio: 'pipe' })).toThrow('File exists');
    expect(readdirSync(tree)).toEqual([]);
  });

  it.skipIf(whyNot)('has the limits of the groups that it was captured in', async () => {
    const tree = makeTarget();
    const outer = createControlGroup(300 * MiB);
    const inner = outer.createChild('inner', 500 * MiB);
    await once(inner.spawn(['sh', SCRIPT, tree]), 'exit');
    const { totalBytes, scopes } = open('procfs', tree).snapshot();
    expect(totalBytes).toBe(300 * MiB);
    expect(scopes.slice(-2)).toMatchObject([
      { kind: 'cgroup-v1', path: outer.path, limitBytes: 300 * MiB },
      { kind: 'cgroup-v1', path: inner.path, limitBytes: 500 * MiB },
    ]);
  });
});
