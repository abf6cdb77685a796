/** Models that live in scripted processes: what is promised to them, and how they are loaded again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
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
