import { describe, expect, it } from 'vitest';
import { FIRST, MemoryViewer, type MemoryViewParts } from '../../src/admission/memory-view.ts';
import type { MemoryReader } from '../../src/core/memory-reader.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger, type WaitTicket } from '../../src/ledger/ledger.ts';
import type { Peer } from '../../src/ledger/peer-headroom.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';

const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });
const ticket = (sinceUs: number, anonymousBytes: number, mappedBytes = 0): WaitTicket => ({
  label: 'w',
  sinceUs,
  untilUs: Number.POSITIVE_INFINITY,
  mappedBytes,
  anonymousBytes,
});
const NOW = { clockMs: 0, epochMs: 0 };
const peer = (more: Partial<Peer> = {}): Peer => ({
  ownProcess: false,
  scopes: ['group'],
  files: [],
  promisedMappedBytes: 0,
  promisedAnonymousBytes: 0,
  loadingAnonymousBytes: 0,
  waiting: [],
  waitingCount: 0,
  ...more,
});

/** A view of a machine of 1000 bytes, 100 of them available, and the order in which it is read. */
function viewing(parts: Partial<MemoryViewParts> = {}) {
  const order: string[] = [];
  const ledger = new Ledger();
  const reader = new InjectedReader(() => {
    order.push('machine');
    return { totalBytes: 1000, availableBytes: 100 };
  });
  return { order, ledger, viewer: new MemoryViewer({ reader, ledger, nowMs: () => 0, ...parts }) };
}

/** The same machine, whose scopes have names that peers know, and are read one by one. */
function withScopes(more: Partial<MemoryReader> = {}): MemoryReader {
  const plain = new InjectedReader(() => ({ totalBytes: 1000, availableBytes: 100 }));
  return {
    source: 'procfs',
    measure: () => plain.measure(),
    snapshot: () => plain.snapshot(),
    scopeKeys: () => ['group', undefined],
    close() {},
    ...more,
  };
}

describe('a view', () => {
  it('reads the other processes, then the machine', () => {
    const order: string[] = [];
    const { viewer, order: own } = viewing({
      shared: {
        peers() {
          order.push(...own, 'peers');
          return [];
        },
      },
    });
    viewer.look(FIRST);
    expect([order, own]).toEqual([['peers'], ['machine']]);
  });

  it('takes what is promised and mapped off the headroom, and not off what is available', () => {
    const { viewer, ledger } = viewing();
    ledger.markLoaded(ledger.reserve('m', need(10, 20), NOW), [{ key: 'file', bytes: 20 }]);
    expect(viewer.look(FIRST)).toMatchObject({
      totalBytes: 1000,
      availableBytes: 100,
      headroomBytes: 70,
      promisedAnonymousBytes: 10,
      waitingBytes: 0,
    });
  });

  it('does not guess if the machine can’t be read', () => {
    const { viewer } = viewing({ reader: new InjectedReader(() => ({ totalBytes: 1, availableBytes: Number.NaN })) });
    expect(() => viewer.look(FIRST)).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
  });
});

describe('what loads wait for', () => {
  const waiting = () => {
    const found = viewing();
    const tickets = [ticket(0, 10, 1), ticket(1, 20, 2)];
    for (const each of tickets) found.ledger.wait(each);
    return { ...found, tickets };
  };

  it('is kept for the first one, and not before itself', () => {
    const { viewer, tickets } = waiting();
    expect(viewer.look(tickets[0])).toMatchObject({ waitingBytes: 0, headroomBytes: 100, promisedAnonymousBytes: 0 });
    expect(viewer.look(tickets[1])).toMatchObject({ waitingBytes: 11, headroomBytes: 89, promisedAnonymousBytes: 10 });
  });

  it('is kept for the first one alone before a load that has no place', () => {
    expect(waiting().viewer.look(undefined)).toMatchObject({ waitingBytes: 11, headroomBytes: 89 });
  });

  it('is not kept before a look that stands first', () => {
    expect(waiting().viewer.look(FIRST)).toMatchObject({ waitingBytes: 0, headroomBytes: 100 });
  });

  it('is kept for loads of other processes as well', () => {
    const peers = () => [peer({ waiting: [ticket(5, 30)], waitingCount: 1 })];
    const { viewer } = viewing({ reader: withScopes(), shared: { peers } });
    expect(viewer.look(ticket(6, 1))).toMatchObject({ waitingBytes: 30, headroomBytes: 70 });
    expect(viewer.look(FIRST)).toMatchObject({ waitingBytes: 0, headroomBytes: 100 });
  });
});

