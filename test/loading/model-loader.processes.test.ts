/** Models that live in scripted processes: what their end tells, what is learned of it, and how they are loaded again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { MODEL_PROCESS_BYTES } from '../../src/loading/process-load.ts';
import { settled } from '../support/fake-sdk.ts';
import { guardScripted, type ScriptedOptions } from '../support/scripted-processes.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const sized = (mib: number, more: object = {}) => ({ memoryGuard: { footprint: mib * MiB, ...more } });

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** Two quantizations of one model. */
const offers: ScriptedOptions['offers'] = async () =>
  (['Q4_K_M', 'Q4_0'] as const).map((quantization) => ({ quantization, modelPath: files.model(quantization) }));

describe('a model whose process was killed', () => {
  it('is told with who did it, and nothing is promised to it any more', async () => {
    const { rooms, load, processes, killed, entries } = guardScripted();
    await load('one', sized(100));
    await load('other', sized(50));
    const [one] = processes;
    one?.end({ signal: 'SIGKILL' });
    await settled();
    expect(killed()).toMatchObject([
      {
        model: 'one',
        pid: one?.pid,
        signal: 'SIGKILL',
        byKernel: false,
        hung: false,
        heldBytes: 10 * MiB,
        need: { anonymousBytes: 100 * MiB },
        reloads: false,
      },
    ]);
    expect(entries().map(({ label }) => label)).toEqual(['other']);
    expect(rooms.models.list().map(({ name }) => name)).toEqual(['other']);
    rooms.close();
  });

  it('is told neither as unloaded nor as evicted, and not at all if its end was asked for', async () => {
    const { rooms, load, processes, events, clock } = guardScripted();
    const [one, other] = [await load('one', sized(1)), await load('other', sized(1))];
    processes[0]?.end({ exitCode: 1 });
    await other.dispose();
    await clock.advanceAsync(1000);
    const told = events.map(({ type }) => type).filter((type) => type !== 'admitted' && type !== 'loaded');
    expect(told).toEqual(['killed', 'unloaded']);
    await one.dispose();
    expect(events.filter(({ type }) => type === 'killed')).toHaveLength(1);
    rooms.close();
  });

  it('is told as unloaded if its SDK ended the process past the guard', async () => {
    const { rooms, load, processes, events, clock, entries } = guardScripted();
    await load('one', sized(1));
    processes[0]?.end({ asked: true, signal: 'SIGKILL' });
    await settled();
    expect(entries()).toEqual([]);
    await clock.advanceAsync(1000);
    expect(events.at(-1)).toMatchObject({ type: 'unloaded', model: 'one' });
    rooms.close();
  });

  it('lets loads that wait look again', async () => {
    const { rooms, load, processes, clock } = guardScripted();
    await load('one', sized(10 * 1024));
    const waiting = load('other', sized(10 * 1024, { wait: true }));
    await clock.advanceAsync(100);
    expect(rooms.models.size).toBe(1);
    processes[0]?.end({ exitCode: 1 });
    await clock.advanceAsync(1000);
    await waiting;
    expect(rooms.models.list().map(({ name }) => name)).toEqual(['other']);
    rooms.close();
  });

  it('is each model of a process that several share, all by the same scope', async () => {
    const { rooms, load, processes, killed, entries } = guardScripted({ shared: true });
    await load('one', sized(100));
    await load('other', sized(50));
    processes[0]?.killedBy({ path: '/a' });
    await settled();
    expect(killed().map(({ model, byKernel, scope }) => [model, byKernel, scope?.path])).toEqual([
      ['one', true, '/a'],
      ['other', true, '/a'],
    ]);
    expect(entries()).toEqual([]);
    rooms.close();
  });

  it('is told where nobody knows what it held, and its promise is settled by its first call there', async () => {
    const { rooms, load, processes, killed, promisedBytes } = guardScripted({ readable: false });
    const model = await load('one', sized(100));
    expect(rooms.models.list()[0]).toMatchObject({ pid: processes[0]?.pid });
    expect(rooms.models.list()[0]).not.toHaveProperty('heldBytes');
    expect(promisedBytes()).toBe(100 * MiB);
    await model.generate();
    expect(promisedBytes()).toBe(0);
    processes[0]?.end({ signal: 'SIGKILL' });
    await settled();
    expect(killed()).toHaveLength(1);
    expect(killed()[0]).not.toHaveProperty('heldBytes');
    rooms.close();
  });
});

