/** One guard for a whole program: several SDKs behind it, and calls of the program's own. */
import { describe, expect, it } from 'vitest';
import { GiB } from '../src/core/bytes.ts';
import { createMemoryGuard, type MemoryGuardOptions } from '../src/create-memory-guard.ts';
import { FakeMachine, FakeModel, FakeSDK, recordEvents, settled } from './support/fake-sdk.ts';
import { ManualClock } from './support/manual-clock.ts';

const sized = (gib: number, more: object = {}) => ({ memoryGuard: { footprint: gib * GiB, ...more } });

function makeGuard(options: MemoryGuardOptions = {}, machine = new FakeMachine(8 * GiB)) {
  const clock = new ManualClock();
  const guard = createMemoryGuard({ sensor: machine.sensor, clock, minFreeRatioAfterLoad: 0, ...options });
  return { guard, clock, machine, events: recordEvents(guard) };
}

describe('a guard without an SDK', () => {
  it('reads and is closed as any other', () => {
    const { guard } = makeGuard();
    expect(guard.snapshot().totalBytes).toBe(16 * GiB);
    expect(guard.models()).toEqual([]);
    guard.close();
    expect(() => guard.snapshot()).toThrow(expect.objectContaining({ code: 'ERR_GUARD_CLOSED' }));
    expect(() => guard.wrap(new FakeSDK())).toThrow(expect.objectContaining({ code: 'ERR_GUARD_CLOSED' }));
  });

  it('takes no adapter, and names itself in what is wrong with its options', () => {
    const code = 'ERR_INVALID_OPTION';
    expect(() => createMemoryGuard({ adapter: {} } as MemoryGuardOptions)).toThrow(
      expect.objectContaining({
        code,
        message:
          '`createMemoryGuard` knows no SDK yet, and so takes no `adapter`; pass it to `guard.wrap(sdk, adapter)`.',
      }),
    );
    expect(() => createMemoryGuard({ reloads: true } as MemoryGuardOptions)).toThrow(
      expect.objectContaining({
        code,
        message: 'Unknown option `reloads` of `createMemoryGuard`; did you mean `reload`?',
      }),
    );
  });
});

describe('several SDKs behind one guard', () => {
  it('count each other, and are told by one guard', async () => {
    const { guard, events } = makeGuard();
    const [one, two] = [guard.wrap(new FakeSDK()), guard.wrap(new FakeSDK())];
    expect([one.guard, two.guard]).toEqual([guard, guard]);
    await one.loadModel('first', sized(5));
    await expect(two.loadModel('second', sized(5))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await two.loadModel('small', sized(1));
    expect(guard.models().map(({ name }) => name)).toEqual(['first', 'small']);
    expect(events.flatMap((event) => ('model' in event ? [event.model] : []))).toContain('second');
  });

  it('evict for each other', async () => {
    const { guard, clock } = makeGuard({ evict: 'idle' });
    const [one, two] = [guard.wrap(new FakeSDK()), guard.wrap(new FakeSDK())];
    await one.loadModel('first', sized(5));
    const loading = two.loadModel('second', sized(5));
    await clock.advanceAsync(1000);
    await loading;
    expect(guard.models().map(({ name }) => name)).toEqual(['second']);
  });

  it('unload their own models only', async () => {
    const { guard } = makeGuard();
    const [one, two] = [guard.wrap(new FakeSDK()), guard.wrap(new FakeSDK())];
    await one.loadModel('m', sized(1));
    await two.loadModel('m', sized(1));
    await one.unloadModel('m');
    expect(guard.models()).toHaveLength(1);
    await one.dispose();
    expect(guard.models()).toHaveLength(1);
    await two.dispose();
    expect(guard.models()).toEqual([]);
  });

  it('are read by the adapter of each', async () => {
    const { guard } = makeGuard();
    const other = {
      readers: [] as unknown[],
      async open(path: string, size: number) {
        this.readers.push([path, size]);
        return { path, shut() {} };
      },
    };
    const wrapped = guard.wrap(Object.assign(other, { loadModel: other.open }), {
      loads: ['open'],
      readRequest: ([path, size]) => ({ name: String(path), memoryGuard: { footprint: Number(size) } }),
      withQuantization: (args) => args,
      disposers: ['shut'],
    });
    const usual = guard.wrap(new FakeSDK());
    await usual.loadModel('usual', sized(1));
    const reader = await wrapped.open('a.bin', 1 * GiB);
    expect(other.readers).toEqual([['a.bin', 1 * GiB]]);
    expect(guard.models().map(({ name }) => name)).toEqual(['usual', 'a.bin']);
    // Not among the methods that load.
    await wrapped.loadModel('b.bin', 1);
    expect(guard.models()).toHaveLength(2);
    reader.shut();
    expect(guard.models().map(({ name }) => name)).toEqual(['usual']);
  });

  it('are refused twice, by any guard, until theirs is closed', () => {
    const { guard } = makeGuard();
    const sdk = new FakeSDK();
    const wrapped = guard.wrap(sdk);
    for (const again of [sdk, wrapped]) {
      expect(() => makeGuard().guard.wrap(again)).toThrow(
        expect.objectContaining({ message: expect.stringContaining('guarded already') }),
      );
    }
    guard.close();
    expect(makeGuard().guard.wrap(wrapped).guard.models()).toEqual([]);
  });
});

describe('a load that is planned', () => {
  it('is read as that of the only SDK, of the one that is named, or without one in the usual way', async () => {
    const { guard } = makeGuard();
    expect((await guard.plan('usual', sized(1))).verdict).toBe('admit');
    const first = guard.wrap(new FakeSDK());
    expect((await guard.plan('only', sized(9))).verdict).toBe('refuse');
    const adapter = { readRequest: ([name]: readonly unknown[]) => ({ name: `other ${name}` }) };
    const second = guard.wrap(new FakeSDK(), { ...adapter });
    await expect(guard.plan('which')).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: 'Several SDKs are behind this guard; say whose load is planned: `guard.plan(name, options, sdk)`.',
    });
    expect((await guard.plan('m', sized(1), first)).model).toBe('m');
    await expect(guard.plan('m', {}, second)).rejects.toMatchObject({ message: expect.stringContaining("'other m'") });
    await expect(guard.plan('m', {}, new FakeSDK())).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('wrap it first'),
    });
  });
});

