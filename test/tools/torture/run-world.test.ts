/** Worlds of the torture run: sound ones hold, each invariant can be broken by an SDK or a guard that is wrong, and a seed replays. */
import { describe, expect, it } from 'vitest';
import { imagineStage } from '../../../tools/torture/imagined-stage.mjs';
import { seedOfWorld } from '../../../tools/torture/random-source.mjs';
import { runWorld } from '../../../tools/torture/run-world.mjs';

type Mutant = NonNullable<Parameters<typeof runWorld>[2]>['mutant'];
// biome-ignore lint/suspicious/noExplicitAny: a mutant stands in front of any object
type Any = any;

/** Runs worlds until one breaks, and gives the invariant that it broke. */
async function findBreach(mutant: NonNullable<Mutant>, wanted: string, worlds = 60): Promise<string | undefined> {
  for (let world = 0; world < worlds; world++) {
    const only = ({ invariant }: { invariant: string }) => invariant !== wanted;
    const { violation } = await runWorld(seedOfWorld(7, world), imagineStage(), { mutant, known: only });
    if (violation) return violation.invariant;
  }
  return undefined;
}

/** The same object with some methods replaced. */
function replace(target: object, methods: Record<PropertyKey, (original: Any, args: Any[]) => unknown>): Any {
  return new Proxy(target, {
    get(object, key) {
      const value = Reflect.get(object, key, object) as Any;
      if (typeof value !== 'function') return value;
      const bound = value.bind(object);
      const method = methods[key];
      return method ? (...args: Any[]) => method(bound, args) : bound;
    },
  });
}