describe('the list of models', () => {
  it('has what the process holds and maps now', async () => {
    const { rooms, load, processes } = guardScripted();
    await load('one', sized(100));
    const [process] = processes;
    process!.heldBytes = 33 * MiB;
    process!.files = [
      { key: 'a', bytes: 5 },
      { key: 'b', bytes: 6 },
    ];
    expect(rooms.models.list()[0]).toMatchObject({ pid: process?.pid, heldBytes: 33 * MiB, mappedBytes: 11 });
    process!.files = undefined;
    expect(rooms.models.list()[0]).not.toHaveProperty('mappedBytes');
    rooms.close();
  });
});

describe('a promise to a model in a process', () => {
  it('is paid by what that holds, also after a call, and rises again as it shrinks', async () => {
    const { rooms, load, processes, promisedBytes } = guardScripted();
    const model = await load('one', sized(100));
    processes[0]!.heldBytes = 30 * MiB;
    await model.generate();
    expect(promisedBytes()).toBe(70 * MiB);
    processes[0]!.heldBytes = 90 * MiB;
    rooms.status.read(true);
    expect(promisedBytes()).toBe(10 * MiB);
    rooms.close();
  });

  it('is gone with a load that fails, which is told of by its own error alone', async () => {
    const { rooms, load, during, entries, events, clock } = guardScripted();
    during.run = (process) => {
      process.end({ signal: 'SIGKILL', asked: true });
      throw new MemoryGuardError('ERR_MODEL_FILE', 'bad file');
    };
    await expect(load('one', sized(100))).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    during.run = (process) => {
      process.end({ signal: 'SIGABRT' });
      throw new MemoryGuardError('ERR_RUNTIME', 'the engine said why');
    };
    await expect(load('one', sized(100))).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await settled();
    expect(entries()).toEqual([]);
    expect(events.map(({ type }) => type)).not.toContain('killed');
    rooms.close();
    expect(clock.pending).toBe(0);
  });
});

