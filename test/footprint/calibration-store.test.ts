import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Observation } from '../../src/footprint/apply-observations.ts';
import {
  CalibrationStore,
  createCalibrationKey,
  findCalibrationDirectory,
} from '../../src/footprint/calibration-store.ts';

let loads = 0;

const observation = (anonymousAfterCallBytes: number, load = `load ${++loads}`): Observation => ({
  load,
  mappedBytes: 1,
  anonymousAfterLoadBytes: 2,
  anonymousAfterCallBytes,
  full: true,
  heard: false,
});

function opened(directory = temporary()) {
  const problems: string[] = [];
  const calibration = new CalibrationStore(directory, (message) => problems.push(message));
  return { calibration, directory, problems, file: join(directory, 'calibration.json') };
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-calibration-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'nexa-memory-guard');
}

async function found(directory: string, key: string): Promise<readonly (number | undefined)[]> {
  const observations = await opened(directory).calibration.readObservations();
  return observations(key).map(({ anonymousAfterCallBytes }) => anonymousAfterCallBytes);
}

describe('calibration', () => {
  it('keeps the last three loads of a model for the next process', async () => {
    const { calibration, directory, problems } = opened();
    for (const bytes of [10, 20, 30, 40]) await calibration.record('key', observation(bytes));
    expect(await found(directory, 'key')).toEqual([20, 30, 40]);
    expect(await found(directory, 'another')).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('keeps what a load had taken when the kernel ended it, and ignores a file in which that is no size', async () => {
    const { calibration, directory, file } = opened();
    await calibration.record('key', { ...observation(10), fatalBytes: 77 });
    const read = async () => (await opened(directory).calibration.readObservations())('key');
    expect(await read()).toMatchObject([{ anonymousAfterCallBytes: 10, fatalBytes: 77 }]);
    writeFileSync(file, readFileSync(file, 'utf8').replace('77', '-77'));
    expect(await read()).toEqual([]);
  });

  it('puts what is learned of a load later in place of what was known', async () => {
    const { calibration, directory } = opened();
    const { anonymousAfterCallBytes: _call, ...loaded } = observation(10, 'one');
    await calibration.record('key', loaded);
    expect(await found(directory, 'key')).toEqual([undefined]);
    await calibration.record('key', observation(20, 'other'));
    await calibration.record('key', observation(30, 'one'));
    expect(await found(directory, 'key')).toEqual([20, 30]);
  });

  it('shows what was recorded to who asks again', async () => {
    const { calibration } = opened();
    expect((await calibration.readObservations())('key')).toEqual([]);
    await calibration.record('key', observation(10));
    expect((await calibration.readObservations())('key')).toHaveLength(1);
  });

  it('learns what other processes recorded since, beside its own', async () => {
    const { calibration, directory, problems } = opened();
    const other = opened(directory).calibration;
    expect((await calibration.readObservations())('key')).toEqual([]);
    await other.record('key', observation(10));
    await calibration.record('key', observation(20));
    await other.record('key', observation(30));
    const bytes = async () =>
      (await calibration.readObservations())('key').map(({ anonymousAfterCallBytes }) => anonymousAfterCallBytes);
    expect((await bytes()).toSorted()).toEqual([10, 20, 30]);
    rmSync(directory, { recursive: true });
    expect(await bytes()).toEqual([20]);
    expect(problems).toEqual([]);
  });

  it('keeps what other processes recorded meanwhile, and leaves no other file', async () => {
    const { calibration, directory } = opened();
    await calibration.readObservations();
    await opened(directory).calibration.record('theirs', observation(1));
    await Promise.all([calibration.record('ours', observation(2)), calibration.record('ours', observation(3))]);
    expect(await found(directory, 'theirs')).toEqual([1]);
    expect(await found(directory, 'ours')).toEqual([2, 3]);
    expect(readdirSync(directory)).toEqual(['calibration.json']);
  });

  it('forgets the models observed longest ago beyond 256', async () => {
    const { calibration, directory, file } = opened();
    await calibration.record('first', observation(1));
    const { format } = JSON.parse(readFileSync(file, 'utf8'));
    const entries = Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`k${i}`, [observation(i)]]));
    writeFileSync(file, JSON.stringify({ format, entries }));
    await calibration.record('last', observation(9));
    expect(await found(directory, 'k0')).toEqual([]);
    expect(await found(directory, 'k1')).toEqual([1]);
    expect(await found(directory, 'last')).toEqual([9]);
  });

  it.each([
    ['damaged', '{"format":'],
    ['of another version', JSON.stringify({ format: 'nexa-memory-guard calibration 1', entries: {} })],
    ['null', 'null'],
    [
      'of other things',
      JSON.stringify({ format: 'nexa-memory-guard calibration 2', entries: { key: [{ full: true }] } }),
    ],
    [
      'of negative sizes',
      JSON.stringify({ format: 'nexa-memory-guard calibration 2', entries: { key: [observation(-1)] } }),
    ],
    ['too large', ' '.repeat(2 ** 20 + 1)],
  ])('ignores a file that is %s, says so, and replaces it', async (_what, text) => {
    const { calibration, directory, problems, file } = opened();
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, text);
    expect((await calibration.readObservations())('key')).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('calibration.json is ignored');
    await calibration.record('key', observation(5));
    expect(await found(directory, 'key')).toEqual([5]);
  });

  it.skipIf(process.platform === 'win32')('ignores a named pipe without waiting for its writer', async () => {
    const { calibration, directory, problems, file } = opened();
    mkdirSync(directory, { recursive: true });
    execFileSync('mkfifo', [file]);
    expect((await calibration.readObservations())('key')).toEqual([]);
    expect(problems).toEqual([expect.stringContaining('it is no regular file')]);
    await calibration.record('key', observation(5));
    expect(await found(directory, 'key')).toEqual([5]);
    expect(problems).toHaveLength(1);
  });

  it('loses nothing if two stores of a process record at once', async () => {
    const { calibration, directory, problems } = opened();
    const other = opened(directory).calibration;
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const records = keys.flatMap((key) => [
      calibration.record(`${key}1`, observation(1)),
      other.record(`${key}2`, observation(2)),
    ]);
    await Promise.all(records);
    for (const key of keys) {
      expect(await found(directory, `${key}1`)).toEqual([1]);
      expect(await found(directory, `${key}2`)).toEqual([2]);
    }
    expect(problems).toEqual([]);
    expect(readdirSync(directory)).toEqual(['calibration.json']);
  });

  it('writes again what another process replaced, and only that', async () => {
    const { calibration, directory, file } = opened();
    await opened(directory).calibration.record('theirs', observation(1));
    const before = readFileSync(file);
    await calibration.record('ours', observation(2));
    writeFileSync(file, before);
    await calibration.record('more', observation(3));
    expect(await found(directory, 'theirs')).toEqual([1]);
    expect(await found(directory, 'ours')).toEqual([2]);
    expect(await found(directory, 'more')).toEqual([3]);
  });

  it('follows no link that stands under the name of its temporary file', async () => {
    const { calibration, directory, file } = opened();
    mkdirSync(directory, { recursive: true });
    const precious = join(directory, 'precious');
    writeFileSync(precious, 'precious');
    symlinkSync(precious, `${file}.${process.pid}.tmp`);
    await calibration.record('key', observation(5));
    expect(readFileSync(precious, 'utf8')).toBe('precious');
    expect(await found(directory, 'key')).toEqual([5]);
    expect(statSync(file).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600);
  });

  it('keeps three loads of a key however many a file holds, and no key or name that is none', async () => {
    const { directory, file } = opened();
    mkdirSync(directory, { recursive: true });
    const write = (entries: object) =>
      writeFileSync(file, JSON.stringify({ format: 'nexa-memory-guard calibration 2', entries }));
    write({ key: [1, 2, 3, 4, 5].map((bytes) => observation(bytes)) });
    expect(await found(directory, 'key')).toEqual([3, 4, 5]);
    for (const entries of [{ ['k'.repeat(129)]: [] }, { key: [observation(1, 'l'.repeat(129))] }]) {
      write(entries);
      const { calibration, problems } = opened(directory);
      await calibration.readObservations();
      expect(problems).toEqual([expect.stringContaining('it holds something else than observations')]);
    }
  });

  it('ignores a link, and a directory in place of the file', async () => {
    for (const make of [(file: string) => symlinkSync('/etc/passwd', file), (file: string) => mkdirSync(file)]) {
      const { calibration, directory, problems, file } = opened();
      mkdirSync(directory, { recursive: true });
      make(file);
      expect((await calibration.readObservations())('key')).toEqual([]);
      expect(problems[0]).toContain('no regular file');
    }
  });

  it.skipIf(process.getuid?.() !== 0)('ignores a file of another user', async () => {
    const { chownSync } = await import('node:fs');
    const { calibration, problems, file } = opened();
    await calibration.record('key', observation(5));
    chownSync(file, 65534, 65534);
    const again = new CalibrationStore(join(file, '..'), (message) => problems.push(message));
    expect((await again.readObservations())('key')).toEqual([]);
    expect(problems[0]).toContain('belongs to user 65534');
  });

  it('says where nothing can be kept, and leaves nothing behind', async () => {
    const directory = temporary();
    mkdirSync(join(directory, '..'), { recursive: true });
    writeFileSync(directory, 'a file in place of the folder');
    const { calibration, problems } = opened(directory);
    await calibration.record('key', observation(5));
    expect(problems.at(-1)).toContain("can't be kept");
    chmodSync(directory, 0o600);
  });
});

