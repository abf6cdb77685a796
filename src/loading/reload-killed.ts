/** Whether, and as what, a model is loaded again whose process was killed. It loads nothing. */
import type { Clock } from '../core/clock.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import type { PreparedLoad } from './prepare-load.ts';

/** A model that is killed more often within this time stays gone: something else is wrong. */
const MOST_RELOADS = 3;
const WITHIN_MS = 10 * 60_000;

/** The kills that a load comes after. */
export interface KillHistory {
  /** When they happened, by the guard's clock. */
  readonly killsMs: readonly number[];
  /** The load with what is left for it to choose from. */
  narrow(load: PreparedLoad): PreparedLoad;
}

/**
 * Returns what is to be called once the load's process is killed: it returns the way to load it again, or `undefined` if it stays gone.
 * `load` may come after kills itself.
 */
export function planReload(
  load: PreparedLoad,
  loaded: Candidate,
  clock: Clock,
  reload: (history: KillHistory) => Promise<unknown>,
): () => (() => Promise<unknown>) | undefined {
  const { onKilled = 'fail' } = load.adapter.processes ?? {};
  const former = load.killsMs ?? [];
  const listRecent = (killsMs: readonly number[]) => killsMs.filter((atMs) => clock.nowMs() - atMs < WITHIN_MS);
  const narrow = (next: PreparedLoad) => (onKilled === 'reload-smaller' ? keepSmaller(next, loaded) : next);
  return () => {
    const before = listRecent(former);
    if (onKilled === 'fail' || before.length >= MOST_RELOADS) return undefined;
    let killsMs = [...before, clock.nowMs()];
    return async () => {
      killsMs = listRecent(killsMs);
      if (killsMs.length > MOST_RELOADS) throw killedTooOften(load.request.name);
      try {
        return await reload({ killsMs, narrow });
      } catch (error) {
        if (isKilled(error)) killsMs = [...killsMs, clock.nowMs()];
        throw error;
      }
    };
  };
}

function killedTooOften(name: string): MemoryGuardError {
  const message = `The process of ${name} was killed more than ${MOST_RELOADS} times within ${WITHIN_MS / 60_000} minutes; load it again once there is memory for it.`;
  return new MemoryGuardError('ERR_MODEL_KILLED', message);
}

function isKilled(error: unknown): boolean {
  return error instanceof MemoryGuardError && error.code === 'ERR_MODEL_KILLED';
}

/** The load without the candidates that need as much as the one that was killed. The smallest stays. */
function keepSmaller(load: PreparedLoad, killed: Candidate): PreparedLoad {
  return {
    ...load,
    listCandidates(recommend) {
      const request = load.listCandidates(recommend);
      const mostBytes = neededBytes(killed.need);
      const smaller = request.candidates.flatMap((candidate) => shrink(candidate, mostBytes));
      const last = request.candidates.at(-1)!;
      return { ...request, candidates: smaller.length > 0 ? smaller : [shrinkToLeast(last)] };
    },
  };
}

/** The candidate with the largest context, in halves, that needs less than so much; none if none does. */
function shrink(candidate: Candidate, mostBytes: number): readonly Candidate[] {
  const { smaller, contextSize } = candidate;
  if (neededBytes(candidate.need) < mostBytes) return [candidate];
  if (!smaller || contextSize === undefined) return [];
  for (let size = Math.floor(contextSize / 2); size >= smaller.leastContextSize; size = Math.floor(size / 2)) {
    const shrunk = smaller.at(size);
    if (neededBytes(shrunk.need) < mostBytes) return [{ ...shrunk, smaller }];
  }
  const least = shrinkToLeast(candidate);
  return neededBytes(least.need) < mostBytes ? [least] : [];
}

function shrinkToLeast(candidate: Candidate): Candidate {
  const { smaller } = candidate;
  return smaller ? { ...smaller.at(smaller.leastContextSize), smaller } : candidate;
}