/** The same object with another property. */
function replaceProperty(target: Any, name: PropertyKey, property: unknown): Any {
  return new Proxy(target, {
    get(object, key) {
      const value = key === name ? property : Reflect.get(object, key, object);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}

/** A guarded SDK whose guard has some methods replaced. */
const replaceGuard = (methods: Parameters<typeof replace>[1]) => ({
  wrapGuarded: (guarded: Any) => replaceProperty(guarded, 'guard', replace(guarded.guard, methods)),
});

/** One whose ledger shows other entries. */
const replaceEntries = (change: (entries: Any[]) => Any[]) => ({
  wrapGuarded: (guarded: Any) => {
    const ledger = { entries: () => change([...guarded.guard.ledger.entries()]) };
    return replaceProperty(guarded, 'guard', replaceProperty(guarded.guard, 'ledger', ledger));
  },
});

/** A guarded SDK whose models have some methods replaced. */
const replaceModels = (methods: Parameters<typeof replace>[1]) => ({
  wrapGuarded: (guarded: Any) =>
    replace(guarded, { loadModel: async (load, args) => replace(await load(...args), methods) }),
});

describe('a world of the torture run', { timeout: 60_000 }, () => {
  it('is the same for the same seed', async () => {
    const run = () => runWorld(seedOfWorld(3, 5), imagineStage(), { known: () => true });
    const [one, other] = [await run(), await run()];
    expect(one.steps).toBeGreaterThan(10);
    expect(other).toEqual(one);
  });

  it('is another for another seed', async () => {
    const run = (world: number) => runWorld(seedOfWorld(3, world), imagineStage(), { known: () => true });
    expect((await run(5)).tail).not.toEqual((await run(6)).tail);
  });
});

describe('an invariant of the torture run', { timeout: 60_000 }, () => {
  it('sees a load that is let in beyond the limit', async () => {
    const needsNothing = (load: Any, [name, { memoryGuard, ...rest }]: Any[]) =>
      load(name, { ...rest, memoryGuard: { ...memoryGuard, footprint: Math.min(memoryGuard.footprint, 2 ** 20) } });
    const mutant = { wrapGuarded: (guarded: Any) => replace(guarded, { loadModel: needsNothing }) };
    expect(await findBreach(mutant, 'admitted-beyond-limit')).toBe('admitted-beyond-limit');
  });

  it('sees a guard that forgets a model', async () => {
    const mutant = replaceGuard({ models: (models) => models().slice(1) });
    expect(await findBreach(mutant, 'entries-are-models')).toBe('entries-are-models');
  });

  it('sees a guard that counts no calls', async () => {
    const uncounted = (models: Any) => models().map((model: Any) => ({ ...model, callsInFlight: 0 }));
    expect(await findBreach(replaceGuard({ models: uncounted }), 'calls-are-counted')).toBe('calls-are-counted');
  });

  it('sees a promise that is left behind, and one that is lost', async () => {
    const more = replaceEntries((entries) => [...entries, { pid: process.pid, label: 'gone' }]);
    expect(await findBreach(more, 'promise-left-behind')).toBe('promise-left-behind');
    expect(
      await findBreach(
        replaceEntries(() => []),
        'promise-lost',
      ),
    ).toBe('promise-lost');
  });

  it('sees headroom that does not come back', async () => {
    const mutant = replaceGuard({ headroomBytes: (headroom) => Math.max(0, headroom() - 1) });
    expect(await findBreach(mutant, 'headroom-comes-back')).toBe('headroom-comes-back');
    const generous = replaceGuard({ headroomBytes: (headroom) => headroom() + 1 });
    expect(await findBreach(generous, 'headroom-is-there')).toBe('headroom-is-there');
  });

  it('sees a disposal that nobody asked for, and one that comes twice', async () => {
    const models: Any[] = [];
    const early = {
      wrapSdk: (sdk: Any) =>
        replace(sdk, {
          async loadModel(load, args) {
            for (const model of models.splice(0)) await Promise.resolve(model.dispose()).catch(() => {});
            models.push(await load(...args));
            return models[0];
          },
        }),
    };
    expect(await findBreach(early, 'disposed-unasked')).toBe('disposed-unasked');
    const twice = (dispose: Any) => Promise.allSettled([dispose(), dispose()]);
    const again = {
      wrapSdk: (sdk: Any) =>
        replace(sdk, { loadModel: async (load, args) => replace(await load(...args), { dispose: twice }) }),
    };
    expect(await findBreach(again, 'disposed-twice')).toBe('disposed-twice');
  });

  it('sees a use after a disposal', async () => {
    const late = {
      wrapSdk: (sdk: Any) =>
        replace(sdk, {
          loadModel: async (load, args) => {
            const model = await load(...args);
            return replace(model, {
              dispose: async (dispose) => {
                const disposed = dispose();
                await model.tokenize();
                return disposed;
              },
            });
          },
        }),
    };
    expect(await findBreach(late, 'used-after-disposal-by-user')).toBe('used-after-disposal-by-user');
    expect(await findBreach(late, 'used-after-disposal-by-guard')).toBe('used-after-disposal-by-guard');
  });

  it.each([
    ['load', 'loadModel'],
    ['call', 'generate'],
    ['dispose', 'dispose'],
  ] as const)('sees a %s that does not settle', async (kind, method) => {
    const hangs = async (call: Any, args: Any[]) => {
      await call(...args);
      return new Promise(() => {});
    };
    const mutant =
      method === 'loadModel'
        ? { wrapGuarded: (guarded: Any) => replace(guarded, { loadModel: hangs }) }
        : replaceModels({ [method]: hangs });
    expect(await findBreach(mutant, `${kind}-settles`)).toBe(`${kind}-settles`);
  });

  it('sees an error that nobody handles, and one without a code', async () => {
    const dropped = (call: Any, args: Any[]) => {
      void Promise.reject(new Error('nobody hears of it'));
      return call(...args);
    };
    expect(await findBreach(replaceModels({ generate: dropped }), 'no-error-unhandled')).toBe('no-error-unhandled');
    const odd = () => {
      throw new TypeError('a fault of the guard');
    };
    expect(await findBreach(replaceModels({ tokenize: odd }), 'unexpected-error')).toBe('unexpected-error');
  });

  it('sees an end that the guard chose and does not tell', async () => {
    const mutant = replaceGuard({ on: (on, [name, listener]) => name !== 'evicted' && on(name, listener) });
    expect(await findBreach(mutant, 'ends-are-told')).toBe('ends-are-told');
  });

  it('sees a listener of the process and a timer that a closed guard leaves', async () => {
    const listener = () => {};
    const listens = replaceGuard({
      close(close) {
        process.on('SIGUSR2', listener);
        close();
      },
    });
    expect(await findBreach(listens, 'no-listener-after-close', 5)).toBe('no-listener-after-close');
    process.removeAllListeners('SIGUSR2');
    const leaves: Mutant = {
      wrapGuarded: (guarded: Any, clock: Any) => {
        const close = (real: Any) => {
          real();
          clock.schedule(() => {}, 1e9);
        };
        return replaceProperty(guarded, 'guard', replace(guarded.guard, { close }));
      },
    };
    expect(await findBreach(leaves, 'no-timer-after-close')).toBe('no-timer-after-close');
  });
});
