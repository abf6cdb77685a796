import * as os from 'node:os';
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { isWrapped, type Takeover, unwrap, wrapObject } from '../../src/core/wrap-object.ts';
import { runProgram } from '../support/run-program.ts';

class Engine {
  readonly name = 'engine';
  #threads = 4;
  static created = 0;

  get threads(): number {
    return this.#threads;
  }

  set threads(threads: number) {
    if (threads < 1) throw new RangeError('too few');
    this.#threads = threads;
  }

  load(model: string): string {
    return `${model} on ${this.#threads}`;
  }

  chain(): this {
    this.#threads += 1;
    return this;
  }

  async later(): Promise<this> {
    return this;
  }

  fail(error: unknown): never {
    throw error;
  }

  async reject(error: unknown): Promise<never> {
    throw error;
  }

  owns(other: object): boolean {
    return #threads in other;
  }
}

class SubEngine extends Engine {
  override load(model: string): string {
    return `sub ${super.load(model)}`;
  }
}

describe('a wrapped object', () => {
  it('runs methods on the raw object, so that private fields work', () => {
    const wrapped = wrapObject(new Engine(), {});
    expect(wrapped.load('m')).toBe('m on 4');
    const { load } = wrapped;
    expect(load.call(wrapped, 'm')).toBe('m on 4');
    expect(wrapped.load.bind(wrapped)('m')).toBe('m on 4');
  });

  it('gives a detached method no object, as the raw one would', () => {
    const { load } = wrapObject(new Engine(), {});
    expect(() => (load as (model: string) => string)('m')).toThrow(TypeError);
    expect(load.call(new SubEngine(), 'm')).toBe('m on 4');
  });

  it('gives the same function for the same method, and another after it was replaced', () => {
    const raw = { run: () => 1 };
    const wrapped = wrapObject(raw, {});
    const { run } = wrapped;
    expect(wrapped.run).toBe(run);
    raw.run = () => 2;
    expect(wrapped.run).not.toBe(run);
    expect(wrapped.run()).toBe(2);
  });

  it('runs inherited methods, getters and setters', () => {
    const raw = new SubEngine();
    const wrapped = wrapObject(raw, {});
    expect(wrapped.load('m')).toBe('sub m on 4');
    wrapped.threads = 7;
    expect([raw.threads, wrapped.threads]).toEqual([7, 7]);
    expect(() => {
      wrapped.threads = 0;
    }).toThrow(RangeError);
  });

  it('has own, symbol and deleted properties in common with the raw object', () => {
    const key = Symbol('key');
    const raw: Record<PropertyKey, unknown> = { a: 1, [key]: 2 };
    const wrapped = wrapObject(raw, {});
    wrapped['b'] = 3;
    expect(raw['b']).toBe(3);
    expect(delete wrapped['a']).toBe(true);
    expect('a' in raw).toBe(false);
    expect(wrapped[key]).toBe(2);
    expect(Reflect.ownKeys(wrapped)).toEqual(['b', key]);
    Object.defineProperty(wrapped, 'c', { value: 4 });
    expect(raw['c']).toBe(4);
    Object.setPrototypeOf(wrapped, { inherited: 5 });
    expect(raw['inherited']).toBe(5);
  });

  it('is an instance of what the raw object is one of, and of nothing else', () => {
    const wrapped = wrapObject(new SubEngine(), {});
    expect(wrapped).toBeInstanceOf(SubEngine);
    expect(wrapped).toBeInstanceOf(Engine);
    expect(wrapped).not.toBeInstanceOf(Map);
    expect(Object.getPrototypeOf(wrapped)).toBe(SubEngine.prototype);
    expect(wrapped.constructor).toBe(SubEngine);
  });

  it('answers `in`, Object.keys, spread, JSON and inspect as the raw object does', () => {
    const raw = { a: 1, nested: { b: [2] }, run: () => 1 };
    const wrapped = wrapObject(raw, {});
    expect('a' in wrapped).toBe(true);
    expect('z' in wrapped).toBe(false);
    expect(Object.keys(wrapped)).toEqual(['a', 'nested', 'run']);
    expect({ ...wrapped }).toMatchObject({ a: 1, nested: { b: [2] } });
    expect(Object.getOwnPropertyDescriptor(wrapped, 'zz')).toBeUndefined();
    expect(JSON.stringify(wrapped)).toBe(JSON.stringify(raw));
    expect(inspect(wrapped)).toBe(inspect(raw));
    expect(inspect(wrapObject(new Engine(), {}))).toBe("Engine { name: 'engine' }");
    expect(JSON.stringify(wrapObject({ secret: 1, toJSON: () => 'own' }, {}))).toBe('"own"');
  });

  it('can stand before frozen and sealed objects, which stay so', () => {
    for (const harden of [Object.freeze, Object.seal, Object.preventExtensions]) {
      const raw = harden({ a: 1, run: (): number => 2 }) as { a: number; run: () => number };
      const wrapped = wrapObject(raw, { takeover: (key) => (key === 'run' ? () => 3 : undefined) });
      expect(wrapped.run()).toBe(3);
      expect(Object.keys(wrapped)).toEqual(['a', 'run']);
      expect(Object.getOwnPropertyDescriptor(wrapped, 'a')?.value).toBe(1);
      expect(() => {
        (wrapped as unknown as Record<string, number>)['z'] = 1;
      }).toThrow(TypeError);
    }
    const frozen = wrapObject(Object.freeze({ a: 1 }), {});
    expect(() => {
      (frozen as { a: number }).a = 2;
    }).toThrow(TypeError);
    expect(frozen.a).toBe(1);
  });

  it('is not frozen in place of the raw object', () => {
    const raw = { a: 1 };
    expect(() => Object.freeze(wrapObject(raw, {}))).toThrow(TypeError);
    expect(Object.isFrozen(raw)).toBe(false);
  });

  it('is returned by methods that return their own object, and only by those', async () => {
    const raw = new Engine();
    const wrapped = wrapObject(raw, {});
    expect(wrapped.chain()).toBe(wrapped);
    expect(wrapped.chain().threads).toBe(6);
    const other = new Engine();
    expect(wrapObject({ get: () => other }, {}).get()).toBe(other);
    expect(await wrapped.later()).toBe(raw); // what a promise gives is the SDK's own affair
  });

  it('throws and rejects with the identical error', async () => {
    const wrapped = wrapObject(new Engine(), {});
    const error = new Error('mine');
    for (const thrown of [error, 'text', undefined]) {
      let caught: unknown = 'nothing';
      try {
        wrapped.fail(thrown);
      } catch (found) {
        caught = found;
      }
      expect(caught).toBe(thrown);
      await expect(wrapped.reject(thrown)).rejects.toBe(thrown);
    }
    const getter = wrapObject(
      {
        get broken(): number {
          throw error;
        },
      },
      {},
    );
    expect(() => getter.broken).toThrow(error);
  });

  it('leaves an unhandled rejection unhandled', async () => {
    const program = (call: string) => `
      class SDK { async loadModel() { return { async generate() { throw new Error('nobody listens'); } }; } }
      const sensor = () => ({ totalBytes: 2 ** 34, availableBytes: 2 ** 34 });
      const nexa = door.withMemoryGuard(new SDK(), { sensor });
      const model = await nexa.loadModel('qwen2audio');
      process.on('unhandledRejection', (error) => { console.log('unhandled:', error.message); process.exit(3); });
      ${call};
      await new Promise((resolve) => setTimeout(resolve, 100));
    `;
    expect(await runProgram(program('model.generate()'))).toMatchObject({
      code: 3,
      stdout: 'unhandled: nobody listens\n',
    });
    expect(await runProgram(program('model.generate().catch(() => {})'))).toMatchObject({ code: 0, stdout: '' });
  });

  it('hands wrapped arguments in as what stands behind them', () => {
    const sdk = new Engine();
    const wrapped = wrapObject(sdk, {});
    const handle = wrapObject(new Engine(), {});
    expect(wrapped.owns(handle)).toBe(true);
    const seen: unknown[] = [];
    const sink = wrapObject({ take: (...args: unknown[]) => seen.push(...args) }, {});
    const plain = { handle };
    sink.take(1, handle, null, plain);
    expect(seen).toEqual([1, unwrap(handle), null, plain]);
    expect(seen[1]).toBe(unwrap(handle));
    expect(seen[3]).toBe(plain);
    expect(plain.handle).toBe(handle); // nothing inside an argument is changed
  });

  it('is known as wrapped, and its raw object is found', () => {
    const raw = new Engine();
    const wrapped = wrapObject(raw, {});
    expect(isWrapped(wrapped)).toBe(true);
    expect(isWrapped(raw)).toBe(false);
    expect(unwrap(wrapped)).toBe(raw);
    for (const value of [raw, null, undefined, 5, 'text']) expect(unwrap(value)).toBe(value);
  });

  it('can stand before a module namespace', () => {
    expect(Object.prototype.toString.call(os)).toBe('[object Module]');
    const wrapped = wrapObject(os, {});
    expect(wrapped.totalmem()).toBe(os.totalmem());
    expect(Object.keys(wrapped)).toEqual(Object.keys(os));
    expect('totalmem' in wrapped).toBe(true);
    expect(wrapped.constants).toBe(os.constants);
  });

  it('keeps classes and constructors as properties usable', () => {
    function Legacy(this: { value: number }, value: number) {
      this.value = value;
    }
    Legacy.prototype.double = function (this: { value: number }) {
      return this.value * 2;
    };
    const raw = {
      Engine,
      Map,
      Legacy: Legacy as unknown as new (value: number) => { value: number; double(): number },
    };
    const wrapped = wrapObject(raw, {});
    expect(wrapped.Engine).toBe(Engine);
    expect(new wrapped.Engine()).toBeInstanceOf(Engine);
    expect(new wrapped.Map([[1, 2]]).get(1)).toBe(2);
    const made = new wrapped.Legacy(4);
    expect(made.double()).toBe(8);
    expect(made).toBeInstanceOf(raw.Legacy);
    expect(made).toBeInstanceOf(wrapped.Legacy);
  });

  it('keeps what hangs on a method reachable', () => {
    const raw = { run: vi.fn((value: number) => value + 1) };
    const wrapped = wrapObject(raw, {});
    expect(wrapped.run(1)).toBe(2);
    expect(wrapped.run.mock.calls).toEqual([[1]]);
    expect(wrapped.run).toHaveBeenCalledWith(1);
    expect(wrapped.run.name).toBe(raw.run.name);
    wrapped.run.mockReturnValueOnce(9);
    expect(wrapped.run(1)).toBe(9);
  });
});