describe('a call that loads', () => {
  it('is let in, gives its model, and is counted until that is disposed', async () => {
    const { guard, machine, clock } = makeGuard();
    const raw = new FakeModel('m');
    const model = await guard.load({ name: 'm', footprint: 2 * GiB }, async (chosen) => {
      expect(chosen).toEqual({});
      expect(guard.headroomBytes()).toBe(machine.availableBytes - 2 * GiB);
      return raw;
    });
    expect(await model.generate()).toBe('text');
    expect(guard.models()).toMatchObject([{ name: 'm', need: { anonymousBytes: 2 * GiB } }]);
    await model.dispose();
    expect(raw.disposals).toBe(1);
    expect(guard.models()).toEqual([]);
    await clock.advanceAsync(1000);
    await expect(guard.load({ name: 'm', footprint: 9 * GiB }, () => raw)).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
  });

  it('goes down its own candidates, in their order', async () => {
    const { guard, events, clock } = makeGuard();
    const candidates = [
      { quantization: 'fp32', footprint: 12 * GiB, dtype: 32 },
      { quantization: 'fp16', footprint: 6 * GiB, dtype: 16 },
      { quantization: 'q8', footprint: 3 * GiB, dtype: 8 },
    ];
    const load = async (quantization?: string, more: object = {}) => {
      const given = { name: 'm', candidates, ...(quantization && { quantization }), ...more };
      const model = await guard.load(given, ({ candidate }) =>
        Object.assign(new FakeModel('m'), { dtype: candidate?.dtype }),
      );
      return model as typeof model & { readonly quantization?: string };
    };
    const first = await load();
    expect([first.dtype, first.quantization]).toEqual([16, 'fp16']);
    expect(events.find(({ type }) => type === 'downgraded')).toMatchObject({
      quantization: 'fp16',
      askedQuantization: 'fp32',
      message: expect.stringContaining('fp16'),
    });
    await first.dispose();
    await clock.advanceAsync(1000);
    expect((await load('q8')).dtype).toBe(8);
    await expect(load('fp32', { downgrade: false })).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    await expect(load('q4')).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_QUANTIZATION',
      message: "Expected `quantization` to be one of fp32, fp16, q8, got 'q4' (string).",
    });
  });

  it('whose need nobody knows is refused, unless the guard admits such', async () => {
    const load = (guard: ReturnType<typeof createMemoryGuard>) => guard.load({ name: 'm' }, () => new FakeModel('m'));
    const { guard } = makeGuard();
    await expect(load(guard)).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: expect.stringContaining('or its size as `footprint`, got'),
    });
    const { guard: admitting, events } = makeGuard({ unknownModels: 'admit' });
    await load(admitting);
    expect(events.find(({ type }) => type === 'degraded')).toMatchObject({ reason: 'unknown-model' });
  });

  it('is ended in its own way, by its user and by the guard', async () => {
    const { guard, clock } = makeGuard({ evict: 'idle' });
    const ended: string[] = [];
    const load = (name: string) =>
      guard.load({ name, footprint: 5 * GiB, dispose: (model) => ended.push(model.id) }, () => ({ id: name }));
    const first = await load('first');
    const loading = load('second');
    await clock.advanceAsync(1000);
    const second = await loading;
    expect([first.id, ended]).toEqual(['first', ['first']]);
    await second[Symbol.asyncDispose]();
    expect(ended).toEqual(['first', 'second']);
    expect(guard.models()).toEqual([]);
    const third = load('third');
    await clock.advanceAsync(1000);
    await (await third).dispose();
    expect(ended).toEqual(['first', 'second', 'third']);
  });

  it('comes back after its eviction, through the call and every rule', async () => {
    const { guard, clock } = makeGuard({ evict: 'idle', reload: true });
    const loaded: string[] = [];
    const load = (name: string) =>
      guard.load({ name, footprint: 5 * GiB }, async () => {
        loaded.push(name);
        return new FakeModel(name);
      });
    const first = await load('first');
    const loading = load('second');
    await clock.advanceAsync(1000);
    await loading;
    const call = first.generate();
    await clock.advanceAsync(1000);
    expect(await call).toBe('text');
    expect(loaded).toEqual(['first', 'second', 'first']);
  });

  it('may give a function, whose calls are the model’s', async () => {
    const { guard, clock } = makeGuard({ keepAliveMs: 1000 });
    let finish = (_text: string) => {};
    const model = await guard.load({ name: 'pipe', footprint: 1 * GiB, dispose() {} }, () => {
      return (prompt: string) => new Promise<string>((resolve) => (finish = (text) => resolve(prompt + text)));
    });
    const answer = model('a');
    await clock.advanceAsync(5000);
    expect(guard.models()).toHaveLength(1);
    finish('b');
    expect(await answer).toBe('ab');
    await clock.advanceAsync(5000);
    expect(guard.models()).toEqual([]);
  });

  it('that gives nothing is refused with that, though nothing can be ended', async () => {
    const { guard } = makeGuard();
    const dispose = (model: { close(): void }) => model.close();
    const load = guard.load({ name: 'm', footprint: 1 * GiB, dispose }, () => undefined as never);
    await expect(load).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('to give the model, got undefined; return an object'),
      cause: expect.any(TypeError),
    });
    expect(guard.models()).toEqual([]);
  });

  it('that gives no model is refused, and what it gave is ended', async () => {
    const { guard } = makeGuard();
    const ended: unknown[] = [];
    const load = guard.load({ name: 'm', footprint: 1 * GiB, dispose: (model) => ended.push(model) }, () => 7 as never);
    await expect(load).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: 'Expected the call that loads m to give the model, got 7 (number); return an object that stands for it.',
    });
    expect(ended).toEqual([7]);
    await settled();
    expect(guard.headroomBytes()).toBe(8 * GiB);
  });

  it('that throws leaves nothing reserved, and its error passes through', async () => {
    const { guard } = makeGuard();
    const error = new Error('mine');
    const load = guard.load({ name: 'm', footprint: 1 * GiB }, () => {
      throw error;
    });
    await expect(load).rejects.toBe(error);
    expect(guard.headroomBytes()).toBe(8 * GiB);
  });

  it('is only watched if loads are observed', async () => {
    const { guard, events } = makeGuard({ mode: 'observe' });
    const candidates = [
      { quantization: 'fp32', footprint: 12 * GiB },
      { quantization: 'q8', footprint: 3 * GiB },
    ];
    const model = await guard.load({ name: 'm', candidates }, ({ quantization, candidate }) => ({
      quantization,
      candidate,
    }));
    expect(model.candidate).toBe(candidates[0]);
    expect(events.find(({ type }) => type === 'downgraded')).toMatchObject({ quantization: 'q8' });
  });
});
