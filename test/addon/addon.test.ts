/** Every function of the addon takes what it says and refuses every other type, without a conversion. Needs `npm run build:double`. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Addon } from '../../src/addon/addon.ts';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { type AddonFunction, isOfKind, listFunctions, listValues, rightValues } from '../support/addon/addon-calls.mjs';
import { doubleLibrary } from '../support/nexa/libraries.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const addon = loadAddon();
if (!addon) console.warn('The calls of the addon are not tested: it is not built (npm run build:native).');

describe.skipIf(!addon)('every function of the addon', () => {
  const functions = listFunctions(addon ?? {}).map((each) => [each.name, each] as const);
  let files: TinyModels;
  let given: Parameters<typeof rightValues>[0];
  let right: Readonly<Record<string, () => unknown>>;

  beforeAll(async () => {
    files = makeTinyModels();
    const { nexa } = addon as Addon & { nexa: NonNullable<Addon['nexa']> };
    const { library } = await nexa.open(doubleLibrary());
    const { model } = await nexa.load(library, {
      modelPath: files.model(),
      pluginId: 'llama_cpp',
      contextSize: 256,
    } as never);
    given = {
      file: '/proc/meminfo',
      cache: files.path('cache.bin'),
      descriptor: openSync(files.path('lock'), 'a+'),
      librarySo: doubleLibrary(),
      model: files.model(),
      library,
      loaded: model,
    };
    right = rightValues(given);
  });

  afterAll(async () => {
    closeSync(given.descriptor);
    await addon?.nexa?.destroy(given.loaded as never);
    await addon?.nexa?.close(given.library as never);
    files.remove();
  });

  const makeRight = (kind: string) => right[kind.replace('?', '')]!();

  function call(
    { owner, member, isClass, takes }: AddonFunction,
    replaced: Readonly<Record<number, unknown>>,
  ): unknown {
    const args = takes.map((kind, at) => (at in replaced ? replaced[at] : makeRight(kind)));
    if (isClass) return new owner[member](...args);
    if (typeof owner !== 'function') return owner[member](...args);
    const made = new owner(
      ...listFunctions(addon!)
        .find((each) => each.isClass && each.owner[each.member] === owner)!
        .takes.map(makeRight),
    );
    try {
      return made[member](...args);
    } finally {
      if ('close' in made) made.close();
      else if ('release' in made) made.release();
    }
  }

  it('is known here', () => {
    expect(functions.length).toBeGreaterThan(25);
    expect(() => listFunctions({ ...addon, another: () => {} })).toThrow('the addon exports another, which has no row');
    expect(() => listFunctions({ nested: { another: () => {} } })).toThrow('nested.another');
  });

  it.each(functions)('%s refuses each argument of another type with one sentence', (_, each) => {
    let refused = 0;
    for (const [at, kind] of each.takes.entries()) {
      for (const [type, value] of listValues()) {
        if (isOfKind(kind, type)) continue;
        const refusal = /^Expected `[^`]+` to be [^.]+, got [^,]+\.$/;
        expect(() => call(each, { [at]: value }), `${kind}: ${type}`).toThrow(
          expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(refusal) }),
        );
        refused++;
      }
    }
    expect(refused > 0).toBe(each.takes.length > 0);
  });

  it('asks a value for nothing but its type', () => {
    const asked: unknown[] = [];
    const value = new Proxy(() => {}, {
      get: (_, name) => asked.push(name),
      has: (_, name) => asked.push(name) > 0,
      apply: () => asked.push('called'),
    });
    for (const [, each] of functions) {
      for (const [at, kind] of each.takes.entries()) {
        if (!kind.startsWith('function')) expect(() => call(each, { [at]: value })).toThrow(TypeError);
      }
    }
    expect(asked).toEqual([]);
  });

  it('tells an error of a getter as it is', () => {
    const paths = [join('/', 'proc')];
    Object.defineProperty(paths, 0, {
      get: () => {
        throw new RangeError('mine');
      },
    });
    expect(
      () => new addon!.MemoryFiles(paths, Int32Array.of(1, 0, 0), new Float64Array(10), false, undefined, undefined),
    ).toThrow(new RangeError('mine'));
    const load = {
      get modelPath() {
        throw new RangeError('mine');
      },
    };
    expect(() => addon!.nexa!.load(given.library as never, load as never)).toThrow(new RangeError('mine'));
  });

  it('writes to no rows whose memory was handed away', () => {
    const rows = new Float64Array(10);
    const reader = new addon!.MemoryFiles(['/proc/meminfo'], Int32Array.of(1, 0, 0), rows, false, undefined, undefined);
    expect(reader.read(true)).toBe(0);
    const moved = structuredClone(rows.buffer, { transfer: [rows.buffer] });
    new Float64Array(moved).fill(7);
    expect(() => reader.read(true)).toThrow('Expected `rows` to be as long as it was, got');
    expect([...new Float64Array(moved)]).toEqual(Array.from({ length: 10 }, () => 7));
    reader.close();
  });

  it.each(['MemoryFiles', 'MemoryWatch'] as const)(
    '%s makes no object without `new`, and serves no other object',
    (name) => {
      const Class = addon![name] as unknown as { (): void; prototype: { close(): void } };
      expect(() => Class()).toThrow('Expected a call with `new`, got one without it.');
      expect(() => Class.prototype.close.call({})).toThrow(TypeError);
    },
  );
});
