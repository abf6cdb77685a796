/** What goes on between readings: the addon's own thread over trees of kernel files and real groups, and without it the kernel's events. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../../src/addon/load-addon.ts';
import { MiB } from '../../../src/core/bytes.ts';
import type { MemoryReader, MemoryWatch } from '../../../src/core/memory-reader.ts';
import { openMemoryWatch } from '../../../src/sensors/linux/memory-watch.ts';
import { STRIDE } from '../../../src/sensors/scope-rows.ts';
import { type ControlGroup, createControlGroup, whyNoControlGroups } from '../../support/create-control-group.ts';
import { copyFixture } from '../../support/fixtures.ts';
import { open } from '../../support/linux-readers.ts';
import { runProgram } from '../../support/run-program.ts';

const threads = loadAddon()?.MemoryWatch !== undefined;
const whyNot = threads ? whyNoControlGroups() : 'the addon has no such thread here';
if (whyNot) console.log(`skipped: watching real groups, since ${whyNot}`);

/** A watch over a copy of a tree, from a first reading of it. */
function watching(name: string, prefer: 'native' | 'procfs' = 'native') {
  const root = copyFixture(name);
  const reader = open(prefer, root);
  let wakes = 0;
  const watch = reader.openWatch?.(() => {
    wakes += 1;
  }) as MemoryWatch;
  onTestFinished(() => watch.close());
  const begin = (fallBytes: number) => {
    const left = reader.snapshot().scopes.map(({ availableBytes }) => availableBytes);
    return { begun: watch.watch(left, Math.min(...left) - fallBytes), leftBytes: Math.min(...left) };
  };
  return { root, reader, watch, begin, wakes: () => wakes };
}

const groupFile = (root: string, reader: MemoryReader, name: string) =>
  join(root, 'sys/fs/cgroup', reader.snapshot().scopes.at(-1)?.path ?? '', name);

/** In place and of the same length, as the kernel's files change: the thread must never see one that is half written. */
function change(file: string, found: RegExp, value: (old: number) => number): void {
  const text = readFileSync(file, 'latin1');
  const [whole, before = '', digits = ''] = found.exec(text) as RegExpExecArray;
  const changed = text.replace(whole, `${before}${String(value(Number(digits))).padStart(digits.length, ' ')}`);
  expect(changed).toHaveLength(text.length);
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, changed, 0, 'latin1');
  closeSync(descriptor);
}

/** By how many bytes the group's usage rises. */
const rise = (file: string, bytes: number) => change(file, /^()(\d+)/, (old) => old + bytes);