describe('a property that is written through a wrapped object', () => {
  const takeover: Takeover = (invoke, args) => `guarded ${String(invoke(args))}`;
  const create = () => {
    const raw: Record<string, unknown> = { run: (word: string) => word };
    return { raw, wrapped: wrapObject(raw, { takeover: (key) => (key === 'run' ? takeover : undefined) }) };
  };
  type Runs = { run(word: string): string };

  it('may be fixed, as on the raw object', () => {
    const { raw, wrapped } = create();
    Object.defineProperty(wrapped, 'tag', { value: 1, configurable: false });
    Object.defineProperty(wrapped, 'level', { value: 1, writable: true, configurable: false });
    Object.defineProperty(wrapped, 'double', { get: () => 2, configurable: false });
    expect(Object.getOwnPropertyDescriptors(wrapped)).toMatchObject({
      tag: Object.getOwnPropertyDescriptor(raw, 'tag'),
      level: Object.getOwnPropertyDescriptor(raw, 'level'),
      double: Object.getOwnPropertyDescriptor(raw, 'double'),
    });
    raw['level'] = 5;
    expect([wrapped['tag'], wrapped['level'], wrapped['double']]).toEqual([1, 5, 2]);
    Object.defineProperty(raw, 'level', { writable: false });
    expect(Object.getOwnPropertyDescriptor(wrapped, 'level')).toMatchObject({ value: 5, writable: false });
    expect(Reflect.deleteProperty(wrapped, 'tag')).toBe(false);
    expect(Reflect.set(wrapped, 'tag', 2)).toBe(false);
    expect(Reflect.ownKeys(wrapped)).toEqual(['run', 'tag', 'level', 'double']);
  });

  it('is not changed if it is a function that would be fixed', () => {
    const { raw, wrapped } = create();
    const { run } = raw;
    expect(Reflect.defineProperty(wrapped, 'run', { value: () => 'fixed', configurable: false, writable: false })).toBe(
      false,
    );
    expect(raw['run']).toBe(run);
    Object.defineProperty(wrapped, 'run', { value: () => 'fixed', configurable: false, writable: true });
    expect((wrapped as unknown as Runs).run('a')).toBe('guarded fixed');
    const { value } = Object.getOwnPropertyDescriptor(wrapped, 'run')!;
    expect(value).toBe(wrapped['run']);
  });

  it('is taken over as the method before it was, once', () => {
    const { raw, wrapped } = create();
    const { run } = raw;
    const guarded = wrapped as unknown as Runs;
    guarded.run = (word) => `new ${word}`;
    expect(guarded.run('a')).toBe('guarded new a');
    Object.defineProperty(wrapped, 'run', { value: run });
    expect(guarded.run('a')).toBe('guarded a');
    Object.assign(wrapped, { run: wrapped['run'] });
    Object.defineProperty(wrapped, 'run', Object.getOwnPropertyDescriptor(wrapped, 'run')!);
    expect(raw['run']).toBe(run);
    expect(guarded.run('a')).toBe('guarded a');
  });

  it('is the guarded method in a copy of its descriptors', () => {
    const { wrapped } = create();
    const copy = Object.create(null, Object.getOwnPropertyDescriptors(wrapped)) as Runs;
    expect(copy.run('a')).toBe('guarded a');
  });

  it('belongs to the object that inherits from the wrapped one, if it is written there', () => {
    const raw = new Engine();
    const child = Object.create(wrapObject(raw, {})) as Engine & { own?: number };
    child.own = 5;
    expect([Object.hasOwn(child, 'own'), Object.hasOwn(raw, 'own')]).toEqual([true, false]);
    expect(isWrapped(child)).toBe(false);
  });
});

