/** Former files of a ledger are found wherever they are now, through the processes that have them open. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FormerFile, findFormerFiles, openFormerFiles } from '../../src/ledger/former-files.ts';
import { FILE_NAME, type FileReference, LedgerFile } from '../../src/ledger/ledger-file.ts';
import { countDescriptors, locks, makeLedgerFile, makePlace, openLedgerFile } from '../support/ledger-places.ts';
import { LedgerProgram } from '../support/ledger-program.ts';

const uid = process.getuid?.();
const linux = process.platform === 'linux';

/** A name that no other test has: what is found is found on the whole machine. */
const makeName = () => `directory /test/${crypto.randomUUID()}`;

/** What is found, closed again. */
function find(name: string): readonly FileReference[][] {
  const found: FormerFile[] = findFormerFiles(name, uid);
  for (const { file } of found) file.close();
  return found.map(({ references }) => [...references]);
}

/** A later file whose header leads to these. */
function makeLater(name: string, former: readonly FileReference[]): LedgerFile {
  const directory = makePlace();
  mkdirSync(directory);
  LedgerFile.make(directory, name, former, () => {});
  return openLedgerFile(join(directory, FILE_NAME));
}

describe.runIf(linux)('the former files of a ledger', () => {
  it.each<[string, (path: string) => void]>([
    ['that stands', () => {}],
    ['that was deleted', (path) => rmSync(path)],
    ['whose directory was deleted', (path) => rmSync(dirname(path), { recursive: true })],
    ['whose directory was renamed', (path) => renameSync(dirname(path), `${dirname(path)}-away`)],
    ['in whose place is another', (path) => renameSync(makeLedgerFile('another'), path)],
  ])('are found: one %s', (_, change) => {
    const name = makeName();
    const path = makeLedgerFile(name);
    const { descriptor } = openLedgerFile(path);
    change(path);
    expect(find(name)).toEqual([[{ pid: process.pid, descriptor }]]);
  });

  it('are each found once, with all who have them open', () => {
    const name = makeName();
    const [one, other] = [makeLedgerFile(name), makeLedgerFile(name)];
    const opened = [one, one, one, other].map((path) => openLedgerFile(path).descriptor);
    const found = find(name).map((references) => references.map(({ descriptor }) => descriptor).toSorted());
    expect(found.toSorted()).toEqual([opened.slice(0, 3).toSorted(), opened.slice(3)].toSorted());
  });

  it('are not those of another ledger, nor files that only have their name', () => {
    const name = makeName();
    openLedgerFile(makeLedgerFile(`${name}-other`));
    const directory = makePlace();
    mkdirSync(directory);
    const descriptor = openSync(join(directory, FILE_NAME), 'w+');
    expect(find(name)).toEqual([]);
    closeSync(descriptor);
  });

  it('are not one that is just being made', () => {
    const name = makeName();
    const directory = makePlace();
    mkdirSync(directory);
    let found: unknown;
    LedgerFile.make(directory, name, [], () => {
      found = find(name);
    });
    expect(found).toEqual([]);
  });

  it.runIf(uid === 0 && locks)('are found through other processes of the same user, and of no other', async () => {
    const name = makeName();
    const path = makeLedgerFile(name);
    const body = (id: number) => `
      const file = LedgerFile.open(data);
      process.setuid(${id});
      say(file.descriptor);
      setInterval(() => {}, 1000);`;
    const [ours, others] = [new LedgerProgram(body(0), path), new LedgerProgram(body(65534), path)];
    const descriptor = await ours.next();
    await others.next();
    expect(find(name)).toEqual([[{ pid: ours.pid, descriptor }]]);
    await ours.kill();
    expect(find(name)).toEqual([]);
  });

  it('leave room in a header, and none of them is left out', () => {
    const name = makeName();
    const paths = [1, 2, 3].map(() => makeLedgerFile(name));
    for (const path of paths) for (let times = 0; times < 60; times++) openLedgerFile(path);
    const found = find(name);
    expect(found.map((references) => references.length)).toEqual([42, 42, 42]);
  });

  it('are opened by what the header of a later one says, as long as anybody has them open', () => {
    const name = makeName();
    const [one, other] = [makeLedgerFile(name), makeLedgerFile(name)].map((path) => LedgerFile.open(path));
    const gone = openSync('/dev/null', 'r');
    closeSync(gone);
    const references = [one!, one!, other!].map(({ descriptor }) => ({ pid: process.pid, descriptor }));
    const wrong = [
      { pid: process.pid, descriptor: gone },
      { pid: 2 ** 22 + 1, descriptor: 3 },
    ];
    const later = makeLater(name, [...references, ...wrong]);
    const open = () => {
      const files = openFormerFiles(later);
      for (const file of files) file.close();
      return files.map(({ identity }) => identity);
    };
    expect(open()).toEqual([one!.identity, other!.identity]);
    one!.close();
    expect(open()).toEqual([other!.identity]);
    other!.close();
    expect(open()).toEqual([]);
  });

  it('are neither the later one itself, nor another file that has their descriptor by now', () => {
    const name = makeName();
    const later = makeLater(name, [
      { pid: process.pid, descriptor: 1_000_000 },
      ...Array.from({ length: 100 }, (_, descriptor) => ({ pid: process.pid, descriptor })),
    ]);
    openLedgerFile(makeLedgerFile('another'));
    const before = countDescriptors();
    expect(openFormerFiles(later)).toEqual([]);
    expect(countDescriptors()).toBe(before);
  });

  it('are an error if there are no descriptors to look at them, which leaves none open', async () => {
    const name = makeName();
    const body = `
      const { findFormerFiles, openFormerFiles } = await import('${new URL('../../lib/ledger/former-files.js', import.meta.url)}');
      const [first, second, later] = data.paths.map((path) => LedgerFile.open(path));
      const opened = [];
      const fill = () => { try { for (;;) opened.push(fs.openSync('/dev/null')); } catch {} };
      const attempt = (act) => { try { return act().length; } catch ({ code }) { return code; } };
      // One free descriptor reads directories, and opens the first of the files.
      fill();
      fs.closeSync(opened.pop());
      say([attempt(() => findFormerFiles(data.name, process.getuid())), attempt(() => openFormerFiles(later))]);
      let left = 0;
      try { for (;; left++) opened.push(fs.openSync('/dev/null')); } catch {}
      say(left);`;
    const paths = [makeLedgerFile(name), makeLedgerFile(name)];
    const laterAt = makePlace();
    mkdirSync(laterAt);
    const held = paths.map((path) => openLedgerFile(path));
    LedgerFile.make(
      laterAt,
      name,
      held.map(({ descriptor }) => ({ pid: process.pid, descriptor })),
      () => {},
    );
    const data = { name, paths: [...paths, join(laterAt, FILE_NAME)] };
    const program = new LedgerProgram(body, data, { shell: 'ulimit -n 64' });
    expect(await program.next()).toEqual(['EMFILE', 'EMFILE']);
    expect(await program.next()).toBe(1);
  });
});
