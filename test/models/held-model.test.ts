import { describe, expect, it } from 'vitest';
import { findDisposerName } from '../../src/models/held-model.ts';
import { collectUntil, FakeModel } from '../support/fake-sdk.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

describe('a held model', () => {
  it('is idle if nothing runs on it and nothing depends on it', () => {
    expect(makeHeldModel().idle).toBe(true);
  });

  it.each([
    ['a call runs', { callsInFlight: 1 }],
    ['something needs it', { holds: 1 }],
  ])('is not idle if %s', (_why, change) => {
    expect(Object.assign(makeHeldModel(), change).idle).toBe(false);
  });

  it('is not idle while an end of it runs, nor when it is gone', () => {
    const held = makeHeldModel();
    held.life.begin({ cause: 'unloaded', beforeBytes: undefined, over: Promise.resolve(), recent: true });
    expect(held.idle).toBe(false);
    held.life.survive();
    expect(held.idle).toBe(true);
    held.life.finish('unloaded');
    expect(held.idle).toBe(false);
  });

  it('is not idle while an end of the SDK as a whole runs that may be its end too', () => {
    const end = { cause: 'unloaded' as const, beforeBytes: undefined, over: Promise.resolve(), recent: true };
    const held = makeHeldModel();
    held.overlapping = [end];
    expect(held.idle).toBe(false);
    end.recent = false;
    expect(held.idle).toBe(true);
    end.recent = true;
    held.life.finish('unloaded');
    expect(held.end).toBeUndefined(); // there is nothing left to wait for
  });

  it('is never idle if it is pinned', () => {
    expect(makeHeldModel({ pinned: true }).idle).toBe(false);
  });
});

describe('the way to load a model again', () => {
  const [reload, reloadKilled] = [async () => 'evicted', async () => 'killed'];

  it('is that of an evicted one until its process was killed', async () => {
    const held = makeHeldModel({ reload, planReload: () => reloadKilled });
    expect(held.reload).toBe(reload);
    held.kill();
    expect(held.reload).toBe(reloadKilled);
  });

  it('is none once its process was killed, unless there is a plan for that', () => {
    for (const facts of [{ reload }, { reload, planReload: () => undefined }]) {
      const held = makeHeldModel(facts);
      held.kill();
      expect(held.reload).toBeUndefined();
    }
  });
});

describe('the way to end a model', () => {
  it('is the first of the named methods that it has, called on the model itself', async () => {
    const raw = Object.assign(new FakeModel('m'), { close: () => 'closed' });
    expect(makeHeldModel({ raw, disposers: ['free', 'close', 'dispose'] }).findDisposer()?.()).toBe('closed');
    await makeHeldModel({ raw, disposers: ['dispose', 'close'] }).findDisposer()?.();
    expect(raw.disposals).toBe(1);
  });

  it.each([[{}], [{ dispose: 'no method' }], [{ free() {} }], ['id-1'], [undefined]])('is none of %j', (raw) => {
    expect(makeHeldModel({ raw }).findDisposer()).toBeUndefined();
  });

  it('is not one whose getter throws', () => {
    const raw = {
      get dispose(): () => string {
        throw new Error('not ready');
      },
      unload: () => 'unloaded',
    };
    expect(makeHeldModel({ raw, disposers: ['dispose', 'unload'] }).findDisposer()?.()).toBe('unloaded');
    expect(makeHeldModel({ raw, disposers: ['dispose'] }).findDisposer()).toBeUndefined();
  });

  it('has a name, which may be a symbol', () => {
    const raw = { [Symbol.asyncDispose]: async () => {} };
    expect(findDisposerName(raw, ['dispose', Symbol.asyncDispose])).toBe(Symbol.asyncDispose);
    expect(findDisposerName(raw, ['dispose'])).toBeUndefined();
  });
});

describe('the object of the SDK', () => {
  const holdNew = (weak: boolean) => (() => makeHeldModel({ raw: new FakeModel('m'), weak }))();

  it('is kept alive by a model that is held strongly', async () => {
    const held = holdNew(false);
    expect(await collectUntil(() => held.raw === undefined)).toBe(false);
    expect(held.raw).toBeInstanceOf(FakeModel);
  });

  it('can be collected if it is held weakly, and has no way to end any more', async () => {
    const held = holdNew(true);
    expect(held.findDisposer()).toBeTypeOf('function');
    expect(await collectUntil(() => held.raw === undefined)).toBe(true);
    expect(held.findDisposer()).toBeUndefined();
  });

  it('is kept if it is no object, which can’t be collected', () => {
    expect(makeHeldModel({ raw: 'id-1', weak: true }).raw).toBe('id-1');
  });
});
