/** What other processes are told, and when. They are scripted; the bookkeeping is real. */
import { describe, expect, it } from 'vitest';
import { HoldingsTeller } from '../../src/admission/holdings-teller.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { Holdings } from '../../src/ledger/ledger-record.ts';

const NEED: LoadNeed = { mappedBytes: 0, anonymousBytes: 50, basis: 'given' };
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function makeTeller() {
  const told: { scopes: readonly string[]; holdings: Holdings }[] = [];
  const ledger = new Ledger();
  const others = { scopes: ['host', 'group'], deaf: false, meterPlace: { descriptor: 9, offset: 64 } };
  const shared = {
    peers: () => [],
    publish(scopes: readonly string[], holdings: Holdings) {
      if (others.deaf) throw new Error('no ledger');
      told.push({ scopes, holdings });
    },
    meterPlace: others.meterPlace,
  };
  const teller = new HoldingsTeller({ ledger, shared, scopes: () => others.scopes });
  const promise = () => ledger.reserve('m', NEED, { clockMs: 0, epochMs: 0 });
  return { teller, ledger, told, others, promise };
}

describe('other processes', () => {
  it('are told what is held and which scopes that burdens', () => {
    const { teller, told, promise } = makeTeller();
    promise();
    teller.tell();
    expect(told).toMatchObject([{ scopes: ['host', 'group'], holdings: { promisedAnonymousBytes: 50 } }]);
  });

  it('that can’t be told fail a decision, and nothing else', () => {
    const { teller, others } = makeTeller();
    others.deaf = true;
    expect(() => teller.tell()).toThrow('no ledger');
    expect(() => teller.publish()).not.toThrow();
  });

  it('are told once of what comes soon, or with what is told before', async () => {
    const { teller, told } = makeTeller();
    teller.publishSoon();
    teller.publishSoon();
    expect(told).toHaveLength(0);
    await nextTurn();
    expect(told).toHaveLength(1);
    teller.publishSoon();
    teller.tell();
    await nextTurn();
    expect(told).toHaveLength(2);
  });

  it('are told again once this process is in another group, if they were told at all', () => {
    const { teller, told, others } = makeTeller();
    teller.publishIfMoved();
    expect(told).toHaveLength(0);
    teller.tell();
    teller.publishIfMoved();
    expect(told).toHaveLength(1);
    others.scopes = ['host', 'elsewhere'];
    teller.publishIfMoved();
    teller.publishIfMoved();
    expect(told.map(({ scopes }) => scopes[1])).toEqual(['group', 'elsewhere']);
  });

  it('read each meter by a number of its own, until its load is gone', () => {
    const { teller, ledger, told, promise } = makeTeller();
    const numbers: number[] = [];
    const meter = { publishTo: (_descriptor: number, _offset: number, number: number) => numbers.push(number) > 0 };
    const [first, second] = [promise(), promise()];
    teller.meter(first, meter);
    teller.meter(second, meter);
    expect(new Set(numbers).size).toBe(2);
    expect(told.at(-1)?.holdings.meter).toEqual({ number: numbers[1], takenBytes: 0 });
    ledger.release(second);
    teller.publish();
    expect(told.at(-1)?.holdings.meter).toBeUndefined();
  });

  it('are none where they are not to be seen', async () => {
    const teller = new HoldingsTeller({ ledger: new Ledger(), scopes: () => [] });
    const meter = {
      publishTo: () => {
        throw new Error('must not be asked');
      },
    };
    teller.meter(new Ledger().reserve('m', NEED, { clockMs: 0, epochMs: 0 }), meter);
    teller.publishSoon();
    teller.tell();
    teller.publishIfMoved();
    await nextTurn();
  });
});