describe('the key of an observation', () => {
  const facts = {
    files: [{ device: 1, inode: 2, sizeBytes: 3, mtimeMs: 4 }],
    shape: { contextSize: 2048 },
    runtime: 'llama 1.7.15',
  };

  it('is the same for the same facts and another one for any other', () => {
    const key = createCalibrationKey(facts);
    expect(createCalibrationKey(structuredClone(facts))).toBe(key);
    expect(createCalibrationKey({ ...facts, runtime: 'llama 1.7.16' })).not.toBe(key);
    expect(createCalibrationKey({ ...facts, shape: { contextSize: 4096 } })).not.toBe(key);
    expect(createCalibrationKey({ ...facts, files: [{ device: 1, inode: 2, sizeBytes: 3, mtimeMs: 5 }] })).not.toBe(
      key,
    );
  });
});

it('is kept where the cache belongs', () => {
  expect(findCalibrationDirectory({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/nexa-memory-guard');
  expect(findCalibrationDirectory({})).toMatch(/\/\.cache\/nexa-memory-guard$/);
  expect(findCalibrationDirectory({ XDG_CACHE_HOME: '' })).toMatch(/\/\.cache\/nexa-memory-guard$/);
});

describe('a file of calibration that the system can not read now', () => {
  it.skipIf(process.platform === 'win32')(
    'is not replaced: what stands in it may be all that was learned',
    async () => {
      const { calibration, directory, file, problems } = opened();
      await calibration.record('key', observation(10));
      const before = readFileSync(file, 'utf8');
      chmodSync(file, 0);
      // Root may read everything, so somebody else tries.
      const root = process.geteuid?.() === 0;
      if (root) {
        for (const path of [join(directory, '..'), directory]) chownSync(path, 65534, 65534);
        process.seteuid?.(65534);
      }
      try {
        await opened(directory).calibration.record('other', observation(20));
        await calibration.record('key', observation(30));
      } finally {
        if (root) process.seteuid?.(0);
      }
      expect(readdirSync(directory)).toEqual(['calibration.json']);
      chmodSync(file, 0o600);
      expect(readFileSync(file, 'utf8')).toBe(before);
      expect(problems).toMatchObject([expect.stringContaining("can't be kept")]);
    },
  );
});

describe('new files that killed processes left behind', () => {
  it('are taken away once they are old, and nothing else is', async () => {
    const { calibration, directory } = opened();
    mkdirSync(directory, { mode: 0o700 });
    const [old, young] = [1, 2].map((n) => `calibration.json.0000000${n}-0000-4000-8000-000000000000.tmp`);
    const others = [young!, 'calibration.json.tmp', 'somebody.tmp'];
    for (const name of [old!, ...others]) writeFileSync(join(directory, name), '');
    const longAgo = new Date(Date.now() - 120_000);
    for (const name of [old!, 'calibration.json.tmp', 'somebody.tmp'])
      utimesSync(join(directory, name), longAgo, longAgo);
    await calibration.record('key', observation(10));
    expect(readdirSync(directory).sort()).toEqual(['calibration.json', ...others].sort());
  });
});
