import { describe, expect, it } from 'vitest';
import type { UnloadCause } from '../../src/events/guard-events.ts';
import type { HeldModel } from '../../src/models/held-model.ts';
import { END_PATIENCE_MS, ModelEnds } from '../../src/models/model-ends.ts';
import { deferred, settled } from '../support/fake-sdk.ts';
import { makeHeldModel } from '../support/make-held-model.ts';
import { ManualClock } from '../support/manual-clock.ts';

const { signal: NEVER } = new AbortController();

/** Ends over a clock that only the test moves. A model that is gone is noted, and its memory is back when the test says so. */
function makeEnds() {
  const clock = new ManualClock();
  const told: string[] = [];
  const memory = deferred();
  const ends = new ModelEnds({
    clock,
    freeBytes: () => 77,
    watchKept: () => () => 5,
    gone(held, cause, { beforeBytes, countKept }) {
      if (countKept?.() !== 5) told.push('nobody looked before');
      held.life.finish(cause);
      told.push(`${held.facts.name} gone by ${cause}, before ${beforeBytes}`);
      return memory.promise;
    },
    kept: ({ facts }, cause) => void told.push(`${facts.name} kept by ${cause}`),
    unevicted: ({ facts }, error) => void told.push(`${facts.name}: ${(error as Error).message}`),
  });
  const run = (held: HeldModel | readonly HeldModel[], call: () => unknown, cause: UnloadCause = 'unloaded') =>
    ends.run([held].flat(), cause, call);
  return { ends, clock, told, memory, run };
}

const named = (name: string) => makeHeldModel({ name });

describe('an end', () => {
  it('gives what the SDK returns, at once if that is no promise', () => {
    const { run, told } = makeEnds();
    expect(run(named('m'), () => 'done')).toBe('done');
    expect(told).toEqual(['m gone by unloaded, before 77']);
  });

  it('passes on what the SDK throws, and the model stays', async () => {
    const { run, told } = makeEnds();
    const [error, held] = [new Error('cannot'), named('m')];
    const fails = (): never => {
      throw error;
    };
    expect(() => run(held, fails)).toThrow(error);
    await expect(run(held, async () => fails())).rejects.toBe(error);
    expect(told).toEqual(['m kept by unloaded', 'm kept by unloaded']);
    expect(held.life.alive).toBe(true);
  });

  it('counts the first answer of an SDK that gives two', async () => {
    const { run, told } = makeEnds();
    const answer = (yes: (value: string) => void, no: (error: Error) => void) => [yes('done'), no(new Error('late'))];
    const twice = Object.fromEntries([['then', answer]]);
    expect(await run(named('m'), () => twice)).toBe('done');
    expect(told).toEqual(['m gone by unloaded, before 77']);
  });

  it('of no model is only passed on', () => {
    const { ends, run } = makeEnds();
    const hung = new Promise(() => {});
    expect(run([], () => hung)).toBe(hung);
    expect(ends.running).toBe(false);
  });

  it('runs until the memory of all its models is seen to be back', async () => {
    const { ends, run, memory, told } = makeEnds();
    const models = [named('a'), named('b')];
    const { promise, resolve } = deferred();
    run(models, () => promise);
    expect(models.map(({ life }) => life.alive)).toEqual([false, false]);
    resolve();
    await settled();
    expect(told).toEqual(['a gone by unloaded, before 77', 'b gone by unloaded, before 77']);
    expect(ends.running).toBe(true);
    expect(models.map(({ life }) => life.end)).toEqual([undefined, undefined]);
    memory.resolve();
    await settled();
    expect(ends.running).toBe(false);
  });
});

describe('an end that the guard chose', () => {
  it('is told if it fails, sync or async', async () => {
    const { ends, told } = makeEnds();
    const fails = (): never => {
      throw new Error('cannot');
    };
    ends.runOwn(named('sync'), 'memory', fails);
    ends.runOwn(named('async'), 'memory', async () => fails());
    await settled();
    expect(told.sort()).toEqual(['async kept by memory', 'async: cannot', 'sync kept by memory', 'sync: cannot']);
  });

  it('is told once if it takes too long, and leaves no timer if it does not, or is told no more', async () => {
    const { ends, told, clock } = makeEnds();
    ends.runOwn(named('quick'), 'memory', async () => {});
    await settled();
    expect(clock.pending).toBe(0);
    told.length = 0;
    ends.runOwn(named('slow'), 'memory', () => new Promise(() => {}));
    clock.advance(2 * END_PATIENCE_MS);
    expect(told).toEqual(['slow: its disposal is not done after 10 s, and is waited for no more']);
    ends.runOwn(named('other'), 'memory', () => new Promise(() => {}));
    ends.close();
    expect(clock.pending).toBe(0);
  });
});

