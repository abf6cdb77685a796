import { describe, expect, it } from 'vitest';
import type { WaitingLoad } from '../../src/ledger/ledger-record.ts';
import { type Peer, type PlaceInLine, subtractPeers } from '../../src/ledger/peer-headroom.ts';

const peer = (changes: Partial<Peer> = {}): Peer => ({
  ownProcess: false,
  scopes: ['host', 'group'],
  files: [],
  promisedMappedBytes: 0,
  promisedAnonymousBytes: 0,
  loadingAnonymousBytes: 0,
  waiting: [],
  waitingCount: 0,
  ...changes,
});
const scopes = [
  { key: 'host', availableBytes: 1000 },
  { key: 'group', availableBytes: 500 },
];
const none: ReadonlySet<string> = new Set();
const last: PlaceInLine = { ownFirst: undefined, beforeUs: Number.POSITIVE_INFINITY, nowUs: 1000 };
const left = (peers: readonly Peer[], own = none, place: Partial<PlaceInLine> = {}) =>
  subtractPeers(scopes, peers, own, { ...last, ...place });
const waits = (sinceUs: number, bytes: number, more: Partial<WaitingLoad> = {}): WaitingLoad => ({
  label: 'w',
  sinceUs,
  mappedBytes: 0,
  anonymousBytes: bytes,
  ...more,
});

describe('what peers leave', () => {
  it('is everything if they hold nothing', () => {
    expect(left([peer()])).toMatchObject({ headroomBytes: 500, availableBytes: 500, waitingBytes: 0 });
  });

  it('is less by their reservations in a scope that we share, and only there', () => {
    expect(left([peer({ promisedAnonymousBytes: 100 })]).headroomBytes).toBe(400);
    expect(left([peer({ promisedAnonymousBytes: 100, scopes: ['host', 'other'] })]).headroomBytes).toBe(500);
    expect(left([peer({ promisedAnonymousBytes: 700, scopes: ['host', 'other'] })]).headroomBytes).toBe(300);
  });

  it('is less in every scope by a peer that has not said yet where it is charged', () => {
    expect(left([peer({ promisedAnonymousBytes: 100, scopes: [] })]).scopesBytes).toEqual([900, 400]);
  });

  it('is less by each file once, and not by one that we map ourselves', () => {
    const files = [{ key: 'a', bytes: 100 }];
    expect(left([peer({ files }), peer({ files })]).headroomBytes).toBe(400);
    expect(left([peer({ files }), peer({ files: [{ key: 'b', bytes: 50 }] })]).headroomBytes).toBe(350);
    expect(left([peer({ files })], new Set(['a'])).headroomBytes).toBe(500);
  });

  it('keeps mapped bytes available to the system, and no anonymous ones', () => {
    const { availableBytes } = left([peer({ promisedMappedBytes: 70, promisedAnonymousBytes: 30 })]);
    expect(availableBytes).toBe(470);
  });

  it('is less by what waits before us, and not by what came later', () => {
    const waiting = [waits(10, 40, { mappedBytes: 60 })];
    expect(left([peer({ waiting })], none, { beforeUs: 11 })).toMatchObject({
      headroomBytes: 400,
      availableBytes: 460,
      waitingBytes: 100,
    });
    expect(left([peer({ waiting })], none, { beforeUs: 10 })).toMatchObject({
      headroomBytes: 500,
      availableBytes: 500,
      waitingBytes: 0,
    });
  });

  it('is less by what the first one waits for, and not by those behind it', () => {
    const peers = [peer({ waiting: [waits(20, 70), waits(40, 300)] }), peer({ waiting: [waits(10, 50)] })];
    expect(left(peers)).toMatchObject({ headroomBytes: 450, waitingBytes: 50 });
    expect(left(peers, none, { ownFirst: waits(5, 30) })).toMatchObject({ headroomBytes: 470, waitingBytes: 30 });
    expect(left(peers, none, { ownFirst: waits(15, 30) })).toMatchObject({ headroomBytes: 450, waitingBytes: 50 });
  });

  it('is less in each scope by the first that shares that scope', () => {
    const beside = peer({ scopes: ['host', 'other'], waiting: [waits(10, 900)] });
    const within = peer({ waiting: [waits(20, 70)] });
    expect(left([within, beside])).toMatchObject({ headroomBytes: 100, waitingBytes: 900 });
    expect(left([peer({ scopes: ['host', 'other'], waiting: [waits(10, 100)] }), within])).toMatchObject({
      headroomBytes: 430,
      waitingBytes: 100,
    });
  });

  it('is not less by a load whose place has run out', () => {
    const peers = [peer({ waiting: [waits(10, 50, { untilUs: 1000 }), waits(20, 70, { untilUs: 1001 })] })];
    expect(left(peers)).toMatchObject({ headroomBytes: 430, waitingBytes: 70 });
    expect(left(peers, none, { nowUs: 1001 })).toMatchObject({ headroomBytes: 500, waitingBytes: 0 });
  });

  it('is shown scope by scope without what loads under way may be taking already', () => {
    const loading = peer({ promisedAnonymousBytes: 100, loadingAnonymousBytes: 60, promisedMappedBytes: 10 });
    expect(left([loading]).scopesBytes).toEqual([950, 450]);
    expect(left([loading, peer({ promisedAnonymousBytes: 5, scopes: ['host'] })]).scopesBytes).toEqual([945, 450]);
  });

  it('is less in every scope by another thread of our own process', () => {
    const alone = [{ availableBytes: 200 }];
    const thread = peer({ ownProcess: true, promisedAnonymousBytes: 150, scopes: [] });
    expect(subtractPeers(alone, [thread], none, last).headroomBytes).toBe(50);
    const other = { ...thread, ownProcess: false, scopes: ['host'] };
    expect(subtractPeers(alone, [other], none, last).headroomBytes).toBe(200);
  });
});
