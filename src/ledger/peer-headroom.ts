/** Takes what other processes hold off each scope that we share with them. Pure arithmetic. */
import type { HeldFile } from '../core/types.ts';
import type { WaitingLoad } from './ledger-record.ts';

/** Another process or thread with a guard, alive when it was looked at. */
export interface Peer {
  /** The same process: it shares every scope with us, also those of the process alone. */
  readonly ownProcess: boolean;
  /** Empty if it has not read its scopes yet: then it may share any with us. */
  readonly scopes: readonly string[];
  readonly files: readonly HeldFile[];
  readonly promisedMappedBytes: number;
  readonly promisedAnonymousBytes: number;
  /** The part of it that a load under way may be taking now. */
  readonly loadingAnonymousBytes: number;
  readonly waiting: readonly WaitingLoad[];
}

/** One scope of ours. `key` names it for all processes; it is absent for a limit of this process alone. */
export interface KeyedScope {
  readonly key?: string;
  readonly availableBytes: number;
}

/** What the peers leave, each figure the smallest over our scopes, in bytes. */
export interface PeerHeadroom {
  /** After their mapped files, their reservations and the loads that wait before ours. */
  readonly headroomBytes: number;
  /** After reservations and waiting loads that are anonymous: mapped bytes stay available to the system. */
  readonly availableBytes: number;
  /** The most that is kept in any scope for loads that wait. */
  readonly waitingBytes: number;
  /** The first figure scope by scope, without what is reserved for loads under way: it shows in the scope as it is taken. */
  readonly scopesBytes: readonly number[];
}

/**
 * Subtracts the peers' holdings from each scope. `ownFiles` are counted already; a file counts once however many processes map
 * it. Of the loads that wait, those count that joined the line before `beforeUs`.
 */
export function subtractPeers(
  scopes: readonly KeyedScope[],
  peers: readonly Peer[],
  ownFiles: ReadonlySet<string>,
  beforeUs: number,
): PeerHeadroom {
  const left = { headroomBytes: Number.POSITIVE_INFINITY, availableBytes: Number.POSITIVE_INFINITY, waitingBytes: 0 };
  const scopesBytes: number[] = [];
  for (const { key, availableBytes } of scopes) {
    const sharing = peers.filter((peer) => sharesScope(peer, key));
    const files = new Map<string, number>();
    let [mappedBytes, anonymousBytes, loadingBytes, waitingBytes] = [0, 0, 0, 0];
    for (const peer of sharing) {
      mappedBytes += peer.promisedMappedBytes;
      anonymousBytes += peer.promisedAnonymousBytes;
      loadingBytes += peer.loadingAnonymousBytes;
      for (const file of peer.files) {
        if (!ownFiles.has(file.key)) files.set(file.key, Math.max(files.get(file.key) ?? 0, file.bytes));
      }
      for (const load of listWaitingBefore([peer], beforeUs)) {
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

function sharesScope({ ownProcess, scopes }: Peer, key: string | undefined): boolean {
  return ownProcess || scopes.length === 0 || (key !== undefined && scopes.includes(key));
}

/** Lists the loads of these peers that came before. */
export function listWaitingBefore(peers: readonly Peer[], beforeUs: number): readonly WaitingLoad[] {
  return peers.flatMap(({ waiting }) => waiting.filter(({ sinceUs }) => sinceUs < beforeUs));
}