describe('what loads have taken', () => {
  it.each([true, false])(
    'pays for what was promised to them, if another thread holds promises too (%s)',
    (ownProcess) => {
      const shared = { peers: () => [peer({ ownProcess, promisedAnonymousBytes: 7 })] };
      const { ledger, viewer } = viewing({ reader: withScopes(), shared });
      ledger.noteTaken(ledger.reserve('m', need(50), NOW), 30);
      expect(viewer.look(FIRST)).toMatchObject({ promisedAnonymousBytes: 27, headroomBytes: 73 });
    },
  );
});

describe('a view into the scopes', () => {
  it('has what each of them has left, without the promises of loads under way', () => {
    const measure = { totalBytes: 1000, availableBytes: 100, hostBinds: false };
    const reader = withScopes({ measureScopes: () => ({ measure, availableBytes: [300, 100] }) });
    const { viewer, ledger } = viewing({ reader });
    ledger.reserve('under way', need(10), NOW);
    ledger.markLoaded(ledger.reserve('loaded', need(20), NOW), undefined);
    expect(viewer.look(FIRST, true)).toMatchObject({ headroomBytes: 70, scopesBytes: [280, 80] });
  });

  it('is taken from a snapshot if the reader can’t measure them apart', () => {
    expect(viewing().viewer.look(FIRST, true).scopesBytes).toEqual([100]);
  });

  it('is not given if nobody asks for it', () => {
    expect(viewing().viewer.look(FIRST)).not.toHaveProperty('scopesBytes');
  });
});

describe('a view of a moment that was read just now', () => {
  it('has that reading once more, with what is reserved since', () => {
    let readings = 0;
    const measure = { totalBytes: 1000, availableBytes: 100, hostBinds: false };
    const reader = withScopes({
      measureScopes() {
        readings += 1;
        return { measure, availableBytes: [300, 100] };
      },
    });
    const { viewer, ledger } = viewing({ reader });
    viewer.look(undefined);
    ledger.reserve('m', need(10, 20), NOW);
    expect(viewer.look(FIRST, true, true)).toMatchObject({ headroomBytes: 70, scopesBytes: [280, 80] });
    expect(readings).toBe(1);
    viewer.look(FIRST, true);
    expect(readings).toBe(2);
  });

  it('is read anew if the scopes were not read one by one, or nothing was read', () => {
    const { viewer, order } = viewing();
    viewer.look(FIRST, false, true);
    viewer.look(FIRST, true, true);
    expect(order.filter((each) => each === 'machine')).toHaveLength(2);
  });

  it('is read anew if it is not the same moment any more', () => {
    let nowMs = 0;
    const { viewer, order } = viewing({ nowMs: () => nowMs });
    const readings = [0, 10, 11].map((atMs) => {
      nowMs = atMs;
      viewer.look(FIRST, false, true);
      return order.filter((each) => each === 'machine').length;
    });
    expect(readings).toEqual([1, 1, 2]);
  });
});

describe('the names of the scopes', () => {
  it('are those of the last reading, without the limits of this process alone', () => {
    const { viewer } = viewing({ reader: withScopes(), shared: { peers: () => [] } });
    expect(viewer.scopes).toEqual([]);
    viewer.look(FIRST);
    expect(viewer.scopes).toEqual(['group']);
  });

  it('are not asked for if no other process is seen', () => {
    const { viewer } = viewing({ reader: withScopes() });
    viewer.look(FIRST);
    expect(viewer.scopes).toEqual([]);
  });
});

describe('a view of scopes that are read quickly', () => {
  /** 100 bytes are left in the group, and at least 120 on the host: 400 in truth. */
  function quickly(...peers: Peer[]) {
    let snapshots = 0;
    const plain = withScopes();
    const [host, group] = [400, 100].map((availableBytes) => ({ ...plain.snapshot().scopes[0]!, availableBytes }));
    const reader = withScopes({
      scopeKeys: () => ['host', 'group'],
      measureScopes: () => ({ measure: plain.measure(), availableBytes: [120, 100] }),
      snapshot() {
        snapshots += 1;
        return { ...plain.snapshot(), scopes: [host!, group!] };
      },
    });
    const { viewer } = viewing({ reader, shared: { peers: () => peers } });
    return { view: viewer.look(FIRST), snapshots };
  }

  it('is as exact as one of a snapshot while the scope with the least left is the one that binds', () => {
    const both = peer({ scopes: ['host', 'group'], promisedAnonymousBytes: 30 });
    const { view, snapshots } = quickly(both);
    expect(view).toMatchObject({ headroomBytes: 70, promisedAnonymousBytes: 30 });
    expect(snapshots).toBe(0);
  });

  it('is made from a snapshot if others have taken more of another scope', () => {
    const { view, snapshots } = quickly(peer({ scopes: ['host'], promisedAnonymousBytes: 30 }));
    expect(view).toMatchObject({ headroomBytes: 100, promisedAnonymousBytes: 0 });
    expect(snapshots).toBe(1);
  });
});
