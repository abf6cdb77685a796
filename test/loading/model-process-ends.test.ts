/** Models in scripted processes that end: what is told, and what is learned. */
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

describe('a kill by the kernel', () => {
  const need = async (guarded: ReturnType<typeof guardScripted>) =>
    (await guarded.rooms.loader.plan(guarded.source, ['m', { quantization: 'Q4_0', contextSize: 256 }])).candidates[0]!
      .need;
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

  it('teaches nothing of a model that had touched all that it needs: a call brought along what was too much', async () => {
    const guarded = guardScripted({ offers, filledMicroBatch: true });
    const model = await guarded.load('m', ask);
    const [process] = guarded.processes;
    process!.heldBytes = 60 * MiB;
    await model.generate();
    const known = guarded.recorded.length;
    expect(guarded.recorded.at(-1)?.observation).toMatchObject({ full: true });
    process!.heldBytes = 500 * MiB;
    guarded.rooms.models.list();
    process!.killedBy();
    await settled();
    expect(guarded.killed()).toMatchObject([{ byKernel: true }]);
    expect(guarded.recorded).toHaveLength(known);
    guarded.rooms.close();
  });
});