describe('a foreign object', () => {
  const strict = () =>
    new Proxy(
      {},
      {
        get(_target, key) {
          throw new Error(`unknown key ${String(key)}`);
        },
      },
    );
  const answering = (): object => new Proxy(() => {}, { get: answering, apply: answering });
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };

  it.each([
    ['answers every key', answering()],
    ['throws for every key', strict()],
    ['is a revoked proxy', revoked()],
  ])('that %s is not asked, and passes as it is', (_name, foreign) => {
    const seen: unknown[] = [];
    const raw = { take: (value: unknown) => void seen.push(value) };
    wrapObject(raw, {}).take(foreign);
    expect(seen[0] === foreign).toBe(true);
    expect(unwrap(foreign) === foreign).toBe(true);
    expect(isWrapped(foreign)).toBe(false);
  });

  it('may be wrapped if it answers every key with something that can be called', () => {
    const guarded = wrapObject(answering() as { load(name: string): unknown }, { takeover: () => () => 'taken over' });
    expect(guarded.load('m')).toBe('taken over');
  });
});

describe('a wrapped function', () => {
  const sdk = Object.assign(
    function sdk(this: unknown, value: number) {
      return value === 0 ? sdk : value + 1;
    },
    { version: 3, loadModel: (name: string) => name },
  );

  it('is callable, has its properties, and returns itself wrapped', () => {
    const wrapped = wrapObject(sdk, {});
    expect(wrapped(1)).toBe(2);
    expect(wrapped(0)).toBe(wrapped);
    expect(wrapped.loadModel('m')).toBe('m');
    expect(typeof wrapped).toBe('function');
    expect(Object.keys(wrapped)).toEqual(['version', 'loadModel']);
    expect({ ...wrapped }.version).toBe(3);
    expect(wrapped.name).toBe('sdk');
  });

  it('may be an arrow function or a class', () => {
    const arrow = wrapObject(
      Object.assign((value: object) => value, { loadModel: () => 1 }),
      {},
    );
    const handle = wrapObject({}, {});
    expect(arrow(handle)).toBe(unwrap(handle));
    expect(() => new (arrow as unknown as new () => object)()).toThrow(TypeError);
    const WrappedEngine = wrapObject(Engine, {});
    expect(new WrappedEngine()).toBeInstanceOf(Engine);
    expect(new Engine()).toBeInstanceOf(WrappedEngine);
    expect(WrappedEngine.created).toBe(0);
    expect(Object.getOwnPropertyDescriptors(WrappedEngine).prototype.value).toBe(Engine.prototype);
  });

  it('is called with the raw function as `this` where it is called on itself', () => {
    const raw = Object.assign(
      function self(this: unknown) {
        return this === raw;
      },
      { run: () => 1 },
    );
    const wrapped = wrapObject(raw, {});
    expect(Reflect.apply(wrapped, wrapped, [])).toBe(true);
    expect(Reflect.apply(wrapped, {}, [])).toBe(false);
  });
});

