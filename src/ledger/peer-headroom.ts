/** What other processes hold, taken off each scope that we share with them. Pure arithmetic. */
import type { HeldFile } from '../core/types.ts';
import type { WaitingLoad } from './ledger-record.ts';

/** Another process or thread with a guard, alive when it was looked at. */
export interface Peer {
  /** The same process: it shares every scope with us, also those of the process alone. */
  readonly ownProcess: boolean;
  readonly scopes: readonly string[];
  readonly files: readonly HeldFile[];
  readonly promisedMappedBytes: number;
  readonly promisedAnonymousBytes: number;
  /** The part of it that a load under way may be taking now. */
  readonly loadingAnonymousBytes: number;
  readonly waiting: readonly WaitingLoad[];
}

/** One scope of ours. `key` names it for all processes; absent for a limit of this process alone. */
export interface KeyedScope {
  readonly key?: string;
  readonly availableBytes: number;
}

/** What the peers leave, each figure the smallest over our scopes. */
export interface Left {
  /** After their mapped files, their promises and the loads that wait before ours. */
  readonly headroomBytes: number;
  /** After promises and waiting loads that are anonymous: mapped bytes stay available to the system. */
  readonly availableBytes: number;
  /** What is kept for loads that wait, where it is most. */
  readonly waitingBytes: number;
  /** The first figure scope by scope, without the promises of loads under way: these show in the scope as they are taken. */
  readonly scopesBytes: readonly number[];
}

/** `ownFiles` are counted already; a file counts once however many processes map it. */
export function leftByPeers(
  scopes: readonly KeyedScope[],
  peers: readonly Peer[],
  ownFiles: ReadonlySet<string>,
  beforeUs: number,
): Left {
  const left = { headroomBytes: Number.POSITIVE_INFINITY, availableBytes: Number.POSITIVE_INFINITY, waitingBytes: 0 };
  const scopesBytes: number[] = [];
  for (const { key, availableBytes } of scopes) {
    const sharing = peers.filter(({ ownProcess, scopes: theirs }) => ownProcess || (key && theirs.includes(key)));
    const files = new Map<string, number>();
    let [mappedBytes, anonymousBytes, loadingBytes, waitingBytes] = [0, 0, 0, 0];
    for (const peer of sharing) {
      mappedBytes += peer.promisedMappedBytes;
      anonymousBytes += peer.promisedAnonymousBytes;
      loadingBytes += peer.loadingAnonymousBytes;
      for (const file of peer.files) {
        if (!ownFiles.has(file.key)) files.set(file.key, Math.max(files.get(file.key) ?? 0, file.bytes));
      }
      for (const load of waitingBefore([peer], beforeUs)) {
        mappedBytes += load.mappedBytes;
        anonymousBytes += load.anonymousBytes;
        waitingBytes += load.mappedBytes + load.anonymousBytes;
      }
    }
    for (const bytes of files.values()) mappedBytes += bytes;
    left.headroomBytes = Math.min(left.headroomBytes, availableBytes - mappedBytes - anonymousBytes);
    left.availableBytes = Math.min(left.availableBytes, availableBytes - anonymousBytes);
    left.waitingBytes = Math.max(left.waitingBytes, waitingBytes);
    scopesBytes.push(availableBytes - mappedBytes - anonymousBytes + loadingBytes);
  }
  return { ...left, scopesBytes };
}

/** Loads of these peers that came before. */
export function waitingBefore(peers: readonly Peer[], beforeUs: number): readonly WaitingLoad[] {
  return peers.flatMap(({ waiting }) => waiting.filter(({ sinceUs }) => sinceUs < beforeUs));
}
