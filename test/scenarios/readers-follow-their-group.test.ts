/** Readers that stay open while their real group moves, changes its limit or is seen from a namespace. Needs `npm run compile`. */
import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';

const CHILD = fileURLToPath(new URL('../support/programs/read-each-line.mjs', import.meta.url));
const built = existsSync(new URL('../../lib/sensors/open-reader.js', import.meta.url));
const reason = whyNoControlGroups() ?? (built ? undefined : 'dist/ is not built (npm run compile)');
const noNamespace = spawnSync('unshare', ['--cgroup', 'true']).status === 0 ? undefined : 'no cgroup namespaces here';
if (reason !== undefined) console.warn(`Moving groups are not tested: ${reason}.`);
if (noNamespace !== undefined) console.warn(`Namespaces are not tested: ${noNamespace}.`);

const KILLED_FIRST = { oomScore: 1000 };

interface Answer {
  readonly source: string;
  readonly ancestorsHidden: boolean;
  readonly limitedBy: string;
  readonly paths: readonly string[];
  readonly totalBytes: number;
  readonly availableBytes: number;
}

async function ask(child: ChildProcess): Promise<Answer[]> {
  child.stdin?.write('\n');
  const [data] = await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), once(child, 'exit')]);
  const answers = JSON.parse(String(data)) as Answer[];
  expect(answers.map((answer) => answer.source)).toEqual(['native', 'procfs']);
  return answers;
}

describe.skipIf(reason !== undefined)('open readers in a real group', () => {
  it('see a new limit at the next reading', async () => {
    const group = createControlGroup(512 * MiB);
    const child = group.spawn([process.execPath, CHILD], KILLED_FIRST);
    for (const { totalBytes } of await ask(child)) expect(totalBytes).toBe(512 * MiB);
    group.setLimit(300 * MiB);
    for (const { totalBytes, availableBytes } of await ask(child)) {
      expect(totalBytes).toBe(300 * MiB);
      expect(availableBytes).toBeLessThan(300 * MiB);
    }
  });

  it('follow their process into another group, and the old one may vanish', async () => {
    const parent = createControlGroup(512 * MiB);
    const first = parent.createChild('first', 400 * MiB);
    const second = parent.createChild('second', 256 * MiB);
    const child = first.spawn([process.execPath, CHILD], KILLED_FIRST);
    for (const answer of await ask(child)) {
      expect(answer).toMatchObject({ totalBytes: 400 * MiB, limitedBy: first.path, ancestorsHidden: false });
      expect(answer.paths).toEqual(['host', parent.path, first.path]);
    }
    second.enter(child.pid as number);
    await first.remove();
    for (const answer of await ask(child)) {
      expect(answer).toMatchObject({ totalBytes: 256 * MiB, limitedBy: second.path });
      expect(answer.paths).toEqual(['host', parent.path, second.path]);
    }
  });

  it.skipIf(noNamespace !== undefined)('find their groups by name if a namespace does not tell it', async () => {
    const parent = createControlGroup(512 * MiB);
    const leaf = parent.createChild('leaf', 400 * MiB);
    // The mounts stay the ones of the host: mountinfo then says /../.. and /proc/self/cgroup says /.
    const child = leaf.spawn(['unshare', '--cgroup', process.execPath, CHILD], KILLED_FIRST);
    for (const answer of await ask(child)) {
      expect(answer).toMatchObject({ totalBytes: 400 * MiB, limitedBy: leaf.path, ancestorsHidden: false });
      expect(answer.paths).toEqual(['host', parent.path, leaf.path]);
    }
  });

  it.skipIf(noNamespace !== undefined)(
    'say that ancestors are hidden in a container, and see their limit all the same',
    async () => {
      const pod = createControlGroup(300 * MiB);
      const container = pod.createChild('container', 512 * MiB);
      const point = container.directory.slice(0, -container.path.length);
      const script = `umount ${point} && mount -t cgroup -o memory none ${point} && exec "$@"`;
      const inside = ['unshare', '--cgroup', '--mount', 'sh', '-c', script, 'sh', process.execPath, CHILD];
      const child = container.spawn(inside, KILLED_FIRST);
      for (const answer of await ask(child)) {
        expect(answer).toMatchObject({ totalBytes: 300 * MiB, limitedBy: '/', ancestorsHidden: true });
        expect(answer.paths).toEqual(['host', '/']);
      }
    },
  );
});