describe('a takeover', () => {
  const counting = () => {
    const seen: (readonly unknown[])[] = [];
    const takeover: Takeover = (invoke, args) => {
      seen.push(args);
      return invoke([...args, 'added']);
    };
    return { seen, takeover };
  };

  it('runs in place of the method and may call it with other arguments', () => {
    const { seen, takeover } = counting();
    const raw = { join: (...parts: string[]) => parts.join(' ') };
    const wrapped = wrapObject(raw, { takeover: (key) => (key === 'join' ? takeover : undefined) });
    expect(wrapped.join('a', 'b')).toBe('a b added');
    expect(seen).toEqual([['a', 'b']]);
    expect(wrapped.join).toBe(wrapped.join);
    expect(wrapped.join.name).toBe('join');
    expect(raw.join('a')).toBe('a');
  });

  it('does not run for other methods, nor for what the object calls on itself', () => {
    const { seen, takeover } = counting();
    const raw = {
      join: (...parts: string[]) => parts.join(' '),
      twice(part: string): string {
        return this.join(part, part);
      },
    };
    const wrapped = wrapObject(raw, { takeover: (key) => (key === 'join' ? takeover : undefined) });
    expect(wrapped.twice('a')).toBe('a a');
    expect(seen).toEqual([]);
  });

  it('runs on a foreign `this` where it is called on one', () => {
    const { takeover } = counting();
    const raw = {
      who: 'raw',
      name(this: { who: string }): string {
        return this.who;
      },
    };
    const wrapped = wrapObject(raw, { takeover: () => takeover });
    expect(wrapped.name()).toBe('raw');
    expect(wrapped.name.call({ who: 'other' })).toBe('other');
  });
});