describe('a kill by the kernel', () => {
  const need = async (guarded: ReturnType<typeof guardScripted>) =>
    (await guarded.rooms.loader.plan(['m', { quantization: 'Q4_0', contextSize: 256 }])).candidates[0]!.need;
  const ask = { quantization: 'Q4_0', contextSize: 256 };

  it('is learned: the next load of the same is promised what was too little', async () => {
    const guarded = guardScripted({ offers });
    const before = await need(guarded);
    await guarded.load('m', ask);
    const [process] = guarded.processes;
    process!.heldBytes = 500 * MiB;
    guarded.rooms.models.list();
    process!.killedBy();
    await settled();
    expect((await need(guarded)).anonymousBytes).toBe(490 * MiB + MODEL_PROCESS_BYTES);
    expect(before.anonymousBytes).toBeLessThan(200 * MiB);
    expect((await need(guarded)).mappedBytes).toBe(before.mappedBytes);
    expect(guarded.killed()).toMatchObject([{ byKernel: true, heldBytes: 500 * MiB }]);
    guarded.rooms.close();
  });

  it('is learned of a load too, which is told', async () => {
    const guarded = guardScripted({ offers });
    guarded.during.run = async (process) => {
      process.heldBytes = 400 * MiB;
      guarded.clock.advance(25);
      process.killedBy({ path: '/a' });
      // As an SDK that waits for what the engine has printed.
      await settled();
      throw new MemoryGuardError('ERR_MODEL_KILLED', 'killed');
    };
    await expect(guarded.load('m', ask)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(guarded.killed()).toMatchObject([{ model: 'm', byKernel: true, scope: { path: '/a' }, reloads: false }]);
    expect(guarded.entries()).toEqual([]);
    // And what a call takes beside, which the load had not come to.
    expect((await need(guarded)).anonymousBytes).toBeGreaterThan(390 * MiB + MODEL_PROCESS_BYTES);
    expect((await need(guarded)).anonymousBytes).toBeLessThan(445 * MiB);
    guarded.rooms.close();
  });

  it('teaches nothing if it was by somebody else, or of a process that several models share', async () => {
    for (const [shared, byKernel] of [
      [false, false],
      [true, true],
    ]) {
      const guarded = guardScripted({ offers, shared: shared! });
      const { processes, recorded } = guarded;
      await guarded.load('m', ask);
      const known = recorded.length;
      processes[0]!.heldBytes = 500 * MiB;
      guarded.rooms.models.list();
      if (byKernel) processes[0]?.killedBy();
      else processes[0]?.end({ signal: 'SIGKILL' });
      await settled();
      expect(guarded.killed()).toHaveLength(1);
      expect(recorded).toHaveLength(known);
      guarded.rooms.close();
    }
  });
});

describe('a model that is to be loaded again', () => {
  it('is loaded by the next call on its handle, as it was', async () => {
    const { rooms, load, processes, killed, calls } = guardScripted({ offers, onKilled: 'reload' });
    const model = await load('m', { quantization: 'Q4_K_M', contextSize: 256 });
    expect(await model.generate()).toBe(`from ${processes[0]?.pid}`);
    processes[0]?.end({ exitCode: 1 });
    await settled();
    expect(killed()).toMatchObject([{ reloads: true }]);
    expect(processes).toHaveLength(1);
    expect(await model.generate()).toBe(`from ${processes[1]?.pid}`);
    expect(calls[1]).toEqual(calls[0]);
    await model.dispose();
    expect(rooms.models.size).toBe(0);
    rooms.close();
  });

  it('is loaded smaller: with less context, then from the smaller file', async () => {
    const { rooms, load, processes, killed, calls } = guardScripted({ offers, onKilled: 'reload-smaller' });
    const model = await load('m', { quantization: 'Q4_K_M', contextSize: { min: 1024, max: 4096 } });
    const loaded = () => {
      const [{ quantization, contextSize } = {} as never] = rooms.models.list();
      return [quantization, contextSize];
    };
    expect(loaded()).toEqual(['Q4_K_M', 4096]);
    const needs = [rooms.models.list()[0]!.need.anonymousBytes];
    for (let kill = 0; kill < 3; kill++) {
      processes.at(-1)?.end({ exitCode: 1 });
      await settled();
      await model.generate();
      needs.push(rooms.models.list()[0]!.need.anonymousBytes);
    }
    for (let step = 1; step < 3; step++) expect(needs[step]).toBeLessThan(needs[step - 1]!);
    expect(calls).toHaveLength(4);
    expect(killed().map(({ reloads }) => reloads)).toEqual([true, true, true]);
    processes.at(-1)?.end({ exitCode: 1 });
    await settled();
    expect(killed().at(-1)).toMatchObject({ reloads: false });
    await model.generate(); // the SDK's own object answers, as it does for a model that is gone
    expect(calls).toHaveLength(4);
    rooms.close();
  });

  it('is loaded again once more after ten minutes', async () => {
    const { rooms, load, processes, clock, calls } = guardScripted({ onKilled: 'reload' });
    const model = await load('m', sized(1));
    for (let kill = 0; kill < 3; kill++) {
      processes.at(-1)?.end({ exitCode: 1 });
      await settled();
      await model.generate();
    }
    clock.advance(10 * 60_000);
    processes.at(-1)?.end({ exitCode: 1 });
    await settled();
    await model.generate();
    expect(calls).toHaveLength(5);
    rooms.close();
  });

  it('is not loaded again for a call on a guard that was closed', async () => {
    const { rooms, load, processes, calls } = guardScripted({ onKilled: 'reload' });
    const model = await load('m', sized(1));
    rooms.close();
    expect(await model.generate()).toBe(`from ${processes[0]?.pid}`);
    processes[0]?.end({ exitCode: 1 });
    await settled();
    await expect(model.generate()).rejects.toMatchObject({ code: 'ERR_GUARD_CLOSED' });
    expect(calls).toHaveLength(1);
  });
});

describe('an idle model in a process', () => {
  it('is evicted as any other, told as that alone, and loaded again', async () => {
    const { rooms, load, events, clock, processes } = guardScripted({ evict: 'idle', reload: true });
    const one = await load('one', sized(10 * 1024));
    const loading = load('other', sized(10 * 1024));
    await clock.advanceAsync(1000);
    const other = await loading;
    expect(rooms.models.list().map(({ name }) => name)).toEqual(['other']);
    const call = one.generate();
    await clock.advanceAsync(1000);
    expect(await call).toBe(`from ${processes[2]?.pid}`);
    expect(events.map(({ type }) => type)).not.toContain('killed');
    expect(events.filter(({ type }) => type === 'evicted')).toHaveLength(2);
    await Promise.all([one.dispose(), other.dispose()]);
    rooms.close();
  });
});
