/** Takes what other processes hold, and what the first load waits for, off each of our scopes. Pure arithmetic. */
import type { HeldFile } from '../core/types.ts';
import type { WaitingLoad } from './ledger-record.ts';
import { findFirstWaiting, type PublishedLine } from './waiting-order.ts';

/** Another process or thread with a guard, alive when it was looked at. */
export interface Peer extends PublishedLine {
  /** The same process: it shares every scope with us, also those of the process alone. */
  readonly ownProcess: boolean;
  /** Empty if it has not read its scopes yet: then it may share any with us. */
  readonly scopes: readonly string[];
  readonly files: readonly HeldFile[];
  readonly promisedMappedBytes: number;
  readonly promisedAnonymousBytes: number;
  /** The part of it that a load under way may be taking now. */
  readonly loadingAnonymousBytes: number;
}

/** Where a load stands in the line of those that wait. */
export interface PlaceInLine {
  /** The first load of our own that waits before it. It shares every scope with us. */
  readonly ownFirst: WaitingLoad | undefined;
  /** Loads of others that joined the line before this count, in microseconds of the machine's monotonic clock. */
  readonly beforeUs: number;
  /** That clock now. */
  readonly nowUs: number;
}

/** One scope of ours. `key` names it for all processes; it is absent for a limit of this process alone. */
export interface KeyedScope {
  readonly key?: string;
  readonly availableBytes: number;
}

/** What the peers leave, each figure the smallest over our scopes, in bytes. */
export interface PeerHeadroom {
  /** After their mapped files, their reservations and what the first load waits for that waits before ours. */
  readonly headroomBytes: number;
  /** The same of anonymous bytes alone: mapped bytes stay available to the system. */
  readonly availableBytes: number;
  /** The most that is kept in any scope for the load that waits first there. */
  readonly waitingBytes: number;
  /** Whether the scope with the least left gives both figures, also after all that was taken off. */
  readonly smallestBinds: boolean;
  /** The first figure scope by scope, without what is reserved for loads under way: it shows in the scope as it is taken. */
  readonly scopesBytes: readonly number[];
}

/**
 * Subtracts the peers' holdings from each scope. `ownFiles` are counted already; a file counts once however many processes map
 * it. Of the loads that wait in a scope before this place in the line, only the first has memory kept for it: those behind it are
 * kept back by it, not by each other.
 */
export function subtractPeers(
  scopes: readonly KeyedScope[],
  peers: readonly Peer[],
  ownFiles: ReadonlySet<string>,
  { ownFirst, beforeUs, nowUs }: PlaceInLine,
): PeerHeadroom {
  const left = { headroomBytes: Number.POSITIVE_INFINITY, availableBytes: Number.POSITIVE_INFINITY, waitingBytes: 0 };
  const scopesBytes: number[] = [];
  let smallest: { readonly bytes: number; readonly headroomBytes: number; readonly availableBytes: number } | undefined;
  const firsts = new Map(peers.map((peer) => [peer, findFirstWaiting(peer.waiting, beforeUs, nowUs)]));
  for (const { key, availableBytes } of scopes) {
    const sharing = peers.filter((peer) => sharesScope(peer, key));
    const files = new Map<string, number>();
    let [mappedBytes, anonymousBytes, loadingBytes] = [0, 0, 0];
    let first = ownFirst;
    for (const peer of sharing) {
      mappedBytes += peer.promisedMappedBytes;
      anonymousBytes += peer.promisedAnonymousBytes;
      loadingBytes += peer.loadingAnonymousBytes;
      for (const file of peer.files) {
        if (!ownFiles.has(file.key)) files.set(file.key, Math.max(files.get(file.key) ?? 0, file.bytes));
      }
      const theirs = firsts.get(peer);
      if (theirs && theirs.sinceUs < (first?.sinceUs ?? beforeUs)) first = theirs;
    }
    for (const bytes of files.values()) mappedBytes += bytes;
    const freeBytes = availableBytes - mappedBytes - anonymousBytes;
    const [keptMapped, keptAnonymous] = [first?.mappedBytes ?? 0, first?.anonymousBytes ?? 0];
    const after = {
      headroomBytes: freeBytes - keptMapped - keptAnonymous,
      availableBytes: availableBytes - anonymousBytes - keptAnonymous,
    };
    left.headroomBytes = Math.min(left.headroomBytes, after.headroomBytes);
    left.availableBytes = Math.min(left.availableBytes, after.availableBytes);
    if (!smallest || availableBytes < smallest.bytes) smallest = { bytes: availableBytes, ...after };
    left.waitingBytes = Math.max(left.waitingBytes, keptMapped + keptAnonymous);
    scopesBytes.push(freeBytes + loadingBytes);
  }
  const smallestBinds =
    smallest?.headroomBytes === left.headroomBytes && smallest.availableBytes === left.availableBytes;
  return { ...left, smallestBinds, scopesBytes };
}

function sharesScope({ ownProcess, scopes }: Peer, key: string | undefined): boolean {
  return ownProcess || scopes.length === 0 || (key !== undefined && scopes.includes(key));
}