describe('an added property', () => {
  const wrapped = wrapObject({ a: 1 } as { a: number; guard?: string }, { extra: new Map([['guard', 'here']]) });

  it('is there and is seen by `in`', () => {
    expect(wrapped.guard).toBe('here');
    expect('guard' in wrapped).toBe(true);
  });

  it('is not listed, printed or copied', () => {
    expect(Object.keys(wrapped)).toEqual(['a']);
    expect(JSON.stringify(wrapped)).toBe('{"a":1}');
    expect(inspect(wrapped)).toBe('{ a: 1 }');
  });
});

describe('an object within the wrapped one', () => {
  const raw = {
    Engine,
    plain: Engine,
    options: { threads: 1 },
    inner: { load: (name: string) => name, name: 'inner' },
  };
  const taken = (invoke: (args: readonly unknown[]) => unknown, args: readonly unknown[]) => `taken ${invoke(args)}`;
  const wrapped = wrapObject(raw, {
    inner: (key) =>
      key === 'Engine' || key === 'inner' ? { takeover: (name) => (name === 'load' ? taken : undefined) } : undefined,
  });

  it('is wrapped as it is said, once', () => {
    expect(wrapped.inner.load('m')).toBe('taken m');
    expect(wrapped.inner).toBe(wrapped.inner);
    expect(unwrap(wrapped.inner)).toBe(raw.inner);
    expect(wrapped.inner.name).toBe('inner');
  });

  it('may be a class, which still makes its objects', () => {
    expect(isWrapped(wrapped.Engine)).toBe(true);
    expect(new wrapped.Engine()).toBeInstanceOf(Engine);
    expect(new Engine()).toBeInstanceOf(wrapped.Engine);
    expect(isWrapped(wrapped.plain)).toBe(false);
  });

  it('is the raw one otherwise, and when it is written back', () => {
    expect(wrapped.options).toBe(raw.options);
    const { inner } = raw;
    const own = wrapped.inner;
    wrapped.inner = own;
    expect(raw.inner).toBe(inner);
  });
});

describe('a call of the wrapped object itself', () => {
  it('is taken over, with the arguments and `this` of the raw one', () => {
    function shout(this: unknown, text: string) {
      return `${text}! ${this === undefined ? 'alone' : String(this)}`;
    }
    const wrapped = wrapObject(shout, { call: (invoke, args) => `heard ${invoke(args)}` });
    expect(Reflect.apply(wrapped, 'me', ['hey'])).toBe('heard hey! me');
    expect(wrapped('hey')).toBe('heard hey! alone');
  });
});

describe('a wrapped object with a successor', () => {
  it('is read and written as that one, and still takes its own methods over', () => {
    let later: { kind: string; describe(): string } | undefined;
    const raw = { kind: 'first', describe: () => 'first' };
    const calls: PropertyKey[] = [];
    const wrapped = wrapObject(raw, {
      successor: () => later,
      takeover: (key) => (invoke, args) => {
        calls.push(key);
        return invoke(args);
      },
    });
    expect([wrapped.kind, wrapped.describe()]).toEqual(['first', 'first']);
    later = { kind: 'second', describe: () => 'second' };
    expect([wrapped.kind, wrapped.describe()]).toEqual(['second', 'second']);
    wrapped.kind = 'changed';
    expect([raw.kind, later.kind]).toEqual(['first', 'changed']);
    expect(calls).toEqual(['describe', 'describe']);
  });

  it('says by its own error why a property can’t be read, or by that of the object', () => {
    const raw = {
      get bad(): string {
        throw new Error('gone');
      },
    };
    expect(() => wrapObject(raw, { explain: (key) => new Error(`no ${String(key)}`) }).bad).toThrow('no bad');
    expect(() => wrapObject(raw, { explain: () => undefined }).bad).toThrow('gone');
  });
});