describe.runIf(threads)('the thread', () => {
  it('wakes once if the smallest scope has fallen below the figure, and tells the least', async () => {
    const { root, reader, watch, begin, wakes } = watching('v2-leaf');
    const { begun, leftBytes } = begin(8 * MiB);
    expect(begun).toBe(true);
    await expect.poll(() => watch.least(), { timeout: 5000 }).toMatchObject({ leftBytes });
    expect(wakes()).toBe(0);
    rise(groupFile(root, reader, 'memory.current'), 20 * MiB);
    await expect.poll(wakes, { timeout: 5000 }).toBe(1);
    rise(groupFile(root, reader, 'memory.current'), 5 * MiB);
    await expect.poll(() => watch.least()?.leftBytes, { timeout: 5000 }).toBe(leftBytes - 25 * MiB);
    expect(wakes()).toBe(1);
  });

  it('does not wake for page cache that the kernel would give back', async () => {
    const { root, reader, watch, begin, wakes } = watching('v2-leaf');
    const { leftBytes } = begin(8 * MiB);
    const stat = groupFile(root, reader, 'memory.stat');
    change(stat, /^(inactive_file )(\d+)$/m, (old) => old + 50 * MiB);
    rise(groupFile(root, reader, 'memory.current'), 50 * MiB);
    watch.least();
    await expect.poll(() => watch.least()?.leftBytes, { timeout: 5000 }).toBe(leftBytes);
    expect(wakes()).toBe(0);
  });

  it.each([
    ['v2-leaf', 'memory.max'],
    ['v1-leaf-limit', 'memory.limit_in_bytes'],
  ])('wakes if the limit of %s changes, also upwards: only a reading tells what that leaves', async (tree, name) => {
    const { root, reader, begin, wakes } = watching(tree);
    begin(64 * MiB);
    const hierarchy = tree.startsWith('v1') ? 'sys/fs/cgroup/memory' : 'sys/fs/cgroup';
    const path = reader.snapshot().scopes.at(-1)?.path ?? '';
    change(join(root, hierarchy, path, name), /^()(\d+)/, (old) => old + 4 * MiB);
    await expect.poll(wakes, { timeout: 5000 }).toBe(1);
  });

  it.each([
    ['rlimits', 'proc/self/status', /^(VmData:\s+)(\d+)/m],
    ['overcommit-2', 'proc/meminfo', /^(Committed_AS:\s+)(\d+)/m],
  ])('wakes if a limit of %s is used up, of which nothing can be reclaimed', async (tree, file, used) => {
    const { root, begin, wakes } = watching(tree);
    begin(8 * MiB);
    change(join(root, file), used, (old) => old + 20 * 1024);
    await expect.poll(wakes, { timeout: 5000 }).toBe(1);
  });

  it('sees the host, v1 groups, and what ends a reading', async () => {
    const { root, reader, begin, wakes } = watching('v1-leaf-limit');
    // The reader has it open; the thread, which opens files for itself, will not find it.
    rmSync(groupFile(root, reader, 'memory.usage_in_bytes').replace('/sys/fs/cgroup/', '/sys/fs/cgroup/memory/'));
    begin(8 * MiB);
    await expect.poll(wakes, { timeout: 5000 }).toBe(1);
    const host = watching('host-only');
    host.begin(64 * MiB);
    const meminfo = join(host.root, 'proc/meminfo');
    change(meminfo, /^(MemAvailable:\s+)(\d+)/m, () => 1000);
    await expect.poll(host.wakes, { timeout: 5000 }).toBe(1);
  });

  it('counts swap that is used up if swap counts', async () => {
    const root = copyFixture('v2-swap');
    const reader = open('native', root, true);
    let wakes = 0;
    const watch = reader.openWatch?.(() => {
      wakes += 1;
    }) as MemoryWatch;
    onTestFinished(() => watch.close());
    const left = reader.snapshot().scopes.map(({ availableBytes }) => availableBytes);
    watch.watch(left, Math.min(...left) - 8 * MiB);
    const meminfo = join(root, 'proc/meminfo');
    change(meminfo, /^(SwapFree:\s+)(\d+)/m, (old) => old - 20 * 1024);
    await expect.poll(() => wakes, { timeout: 5000 }).toBe(1);
  });

  it('is opened anew for another plan, and does nothing after its end', async () => {
    const { root, reader, watch, begin, wakes } = watching('v2-leaf');
    begin(8 * MiB);
    await expect.poll(() => watch.least(), { timeout: 5000 }).toBeDefined(); // its files are open by then
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let time = 0; time < 10; time++) {
      watch.close();
      expect(watch.least()).toBeUndefined();
      begin(8 * MiB);
    }
    await expect.poll(descriptors, { timeout: 5000 }).toBeLessThanOrEqual(before + 4);
    watch.close();
    rise(groupFile(root, reader, 'memory.current'), 20 * MiB);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(wakes()).toBe(0);
  });

  it('is not asked before there was a reading, nor again once it could not be had', () => {
    const { reader, watch } = watching('v2-leaf');
    expect(watch.watch([], 0)).toBe(false);
    let made = 0;
    class Failing {
      constructor() {
        made += 1;
        throw new Error('no more threads');
      }
    }
    const addon = { ...loadAddon(), MemoryWatch: Failing } as never;
    reader.snapshot();
    const last = {
      plan: { scopes: [], files: [], initial: new Float64Array(STRIDE) },
      rows: new Float64Array(STRIDE),
    } as never;
    const failing = openMemoryWatch(
      () => last,
      () => {},
      addon,
    );
    expect([failing?.watch([], 0), failing?.watch([], 0), made]).toEqual([false, false, 1]);
  });

  it('refuses what does not fit its plan', () => {
    const NativeWatch = loadAddon()?.MemoryWatch as unknown as new (
      ...args: unknown[]
    ) => Record<string, () => unknown>;
    const plan = [['/proc/meminfo'], Int32Array.of(1, 0, 0), new Float64Array(STRIDE), false, undefined, undefined];
    for (const args of [
      [],
      plan,
      [...plan, 5],
      [...plan, [[7, '/x', 0]]],
      [...plan, [[0, '/x', 1]]],
      [...plan, [5]],
      [...plan, []],
    ]) {
      expect(() => new NativeWatch(...args)).toThrow(TypeError);
    }
    const watch = new NativeWatch(...plan, [], () => {}) as unknown as {
      watch(...args: unknown[]): void;
      close(): void;
    };
    for (const args of [
      [],
      [new Float64Array(STRIDE - 1), new Float64Array(1), 5],
      [new Float64Array(STRIDE), new Float64Array(2), 5],
    ]) {
      expect(() => watch.watch(...args)).toThrow(TypeError);
    }
    watch.close();
  });
});

describe('without the thread', () => {
  it('the kernel’s events wake if there are any, now and then', async () => {
    const { root, reader, begin, wakes } = watching('v2-leaf', 'procfs');
    const events = groupFile(root, reader, 'memory.events');
    writeFileSync(events, 'max 0\n');
    expect(begin(MiB).begun).toBe(false);
    expect(begin(MiB).begun).toBe(false);
    for (let time = 0; time < 5; time++) appendFileSync(events, 'max 1\n');
    await expect.poll(wakes, { timeout: 5000 }).toBe(1);
  });

  it('nothing wakes if there are none', () => {
    const { watch, begin, wakes } = watching('host-only', 'procfs');
    expect(begin(MiB).begun).toBe(false);
    expect(watch.least()).toBeUndefined();
    expect(wakes()).toBe(0);
  });
});

