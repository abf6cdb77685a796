import { describe, expect, it } from 'vitest';
import { type Peer, subtractPeers } from '../../src/ledger/peer-headroom.ts';

const peer = (changes: Partial<Peer> = {}): Peer => ({
  ownProcess: false,
  scopes: ['host', 'group'],
  files: [],
  promisedMappedBytes: 0,
  promisedAnonymousBytes: 0,
  loadingAnonymousBytes: 0,
  waiting: [],
  ...changes,
});
const scopes = [
  { key: 'host', availableBytes: 1000 },
  { key: 'group', availableBytes: 500 },
];
const none: ReadonlySet<string> = new Set();
const left = (peers: readonly Peer[], own = none, beforeUs = Number.POSITIVE_INFINITY) =>
  subtractPeers(scopes, peers, own, beforeUs);

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
    const waiting = [{ label: 'w', sinceUs: 10, mappedBytes: 60, anonymousBytes: 40 }];
    expect(left([peer({ waiting })], none, 11)).toMatchObject({
      headroomBytes: 400,
      availableBytes: 460,
      waitingBytes: 100,
    });
    expect(left([peer({ waiting })], none, 10)).toMatchObject({
      headroomBytes: 500,
      availableBytes: 500,
      waitingBytes: 0,
    });
  });

  it('is shown scope by scope without what loads under way may be taking already', () => {
    const loading = peer({ promisedAnonymousBytes: 100, loadingAnonymousBytes: 60, promisedMappedBytes: 10 });
    expect(left([loading]).scopesBytes).toEqual([950, 450]);
    expect(left([loading, peer({ promisedAnonymousBytes: 5, scopes: ['host'] })]).scopesBytes).toEqual([945, 450]);
  });

  it('is less in every scope by another thread of our own process', () => {
    const alone = [{ availableBytes: 200 }];
    const thread = peer({ ownProcess: true, promisedAnonymousBytes: 150, scopes: [] });
    expect(subtractPeers(alone, [thread], none, 0).headroomBytes).toBe(50);
    const other = { ...thread, ownProcess: false, scopes: ['host'] };
    expect(subtractPeers(alone, [other], none, 0).headroomBytes).toBe(200);
  });
});
