import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Observation } from '../../src/footprint/apply-observations.ts';
import { CalibrationStore, findCalibrationDirectory } from '../../src/footprint/calibration-store.ts';
import { readObservationName } from '../../src/footprint/observation-name.ts';

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
  return { calibration, directory, problems, folder: join(directory, 'observations-1') };
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-calibration-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'nexa-memory-guard');
}

/** What another process finds. */
async function found(directory: string, key: string): Promise<readonly (number | undefined)[]> {
  const observations = await opened(directory).calibration.readObservations();
  return observations(key).map(({ anonymousAfterCallBytes }) => anonymousAfterCallBytes);
}

describe('calibration', () => {
  it('keeps the last three loads of a model for the next process', async () => {
    const { calibration, directory, folder, problems } = opened();
    for (const bytes of [10, 20, 30, 40]) await calibration.record('key', observation(bytes));
    expect(await found(directory, 'key')).toEqual([20, 30, 40]);
    expect(await found(directory, 'another')).toEqual([]);
    expect(problems).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it('keeps all that was seen of a load', async () => {
    const { calibration, directory } = opened();
    const whole = { ...observation(10, 'one'), heard: true, fatalBytes: 77 };
    await calibration.record('key', whole);
    const [kept] = (await opened(directory).calibration.readObservations())('key');
    expect(kept).toEqual({ ...whole, load: kept!.load });
  });

  it('puts what is learned of a load later in place of what was known', async () => {
    const { calibration, directory, folder } = opened();
    const { anonymousAfterCallBytes: _call, ...loaded } = observation(10, 'one');
    await calibration.record('key', loaded);
    expect(await found(directory, 'key')).toEqual([undefined]);
    await calibration.record('key', observation(20, 'other'));
    await calibration.record('key', observation(30, 'one'));
    expect(await found(directory, 'key')).toEqual([20, 30]);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('shows what was recorded to who asks again, on disk or not', async () => {
    const { calibration, directory, problems } = opened();
    expect((await calibration.readObservations())('key')).toEqual([]);
    await calibration.record('key', observation(10));
    expect((await calibration.readObservations())('key')).toHaveLength(1);
    rmSync(directory, { recursive: true });
    expect((await calibration.readObservations())('key')).toHaveLength(1);
    expect(problems).toEqual([]);
  });

  it('learns what other processes recorded since, beside its own', async () => {
    const { calibration, directory } = opened();
    const other = opened(directory).calibration;
    await other.record('key', observation(10));
    await calibration.record('key', observation(20));
    await other.record('key', observation(30));
    const seen = (await calibration.readObservations())('key');
    expect(seen.map(({ anonymousAfterCallBytes }) => anonymousAfterCallBytes)).toEqual([10, 20, 30]);
  });

  it('forgets the models observed longest ago beyond 256', async () => {
    const { calibration, directory, folder } = opened();
    for (let at = 0; at < 257; at++) await calibration.record(`k${at}`, observation(at));
    expect(await found(directory, 'k0')).toEqual([]);
    expect(await found(directory, 'k1')).toEqual([1]);
    expect(await found(directory, 'k256')).toEqual([256]);
    expect(readdirSync(folder)).toHaveLength(256);
  });

  it('keeps the last loads if the clock was set back since', async () => {
    const { calibration, directory } = opened();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 1e9);
    onTestFinished(() => clock.mockRestore());
    for (const bytes of [10, 20, 30]) await calibration.record('key', observation(bytes));
    clock.mockRestore();
    await opened(directory).calibration.record('key', observation(40));
    expect(await found(directory, 'key')).toEqual([20, 30, 40]);
  });
});

describe('observations that are recorded at once', () => {
  it('are all kept, of two guards of one process', async () => {
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
  });

  it('are all kept, of three loads of one model by three guards', async () => {
    const { directory } = opened();
    const stores = [1, 2, 3].map(() => opened(directory).calibration);
    await Promise.all(stores.map((store, at) => store.record('key', observation(at))));
    expect((await found(directory, 'key')).toSorted()).toEqual([0, 1, 2]);
  });

  it('are in their order, of one load', async () => {
    const { calibration, directory, folder } = opened();
    const { anonymousAfterCallBytes: _call, ...loaded } = observation(0, 'one');
    const records = [loaded, observation(20, 'one'), observation(30, 'one')].map((each) =>
      calibration.record('key', each),
    );
    await Promise.all(records);
    expect(await found(directory, 'key')).toEqual([30]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('are all kept, of eight processes', async () => {
    const { directory } = opened();
    const processes = Array.from({ length: 8 }, (_, at) => startRecorder(directory, `p${at}-`, 25));
    const ends = await Promise.all(processes.map(async (each) => (await once(each, 'exit'))[0]));
    expect(ends).toEqual(ends.map(() => 0));
    const observations = await opened(directory).calibration.readObservations();
    const lost = processes.flatMap((_, at) =>
      Array.from({ length: 25 }, (_, n) => `p${at}-${n}`).filter((key) => observations(key).length !== 1),
    );
    expect(lost).toEqual([]);
  }, 60_000);

  it('are whole or not there, of processes that are killed while they write', async () => {
    const { directory, folder } = opened();
    for (const afterMs of [1, 3, 7, 12]) {
      const before = countNames(folder);
      const recorder = startRecorder(directory, `k${afterMs}-`, 1e6);
      await expect.poll(() => countNames(folder), { timeout: 10_000 }).toBeGreaterThan(before);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      recorder.kill('SIGKILL');
      await once(recorder, 'exit');
    }
    const names = readdirSync(folder, { withFileTypes: true });
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((each) => !each.isFile() || !readObservationName(each.name))).toEqual([]);
    const { calibration, problems } = opened(directory);
    await calibration.record('after', observation(5));
    expect([await found(directory, 'after'), problems]).toEqual([[5], []]);
  }, 60_000);
});

function countNames(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

/** A process that records so many observations, one after the other, each of a key of its own. */
function startRecorder(directory: string, prefix: string, count: number) {
  const store = new URL('../../lib/footprint/calibration-store.js', import.meta.url).href;
  const body = `
    import { CalibrationStore } from ${JSON.stringify(store)};
    const store = new CalibrationStore(${JSON.stringify(directory)}, (message) => { console.error(message); process.exit(9); });
    for (let n = 0; n < ${count}; n++)
      await store.record(${JSON.stringify(prefix)} + n, { load: String(n), mappedBytes: n, anonymousAfterLoadBytes: n, full: false, heard: false });
  `;
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  return spawn(process.execPath, ['--input-type=module', '-e', body], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}

describe('a folder of observations', () => {
  it('may hold other things: they are no observations, and stay', async () => {
    const { calibration, directory, folder, problems } = opened();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    mkdirSync(join(folder, 'a folder'));
    await calibration.record('key', observation(5));
    expect(await found(directory, 'key')).toEqual([5]);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['notes.txt', 'a folder']));
    expect(problems).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('may hold too many names: so many are looked at', async () => {
    const { calibration, directory, folder } = opened();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    execFileSync('sh', ['-c', 'seq 4100 | xargs touch'], { cwd: folder });
    await calibration.record('key', observation(5));
    expect((await found(directory, 'key')).length).toBeLessThanOrEqual(1);
    expect((await calibration.readObservations())('key')).toHaveLength(1);
  });

  it('is made for its user alone, and its files are empty', async () => {
    const { calibration, folder } = opened();
    await calibration.record('key', observation(5));
    const [name] = readdirSync(folder);
    expect(readFileSync(join(folder, name!), 'utf8')).toBe('');
    if (process.platform === 'win32') return;
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, name!)).mode & 0o777).toBe(0o600);
  });

  it('is not believed if it is a link or a file, and nothing is written through it', async () => {
    const elsewhere = join(temporary(), '..');
    for (const make of [(path: string) => symlinkSync(elsewhere, path), (path: string) => writeFileSync(path, '')]) {
      const { calibration, directory, folder, problems } = opened();
      mkdirSync(directory, { recursive: true });
      make(folder);
      expect((await calibration.readObservations())('key')).toEqual([]);
      expect(problems).toEqual([expect.stringContaining('it is no folder')]);
      await calibration.record('key', observation(5));
      expect(problems.at(-1)).toContain("can't be kept");
      expect(lstatSync(folder).isDirectory()).toBe(false);
      expect(readdirSync(elsewhere)).toEqual([]);
    }
  });

  it.skipIf(process.geteuid?.() !== 0)('is not believed if it belongs to another user', async () => {
    const { calibration, folder, problems, directory } = opened();
    await calibration.record('key', observation(5));
    chownSync(folder, 65534, 65534);
    const again = new CalibrationStore(directory, (message) => problems.push(message));
    expect((await again.readObservations())('key')).toEqual([]);
    expect(problems[0]).toContain('belongs to user 65534');
  });

  it.skipIf(process.platform === 'win32')('is not believed if others may write in it', async () => {
    const { calibration, directory, folder } = opened();
    await calibration.record('key', observation(5));
    chmodSync(folder, 0o770);
    const { calibration: again, problems } = opened(directory);
    expect((await again.readObservations())('key')).toEqual([]);
    expect((await again.readObservations())('key')).toEqual([]);
    expect(problems).toEqual([expect.stringContaining('others may write in it')]); // once for the same failure
  });

  it('that can’t be made is told, and what was seen counts in this process', async () => {
    const directory = temporary();
    mkdirSync(join(directory, '..'), { recursive: true });
    writeFileSync(directory, 'a file in place of the folder');
    const { calibration, problems } = opened(directory);
    await calibration.record('key', observation(5));
    expect(problems).toEqual([expect.stringContaining("can't be kept")]);
    expect((await calibration.readObservations())('key')).toHaveLength(1);
  });
});

it('is kept where the cache belongs', () => {
  expect(findCalibrationDirectory({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/nexa-memory-guard');
  expect(findCalibrationDirectory({})).toMatch(/\/\.cache\/nexa-memory-guard$/);
  expect(findCalibrationDirectory({ XDG_CACHE_HOME: '' })).toMatch(/\/\.cache\/nexa-memory-guard$/);
});
