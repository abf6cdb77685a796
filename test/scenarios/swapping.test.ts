/** Models that don't fit beside each other and take turns: they don't end each other before they have worked. The SDK and the machine are fakes. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardEvents } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { LoadGuardOptions } from '../../src/loading/load-guard-options.ts';
import { FakeMachine, FakeModel, guardedFake } from '../support/fake-sdk.ts';
import type { ManualClock } from '../support/manual-clock.ts';

const options: GuardOptions = { minFreeRatioAfterLoad: 0, minFreeBytes: 100 * MiB, evict: 'idle' };
const sized = (gib: number, more: LoadGuardOptions = {}) => ({ memoryGuard: { footprint: gib * GiB, ...more } });

type Fake = ReturnType<typeof guardedFake>;

/** A model that takes memory of the machine with its first answer, as engines do, and gives it back when it is disposed. */
class TakingModel extends FakeModel {
  readonly #take: (bytes: number) => void;
  readonly #bytes: number;
  #taken = false;

  constructor(name: string, bytes: number, take: (bytes: number) => void) {
    super(name);
    this.#bytes = bytes;
    this.#take = take;
  }

  override async generate(options?: Parameters<FakeModel['generate']>[0]): Promise<string> {
    const text = await super.generate(options);
    if (!this.#taken) this.#take(this.#bytes);
    this.#taken = true;
    return text;
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    if (this.#taken) this.#take(-this.#bytes);
    this.#taken = false;
  }
}

/** A machine of so many GiB, and an SDK whose models take GiB by their names, else 3. */
function guardTaking(gib: number, more: GuardOptions = {}, sizes: Readonly<Record<string, number>> = {}): Fake {
  const machine = new FakeMachine(gib * GiB);
  const take = (bytes: number) => {
    machine.availableBytes -= bytes;
  };
  const fake = guardedFake(machine, { ...options, ...more });
  fake.sdk.during = (name) => new TakingModel(name, (sizes[name] ?? 3) * GiB, take);
  return fake;
}
type EvictedEvent = Parameters<GuardEvents['evicted']>[0];

const sleep = (clock: ManualClock, ms: number) => new Promise<void>((resolve) => void clock.schedule(resolve, ms));
const listEvicted = ({ events }: Fake) => events.filter((event): event is EvictedEvent => event.type === 'evicted');

/** Loads a model that may be evicted and loaded again, and uses it every so often. Counts the uses that were answered. */
function useOften({ nexa, clock }: Fake, name: string, everyMs: number, more: LoadGuardOptions = {}) {
  const used = { answers: 0, errors: [] as unknown[], stopped: false };
  const run = async () => {
    const model = await nexa.loadModel(name, sized(3, more));
    while (!used.stopped) {
      await model.generate({ wait: sleep(clock, 200) });
      used.answers += 1;
      await sleep(clock, everyMs);
    }
  };
  run().catch((error) => used.errors.push(error));
  return used;
}

describe('two models of which one fits at a time, whose loads wait', () => {
  const wait = { wait: { timeoutMs: 120_000 } };

  it('stay as long as they should before one makes room for the other, and both work', async () => {
    const fake = guardTaking(4, { reload: true });
    const [a, b] = [useOften(fake, 'a', 700, wait), useOften(fake, 'b', 900, wait)];
    await fake.clock.advanceAsync(300_000, 50);
    const evicted = listEvicted(fake);
    expect([...a.errors, ...b.errors]).toEqual([]);
    expect(evicted.length).toBeGreaterThanOrEqual(7);
    expect(evicted.length).toBeLessThanOrEqual(10);
    expect(evicted.some(({ young }) => young)).toBe(false);
    // Each has half of the time, and works in it at its own pace.
    expect(a.answers).toBeGreaterThan(120);
    expect(b.answers).toBeGreaterThan(100);
  });

  it('take turns at once if models need not stay', async () => {
    const fake = guardTaking(4, { reload: true, minResidencyMs: 0 });
    const [a, b] = [useOften(fake, 'a', 700, wait), useOften(fake, 'b', 900, wait)];
    await fake.clock.advanceAsync(30_000, 50);
    expect([...a.errors, ...b.errors]).toEqual([]);
    const evictions = listEvicted(fake).length;
    expect(evictions).toBeGreaterThan(10);
    // Each load is worth at least one answer.
    expect(a.answers + b.answers).toBeGreaterThanOrEqual(evictions);
  });
});

describe('a load that may wait', () => {
  it('leaves a young model alone until that has stayed long enough', async () => {
    const fake = guardTaking(4);
    await fake.nexa.loadModel('old', sized(3));
    const load = fake.nexa.loadModel('new', sized(3, { wait: true }));
    await fake.clock.advanceAsync(29_000, 50);
    expect(fake.types()).not.toContain('evicted');
    expect(fake.last('waiting')).toMatchObject({ model: 'new', position: 1 });
    await fake.clock.advanceAsync(2000, 50);
    await load;
    expect(fake.last('evicted')).toMatchObject({ model: 'old', madeRoomFor: 'new', young: false });
  });

  it('lets it be for half of its own time if that is shorter, so that something is left of that', async () => {
    const fake = guardTaking(4);
    await fake.nexa.loadModel('old', sized(3));
    const load = fake.nexa.loadModel('new', sized(3, { wait: { timeoutMs: 4000 } }));
    await fake.clock.advanceAsync(1900);
    expect(fake.types()).not.toContain('evicted');
    await fake.clock.advanceAsync(1500);
    await load;
    expect(fake.last('evicted')).toMatchObject({ model: 'old', young: true });
  });

  it('takes one that has stayed long enough at once', async () => {
    const fake = guardTaking(7);
    await fake.nexa.loadModel('old', sized(3));
    fake.clock.advance(31_000);
    await fake.nexa.loadModel('young', sized(3));
    const load = fake.nexa.loadModel('new', sized(3, { wait: true }));
    await fake.clock.advanceAsync(600);
    await load;
    expect(fake.last('evicted')).toMatchObject({ model: 'old', young: false });
  });
});

describe('loads that don’t wait, at the same time, of which one fits', () => {
  it('get what they were loaded for: who was given a model calls it before it is ended for the other', async () => {
    const fake = guardTaking(4);
    const use = async (name: string) => {
      const model = await fake.nexa.loadModel(name, sized(3));
      for (let layer = 0; layer < 20; layer++) await undefined; // the layers of a program that it comes up through
      return model.generate();
    };
    const both = Promise.allSettled([use('a'), use('b'), use('c')]);
    await fake.clock.advanceAsync(3000);
    expect(await both).toEqual(['text', 'text', 'text'].map((value) => ({ status: 'fulfilled', value })));
    expect(listEvicted(fake)).toHaveLength(2);
  });
});

describe('of several idle models', () => {
  it('the one goes that was used least of late, though others are larger', async () => {
    const fake = guardTaking(7.5, {}, { small: 1, cold: 2.5, new: 2 });
    const [large, small, cold] = [
      await fake.nexa.loadModel('large', sized(3)),
      await fake.nexa.loadModel('small', sized(1)),
      await fake.nexa.loadModel('cold', sized(2.5)),
    ];
    await cold.generate();
    for (let round = 0; round < 5; round++) {
      fake.clock.advance(20_000);
      await large.generate();
      await small.generate();
    }
    const load = fake.nexa.loadModel('new', sized(2));
    await fake.clock.advanceAsync(600);
    await load;
    expect(fake.last('evicted')).toMatchObject({ model: 'cold', madeRoomFor: 'new', young: false });
    expect(fake.last('evicted')?.message).toMatch(/^Evicted cold, which was idle for 100\.0 s and takes .* for new/);
  });

  it('one that is loaded again is known by its earlier uses', async () => {
    const fake = guardTaking(4.5, { minResidencyMs: 0 }, { often: 2, once: 2, new: 2 });
    const often = await fake.nexa.loadModel('often', sized(2));
    for (let round = 0; round < 5; round++) {
      fake.clock.advance(20_000);
      await often.generate();
    }
    await often.dispose();
    await fake.nexa.loadModel('often', sized(2));
    fake.clock.advance(5000);
    await fake.nexa.loadModel('once', sized(2));
    fake.clock.advance(60_000);
    const load = fake.nexa.loadModel('new', sized(2));
    await fake.clock.advanceAsync(600);
    await load;
    expect(fake.last('evicted')).toMatchObject({ model: 'once' });
  });
});