describe('joining an end', () => {
  it('gives what the caller of the first one gets', async () => {
    const { ends, run } = makeEnds();
    const held = named('m');
    const first = run(held, async () => 'done');
    expect(await Promise.all([first, ends.join(held, () => 'again')])).toEqual(['done', 'done']);
  });

  it.each(['unloaded', 'memory'] as const)('gives nothing if it hangs and another end is done (%s)', async (cause) => {
    const { ends, run, clock } = makeEnds();
    const held = named('m');
    run(held, () => new Promise(() => {}), cause);
    const joined = ends.join(held, () => 'again');
    clock.advance(END_PATIENCE_MS);
    ends.runWhole([held], () => 'done');
    expect(await joined).toBeUndefined();
  });

  it('within the very call of the SDK gives nothing', () => {
    const { ends, run } = makeEnds();
    const held = named('m');
    expect(run(held, () => ends.join(held, () => 'again'))).toBeUndefined();
  });

  it('that the guard chose gives nothing if the model is gone, and begins anew if it is not', async () => {
    const { ends } = makeEnds();
    const [going, staying] = [named('going'), named('staying')];
    ends.runOwn(going, 'memory', async () => 'done');
    ends.runOwn(staying, 'memory', () => Promise.reject(new Error('cannot')));
    expect(await Promise.all([going, staying].map((held) => ends.join(held, () => 'again')))).toEqual([
      undefined,
      'again',
    ]);
  });
});

describe('an end of the SDK as a whole', () => {
  it('is known while it runs, also if it ends no model that is registered', async () => {
    const { ends } = makeEnds();
    const { promise, resolve } = deferred();
    const end = ends.runWhole([], () => promise);
    expect(ends.listWholes()).toMatchObject([{ cause: 'unloaded', recent: true }]);
    expect(ends.running).toBe(false); // no memory comes back by it
    resolve();
    await end;
    expect(ends.listWholes()).toEqual([]);
  });
});

describe('an end that was given up', () => {
  it('makes its model gone when it is done after all, whatever ends it now', async () => {
    const { ends, run, told, clock } = makeEnds();
    const held = named('m');
    const first = deferred();
    run(held, () => first.promise);
    clock.advance(END_PATIENCE_MS);
    const second = deferred();
    const whole = ends.runWhole([held], () => second.promise);
    first.resolve();
    await settled();
    expect(held.life.gone).toBe(true);
    second.resolve();
    await whole;
    expect(told).toEqual(['m gone by unloaded, before 77']);
  });

  it('is the end of its model again if the later one fails', async () => {
    const { ends, run, told, clock } = makeEnds();
    const held = named('m');
    const first = deferred();
    run(held, () => first.promise);
    const { end } = held.life;
    clock.advance(END_PATIENCE_MS);
    await expect(ends.runWhole([held], () => Promise.reject(new Error('cannot')))).rejects.toThrow('cannot');
    expect(held.life.end).toBe(end);
    expect(told).toEqual([]);
    first.resolve();
    await settled();
    expect(told).toEqual(['m gone by unloaded, before 77']);
  });

  it('changes nothing if it fails while another one runs', async () => {
    const { ends, run, told, clock } = makeEnds();
    const held = named('m');
    const first = deferred();
    const failing = run(held, () => first.promise) as Promise<void>;
    clock.advance(END_PATIENCE_MS);
    void ends.runWhole([held], () => new Promise(() => {}));
    first.reject(new Error('cannot'));
    await expect(failing).rejects.toThrow('cannot');
    expect([held.life.alive, held.life.gone]).toEqual([false, false]);
    expect(told).toEqual([]);
  });
});

describe('waiting for an end', () => {
  it('is over with the first one, and leaves no timer', async () => {
    const { ends, run, memory, clock } = makeEnds();
    run(named('slow'), () => new Promise(() => {}));
    run(named('quick'), async () => {});
    let woken = false;
    const waits = ends.waitForOne(NEVER).then(() => {
      woken = true;
    });
    await settled();
    expect(woken).toBe(false); // its memory is not back
    memory.resolve();
    await waits;
    expect(clock.pending).toBe(0);
  });

  it('is over when the oldest one took too long, then it runs no more for those who wait', async () => {
    const { ends, run, clock } = makeEnds();
    const [old, young] = [named('old'), named('young')];
    run(old, () => new Promise(() => {}));
    clock.advance(1000);
    run(young, () => new Promise(() => {}));
    const waits = ends.waitForOne(NEVER);
    clock.advance(END_PATIENCE_MS - 1000);
    await waits;
    expect([old.life.end?.recent, young.life.end?.recent, ends.running]).toEqual([false, true, true]);
    clock.advance(1000);
    expect(ends.running).toBe(false);
    await ends.waitForOne(NEVER); // for nothing
    expect(clock.pending).toBe(0);
  });

  it('can be given up', async () => {
    const { ends, run, clock } = makeEnds();
    run(named('m'), () => new Promise(() => {}));
    const controller = new AbortController();
    const waits = ends.waitForOne(controller.signal);
    controller.abort('enough');
    await expect(waits).rejects.toBe('enough');
    await expect(ends.waitForOne(controller.signal)).rejects.toBe('enough');
    expect(clock.pending).toBe(0);
  });

  it('of several models is over with the last of them, or after a long time', async () => {
    const { ends, run, clock } = makeEnds();
    const models = [named('a'), named('b')];
    const ways = models.map((held) => {
      const { promise, resolve } = deferred();
      run(held, () => promise);
      return resolve;
    });
    let over = false;
    const waits = ends.whenOver(models.map(({ life }) => life.end!)).then(() => {
      over = true;
    });
    ways[0]?.();
    await settled();
    expect(over).toBe(false);
    ways[1]?.();
    await waits;
    run(named('hung'), () => new Promise(() => {}));
    const hung = named('hung');
    run(hung, () => new Promise(() => {}));
    const late = ends.whenOver([hung.life.end!]);
    clock.advance(END_PATIENCE_MS);
    await late;
    expect(clock.pending).toBe(0);
  });
});