describe.skipIf(whyNot)('a real group', () => {
  /** Runs in the group, guards a fake SDK, and tells each edge with how long ago it was seen. */
  const PROGRAM = (body: string) => `
    import { withMemoryGuard } from '${new URL('../../../dist/index.js', import.meta.url).href}';
    const sdk = { loadModel: async () => ({ dispose: async () => {} }) };
    const options = { minFreeRatioAfterLoad: 0, minFreeBytes: 64 * 2 ** 20, ledger: 'process' };
    const nexa = withMemoryGuard(sdk, options);
    for (const name of ['ok', 'warning', 'critical']) nexa.guard.on(name, ({ type, headroomBytes, atMs, seenAtMs }) =>
      console.log(JSON.stringify({ type, headroomBytes, lateMs: atMs - seenAtMs })));
    const model = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
    console.log('watching');
    ${body}`;

  const eat = (group: ControlGroup, bytes: number) => {
    const program = `globalThis.held = Buffer.alloc(${bytes}, 1); console.log('eaten'); setInterval(() => {}, 1000)`;
    return group.spawn([process.execPath, '-e', program], { oomScore: 900 });
  };

  it('tells of memory that was gone and came back while JavaScript was blocked', async () => {
    const group = createControlGroup(512 * MiB);
    const child = group.spawn([
      process.execPath,
      '--input-type=module',
      '-e',
      PROGRAM(`
        await new Promise((resolve) => setTimeout(resolve, 50));
        console.log('blocked');
        (await import('node:fs')).readSync(0, Buffer.alloc(1)); // until the test writes: however long that takes
        await new Promise((resolve) => setTimeout(resolve, 50));
        await model.dispose();
        nexa.guard.close();`),
    ]);
    const exited = once(child, 'exit');
    let text = '';
    child.stdout?.on('data', (data) => {
      text += data;
    });
    await expect.poll(() => text, { timeout: 10_000 }).toContain('blocked');
    const eater = eat(group, 430 * MiB);
    await once(eater.stdout as NodeJS.ReadableStream, 'data');
    await new Promise((resolve) => setTimeout(resolve, 200)); // what lasts for less than a reading can't be seen
    eater.kill('SIGKILL');
    await once(eater, 'exit');
    await new Promise((resolve) => setTimeout(resolve, 300)); // its memory is back, and what was seen is no longer new
    child.stdin?.write('.');
    await exited;
    const [edge] = text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { type: string; headroomBytes: number; lateMs: number });
    expect(edge?.type).toBe('critical');
    expect(edge?.headroomBytes).toBeLessThan(64 * MiB);
    expect(edge?.lateMs).toBeGreaterThan(100);
  });

  it('tells of memory that another process takes, and lets the program end by itself', async () => {
    const group = createControlGroup(512 * MiB);
    const child = group.spawn([process.execPath, '--input-type=module', '-e', PROGRAM('process.stdin.resume();')]);
    let text = '';
    child.stdout?.on('data', (data) => {
      text += data;
    });
    await expect.poll(() => text, { timeout: 10_000 }).toContain('watching');
    const eater = eat(group, 430 * MiB);
    await expect.poll(() => text, { timeout: 10_000 }).toContain('critical');
    eater.kill('SIGKILL');
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe.runIf(threads)('threads that end', () => {
  it('in the middle of watching, a hundred times, leave the process and nothing else behind', async () => {
    const { code, stdout, stderr } = await runProgram(
      `
      const { Worker } = await import('node:worker_threads');
      const { readdirSync } = await import('node:fs');
      const program = ${JSON.stringify(`
        const { parentPort, workerData } = await import('node:worker_threads');
        const { withMemoryGuard } = await import(workerData);
          const sdk = { loadModel: async () => ({ dispose: async () => {} }) };
          const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: 'process' });
          globalThis.model = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
          parentPort.postMessage('watching');
          for (;;) await new Promise((resolve) => setImmediate(() => resolve(nexa.guard.status())));
      `)};
      const one = () => new Promise((resolve, reject) => {
        const worker = new Worker(program, { eval: true, workerData: ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)} });
        worker.on('error', reject);
        worker.once('message', () => worker.terminate().then(resolve));
      });
      await one();
      const before = readdirSync('/proc/self/fd').length;
      for (let round = 0; round < 100; round++) await one();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      console.log(readdirSync('/proc/self/fd').length - before);
    `,
      { timeoutMs: 110_000 },
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(Number(stdout)).toBeLessThan(10);
  }, 120_000);

  it('with the process, however that ends', async () => {
    const program = (end: string) =>
      spawn(process.execPath, [
        '--input-type=module',
        '-e',
        `import { withMemoryGuard } from '${new URL('../../../dist/index.js', import.meta.url).href}';
         const nexa = withMemoryGuard({ loadModel: async () => ({}) }, { minFreeRatioAfterLoad: 0, minFreeBytes: 0 });
         const model = await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });
         ${end}`,
      ]);
    expect(await once(program('process.exit(3)'), 'exit')).toEqual([3, null]);
    expect(await once(program(''), 'exit')).toEqual([0, null]);
    expect((await once(program('process.abort()'), 'exit'))[1]).toBe('SIGABRT');
  });
});
