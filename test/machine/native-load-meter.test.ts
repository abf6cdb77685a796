/** What a load is seen to take, by the addon's own meter in this process, and what of it is JavaScript's. Needs `npm run build:native`. */
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NativeLoadMeter } from '../../src/addon/addon.ts';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import type { ModelMemory } from '../../src/core/types.ts';
import { openLoadMeter } from '../../src/machine/native-load-meter.ts';
import { trimHeap } from '../../src/machine/release-memory.ts';

/** What is used of it here. */
interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
const { Memory } = (
  globalThis as unknown as {
    readonly WebAssembly: { readonly Memory: new (options: { initial: number }) => WebAssemblyMemory };
  }
).WebAssembly;

const Meter = loadAddon()?.LoadMeter;
if (!Meter) console.warn('What a load takes is not metered: the addon is not built, or this is no Linux.');

/** What belongs to no load moves by less: allocators, stacks, code. */
const NOISE = 8 * MiB;
/** All that is taken here lives until the test is over. */
const kept: unknown[] = [];

/** Runs a thread whose memory is native for this one: it answers each size by touching so much of its own. */
async function startTaker() {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const kept = [];
    parentPort.on('message', ({ bytes, heap }) => {
      if (heap) for (let at = 0; at < bytes / 8e6; at++) kept.push(Array.from({ length: 1e6 }, (_, index) => index + at + 0.5));
      else kept.push(Buffer.alloc(bytes, 1));
      parentPort.postMessage('done');
    });
    parentPort.postMessage('here');`,
    { eval: true, execArgv: [] },
  );
  const answered = () => new Promise((resolve) => worker.once('message', resolve));
  await answered();
  onTestFinished(async () => void (await worker.terminate()));
  return (bytes: number, heap = false) => {
    worker.postMessage({ bytes, heap });
    return answered();
  };
}

/** What a window is seen to take in which this runs. */
async function meter(act: () => unknown, memory: ModelMemory = 'native'): Promise<number> {
  const opened = openLoadMeter(memory)!;
  try {
    await act();
    await opened.look();
    return opened.readTakenBytes()!;
  } finally {
    opened.close();
  }
}

const growHeap = (bytes: number) => {
  for (let at = 0; at < bytes / 8e6; at++) kept.push(Array.from({ length: 1e6 }, (_, index) => index + at + 0.5));
};

describe.skipIf(!Meter)('a load of native memory', () => {
  it('takes what native code touches', async () => {
    const take = await startTaker();
    const takenBytes = await meter(() => take(96 * MiB));
    expect(Math.abs(takenBytes - 96 * MiB)).toBeLessThan(NOISE);
  });

  it('takes nothing of what was touched before it', async () => {
    const take = await startTaker();
    await take(96 * MiB);
    expect(await meter(() => {})).toBeLessThan(NOISE);
  });

  it('takes nothing of the heap of this thread or of a worker', async () => {
    const take = await startTaker();
    expect(await meter(() => growHeap(96 * MiB))).toBeLessThan(NOISE);
    expect(await meter(() => take(96 * MiB, true))).toBeLessThan(NOISE);
  });

  it('takes nothing of array buffers or memories of WebAssembly of this thread', async () => {
    const take = await startTaker();
    const takenBytes = await meter(async () => {
      kept.push(Buffer.alloc(96 * MiB, 1), touchWebAssembly(64 * MiB));
      await take(32 * MiB);
    });
    expect(Math.abs(takenBytes - 32 * MiB)).toBeLessThan(NOISE);
  });

  it('takes what it touches in the place of array buffers that were collected while it ran', async () => {
    const take = await startTaker();
    let before: unknown = Buffer.alloc(96 * MiB, 1);
    expect(before).toHaveLength(96 * MiB);
    const opened = openLoadMeter('native')!;
    before = undefined;
    const held = () => process.memoryUsage().arrayBuffers;
    const heldBytes = held();
    await vi.waitFor(() => {
      globalThis.gc?.();
      expect(held()).toBeLessThan(heldBytes - 64 * MiB);
    });
    await opened.look();
    await take(64 * MiB);
    await opened.look();
    expect(Math.abs(opened.readTakenBytes()! - 64 * MiB)).toBeLessThan(NOISE);
    opened.close();
  });

  it('takes nothing while another load runs, and its own before and after that', async () => {
    const take = await startTaker();
    const first = openLoadMeter('native')!;
    await take(16 * MiB);
    const other = openLoadMeter('native')!;
    await take(64 * MiB);
    await other.look();
    expect(other.readTakenBytes()).toBe(0);
    other.close();
    await take(32 * MiB);
    await first.look();
    expect(Math.abs(first.readTakenBytes()! - 48 * MiB)).toBeLessThan(NOISE);
    first.close();
  });

  it('has moved once it has taken something, and not before', async () => {
    const take = await startTaker();
    const opened = openLoadMeter('native')!;
    await take(32 * MiB);
    expect(opened.moved()).toBe(true);
    opened.close();
    const still: boolean[] = [];
    // V8 may map a page of its heap at any moment.
    for (let attempt = 0; attempt < 5 && !still.includes(false); attempt++) {
      const quiet = openLoadMeter('native')!;
      still.push(quiet.moved());
      quiet.close();
    }
    expect(still).toContain(false);
  });

  it('takes nothing back that it has freed', async () => {
    const opened = openLoadMeter('javascript')!;
    let model: unknown = Buffer.alloc(96 * MiB, 1);
    await opened.look();
    expect(opened.readTakenBytes()).toBeGreaterThan(96 * MiB - NOISE);
    expect(model).toHaveLength(96 * MiB);
    model = undefined;
    await vi.waitFor(async () => {
      globalThis.gc?.();
      await opened.look();
      expect(opened.readTakenBytes()).toBeLessThan(NOISE);
    });
    opened.close();
  });
});

describe.skipIf(!Meter)('a load of a model that lives in JavaScript', () => {
  it('takes the array buffers and memories of WebAssembly that it touches', async () => {
    const buffers = await meter(() => kept.push(Buffer.alloc(96 * MiB, 1)), 'javascript');
    expect(Math.abs(buffers - 96 * MiB)).toBeLessThan(NOISE);
    const memory = await meter(() => kept.push(touchWebAssembly(64 * MiB)), 'javascript');
    expect(Math.abs(memory - 64 * MiB)).toBeLessThan(NOISE);
  });

  it('takes a memory of WebAssembly that was there before and grows', async () => {
    const memory = new Memory({ initial: 16 });
    kept.push(memory);
    const takenBytes = await meter(() => {
      memory.grow(1024);
      new Uint8Array(memory.buffer).fill(1);
    }, 'javascript');
    expect(Math.abs(takenBytes - 64 * MiB)).toBeLessThan(NOISE);
  });

  it('takes nothing of what it does not touch', async () => {
    const untouched = () => kept.push(new ArrayBuffer(96 * MiB), new Memory({ initial: 1024 }));
    expect(await meter(untouched, 'javascript')).toBeLessThan(NOISE);
  });

  it('takes nothing of native memory or of heaps', async () => {
    const take = await startTaker();
    const takenBytes = await meter(async () => {
      growHeap(32 * MiB);
      await take(32 * MiB);
      await take(32 * MiB, true);
    }, 'javascript');
    expect(takenBytes).toBeLessThan(NOISE);
  });
});

describe.skipIf(!Meter)('what a load has taken', () => {
  const place = () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-load-meter-'));
    const file = openSync(join(folder, 'slot'), 'w+');
    onTestFinished(() => {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    });
    const read = () => {
      const record = Buffer.alloc(16);
      expect(readSync(file, record, 0, 16, 32)).toBe(16);
      const [number, check, low, high] = [0, 4, 8, 12].map((at) => record.readUInt32LE(at)) as [
        number,
        number,
        number,
        number,
      ];
      expect(check).toBe((number ^ low ^ high) >>> 0);
      return { number, takenBytes: record.readDoubleLE(8) };
    };
    return { file, read };
  };

  it('is published as the meter sees it while JavaScript is blocked, and as it is told afterwards', async () => {
    const { file, read } = place();
    const opened = openLoadMeter('javascript')!;
    expect(opened.publishTo(file, 32, 4_000_000_000)).toBe(true);
    expect(read()).toEqual({ number: 4_000_000_000, takenBytes: 0 });
    kept.push(Buffer.alloc(96 * MiB, 1));
    // Nothing but the thread of the addon runs meanwhile.
    const untilMs = performance.now() + 10_000;
    while (read().takenBytes < 96 * MiB - NOISE && performance.now() < untilMs);
    expect(Math.abs(read().takenBytes - 96 * MiB)).toBeLessThan(NOISE);
    opened.blocked(false);
    opened.took(5);
    await opened.look();
    expect(read()).toEqual({ number: 4_000_000_000, takenBytes: 5 });
    opened.publishTo(file, 32, 7);
    expect(read()).toEqual({ number: 7, takenBytes: 5 });
    opened.close();
  });

  it('is not published where no file is', () => {
    const opened = openLoadMeter('native')!;
    expect(opened.publishTo(1_000_000, 0, 1)).toBe(false);
    opened.close();
  });
});

describe.skipIf(!Meter)('where this process has its memory', () => {
  /** `rw-p` ranges of smaps, with the flags that V8 gives its own: it is not copied to a child (`dc`) and not reserved (`nr`). */
  const readRanges = () =>
    [
      ...readFileSync('/proc/self/smaps', 'utf8').matchAll(
        /^([0-9a-f]+)-[0-9a-f]+ rw-p .* 0 *(\S*)\n[\s\S]*?^Rss: +(\d+)[\s\S]*?^VmFlags: (.*)$/gm,
      ),
    ].map(([, from, name, rssKiB, flags]) => ({
      from: Number.parseInt(from!, 16),
      heap: name === '[heap]',
      rssBytes: Number(rssKiB) * 1024,
      v8: /\bdc\b/.test(flags!),
    }));
  const ZONE_END = process.arch === 'x64' ? 2 ** 46 : 2 ** 38;

  it('V8 has its heaps in its own zone, and nobody else has memory there', async () => {
    const take = await startTaker();
    growHeap(64 * MiB);
    await take(64 * MiB, true);
    kept.push(
      Buffer.alloc(64 * MiB, 1),
      'x'.repeat(MiB).padEnd(16 * MiB, 'ab'),
      new Map(Array.from({ length: 1e5 }, (_, at) => [at, { at }])),
    );
    const ranges = readRanges();
    const sum = (of: (range: (typeof ranges)[number]) => boolean) =>
      ranges.filter(of).reduce((bytes, { rssBytes }) => bytes + rssBytes, 0);
    const inZone = ({ from, heap }: (typeof ranges)[number]) => from < ZONE_END && !heap;
    expect(sum((range) => range.v8 && inZone(range))).toBeGreaterThan(128 * MiB);
    expect(sum((range) => range.v8 && inZone(range))).toBeGreaterThan(getHeapStatistics().total_physical_size / 2);
    // Beside heaps, V8 maps memories of WebAssembly and array buffers that can be resized.
    const memories = kept.reduce(
      (bytes: number, each) => bytes + (each instanceof Memory ? each.buffer.byteLength : 0),
      0,
    );
    expect(sum((range) => range.v8 && !inZone(range))).toBeLessThan(memories + MiB);
    expect(sum((range) => !range.v8 && inZone(range))).toBeLessThan(MiB);
    expect(sum((range) => !range.v8 && !inZone(range))).toBeGreaterThan(64 * MiB);
  });
});

describe('a meter', () => {
  const fake = (nativeBytes: number, wasmBytes: number) =>
    class implements NativeLoadMeter {
      moved = () => true;
      look = async () => {};
      read(figures: Float64Array) {
        figures.set([nativeBytes, wasmBytes]);
      }
      blocked() {}
      took() {}
      publishTo = () => true;
      close() {}
    };

  it('is not there without the addon, or if the memory can’t be read', () => {
    expect(openLoadMeter('native', null as never)).toBeUndefined();
    const fails = class extends fake(0, 0) {
      constructor() {
        super();
        throw new Error('unreadable');
      }
    };
    expect(openLoadMeter('native', fails)).toBeUndefined();
  });

  it('tells nothing if addresses don’t tell whose memory it is', () => {
    expect(openLoadMeter('native', fake(Number.NaN, Number.NaN))!.readTakenBytes()).toBeUndefined();
    expect(openLoadMeter('javascript', fake(Number.NaN, Number.NaN))!.readTakenBytes()).toBeUndefined();
  });

  it('tells nothing while Node can’t tell what buffers hold, and again afterwards', () => {
    const meter = openLoadMeter('native', fake(100, 0))!;
    const asked = vi.spyOn(process, 'memoryUsage').mockImplementation(() => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    onTestFinished(() => asked.mockRestore());
    expect(meter.readTakenBytes()).toBeUndefined();
    asked.mockRestore();
    expect(meter.readTakenBytes()).toBeDefined();
  });

  it('counts no more for a model in JavaScript than buffers have grown by', () => {
    expect(openLoadMeter('javascript', fake(1e12, 1e12))!.readTakenBytes()).toBeLessThan(NOISE);
    expect(openLoadMeter('native', fake(1e12, 1e12))!.readTakenBytes()).toBeGreaterThan(1e12 - NOISE);
  });
});

function touchWebAssembly(bytes: number): WebAssemblyMemory {
  const memory = new Memory({ initial: bytes / 65_536 });
  new Uint8Array(memory.buffer).fill(1);
  return memory;
}

// The last of this file: what it leaves in the heap of this thread would be seen by others.
describe.skipIf(!Meter)('memory that was free in the heap of the main thread', () => {
  it('is taken by a load whose models live in JavaScript, as far as its buffers have grown', async () => {
    // Small enough to lie in the heap.
    const touch = () => Array.from({ length: 512 }, () => Buffer.alloc(96 * 1024, 1));
    const bytes = 512 * 96 * 1024;
    let freed: unknown[] = touch();
    kept.push(Buffer.alloc(96 * 1024, 1));
    const held = () => process.memoryUsage().arrayBuffers;
    const heldBytes = held();
    expect(freed).toHaveLength(512);
    await vi.waitFor(() => {
      freed = [];
      globalThis.gc?.();
      expect(held()).toBeLessThan(heldBytes - bytes / 2);
    });
    await trimHeap();
    const takenBytes = await meter(() => kept.push(touch()), 'javascript');
    expect(Math.abs(takenBytes - bytes)).toBeLessThan(NOISE);
  });
});
