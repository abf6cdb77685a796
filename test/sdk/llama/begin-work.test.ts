import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAddon } from '../../../src/addon/load-addon.ts';
import { countPoolThreads } from '../../../src/core/pool-threads.ts';
import { beginWork } from '../../../src/sdk/llama/begin-work.ts';

class RecordedHold {
  static events: string[] = [];
  constructor(threads: number) {
    RecordedHold.events.push(`hold ${threads}`);
  }
  release() {
    RecordedHold.events.push('release');
  }
}

test('the pool is held while the call runs, and released also if it throws', async () => {
  RecordedHold.events = [];
  const call = async () => {
    RecordedHold.events.push('call');
    return 7;
  };
  expect(await beginWork(call, RecordedHold)).toBe(7);
  const threads = countPoolThreads(process.env['UV_THREADPOOL_SIZE']);
  expect(RecordedHold.events).toEqual([`hold ${threads}`, 'call', 'release']);
  const failing = () => {
    throw new Error('mine');
  };
  expect(() => beginWork(failing, RecordedHold)).toThrow('mine');
  expect(RecordedHold.events.slice(3)).toEqual([`hold ${threads}`, 'release']);
});

test.skipIf(loadAddon() === undefined)('work that the call begins starts once the call has returned', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-begin-work-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  /** Whether a thread of the pool has made a file while the call that asked for it still ran. */
  const overtakes = async (begin: typeof beginWork, name: string) => {
    const path = join(folder, name);
    let overtook = false;
    await begin(async () => {
      const work = writeFile(path, '');
      for (const until = performance.now() + 200; performance.now() < until && !overtook; ) overtook = existsSync(path);
      await work;
    });
    expect(existsSync(path)).toBe(true);
    return overtook;
  };
  expect(await overtakes((call) => call(), 'free')).toBe(true);
  expect(await overtakes(beginWork, 'held')).toBe(false);
});

test('without the addon the call is made all the same', async () => {
  expect(await beginWork(async () => 7, undefined)).toBe(7);
});
