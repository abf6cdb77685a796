import { describe, expect, it, onTestFinished } from 'vitest';
import type { Adapter } from '../src/adapters/adapter.ts';
import { GiB } from '../src/core/bytes.ts';
import { createMemoryGuard } from '../src/create-memory-guard.ts';
import { checkSdk } from '../src/wrap-sdk.ts';
import { FakeMachine, FakeModel } from './support/fake-sdk.ts';

function makeGuard() {
  const guard = createMemoryGuard({ sensor: new FakeMachine(8 * GiB).sensor, minFreeRatioAfterLoad: 0 });
  onTestFinished(() => guard.close());
  return guard;
}

/** An SDK whose loads stand in several places, as modules have them. */
class Session {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  static async create(path: string): Promise<Session> {
    return new this(path);
  }

  release() {}
}

const sdk = () => ({
  Session,
  models: { deep: { open: async (name: string) => new FakeModel(name) } },
  pipeline: async (task: string) => Object.assign((text: string) => `${task} ${text}`, { dispose() {} }),
  version: '1',
});

const readRequest: Adapter['readRequest'] = ([name]) => ({
  name: String(name),
  memoryGuard: { footprint: 1 * GiB },
});

const ADAPTER = {
  readRequest,
  withQuantization: (args: readonly unknown[]) => args,
  loads: ['Session.create', 'models.deep.open', 'pipeline', 'missing', 'models.gone.open'],
} as const satisfies Partial<Adapter>;

describe('methods that load', () => {
  it('are found at any depth, those that are there', () => {
    const { loads } = checkSdk(sdk(), makeAdapter());
    expect([...loads.keys()]).toEqual(['Session.create', 'models.deep.open', 'pipeline']);
  });

  it('go through the guard, wherever they stand, and everything else stays as it is', async () => {
    const guard = makeGuard();
    const raw = sdk();
    const wrapped = guard.wrap(raw, ADAPTER);
    expect(wrapped.Session).toBe(wrapped.Session);
    expect(wrapped.version).toBe('1');
    const session = await wrapped.Session.create('a.onnx');
    expect(session).toBeInstanceOf(Session);
    expect(session).toBeInstanceOf(wrapped.Session);
    expect(new wrapped.Session('made').kind).toBe('made');
    await wrapped.models.deep.open('b');
    const pipe = await wrapped.pipeline('say');
    expect(pipe('hello')).toBe('say hello');
    expect(guard.models().map(({ name }) => name)).toEqual(['a.onnx', 'b', 'say']);
    session.release();
    expect(guard.models().map(({ name }) => name)).toEqual(['b', 'say']);
  });

  it('load through a class that extends a guarded one, and it makes its own objects', async () => {
    const guard = makeGuard();
    const wrapped = guard.wrap(sdk(), ADAPTER);
    class Own extends wrapped.Session {
      readonly mine = true;
    }
    expect(new Own('made')).toMatchObject({ kind: 'made', mine: true });
    expect(await Own.create('a.onnx')).toBeInstanceOf(Own);
    expect(guard.models().map(({ name }) => name)).toEqual(['a.onnx']);
  });

  it('may each be read in a way of its own', async () => {
    const guard = makeGuard();
    const loads = {
      'Session.create': { readRequest: (args: readonly unknown[]) => ({ ...readRequest(args), name: 'a session' }) },
      pipeline: {},
    };
    const wrapped = guard.wrap(sdk(), { ...ADAPTER, loads });
    await wrapped.Session.create('a.onnx');
    await wrapped.pipeline('say');
    expect(guard.models().map(({ name }) => name)).toEqual(['a session', 'say']);
  });

  it('must be there: else it is said what to write', () => {
    const message = (paths: string) =>
      `Expected an SDK with a ${paths} method, got {} (object); guard the call that loads by itself: \`createMemoryGuard().load({ name, footprint }, () => …)\`.`;
    expect(() => checkSdk({})).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: message('`loadModel`') }),
    );
    expect(() => checkSdk({}, makeAdapter({ loads: ['open', 'a.b'] }))).toThrow(
      expect.objectContaining({ message: message('`open` or `a.b`') }),
    );
  });
});

/** As options give it. */
function makeAdapter(parts: Partial<Adapter> = {}): Adapter {
  return { ...ADAPTER, disposers: [], isInference: () => false, hasAudio: () => false, ...parts } as Adapter;
}
