/** Which idle models go to make room, as the user chose. It ends none of them. */
import { invalidOption } from '../core/errors.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { EvictionChoice } from '../events/guard-events.ts';
import type { HeldModel } from '../models/held-model.ts';
import { describeModel } from '../models/loaded-model.ts';
import type { CandidateVerdict } from '../policy/choose-candidate.ts';
import { chooseEvictions, type Evictable, findShortfall } from '../policy/choose-evictions.ts';
import type { LoadSettings } from './load-settings.ts';

/** The load that asks for room. */
export interface RoomRequest extends Pick<CandidateVerdict, 'rules' | 'shortfallBytes'> {
  readonly model: string;
  readonly nowMs: number;
  /** The smallest limit over all scopes. */
  readonly totalBytes: number;
  /** It can still wait for young models to grow older. */
  readonly sparesYoung: boolean;
}

/** A model that goes, and why that one. */
export interface Victim {
  readonly held: HeldModel;
  readonly choice: EvictionChoice;
}

/**
 * None if models stay, or if ending all that may go would not be enough. The user's own function may choose any of them, young ones too.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if that function returns no list.
 */
export function listVictims(
  { evict, minResidencyMs }: Pick<LoadSettings, 'evict' | 'minResidencyMs'>,
  idle: readonly HeldModel[],
  request: RoomRequest,
): readonly Victim[] {
  if (evict === 'never' || idle.length === 0) return [];
  const judge = judgeAt(request.nowMs, minResidencyMs, measureRate(idle));
  const victims = idle.map((held) => ({ held, ...judge(held) }));
  const chosen =
    evict === 'idle'
      ? chooseEvictions(
          victims.filter(({ young }) => !(young && request.sparesYoung)),
          findShortfall(request.rules),
        )
      : filterChosen(evict, victims, request);
  return chosen.map(({ held, young, reloadMs }) => {
    const idleMs = held.uses.idleMs(request.nowMs);
    return { held, choice: { madeRoomFor: request.model, idleMs, reloadMs, young } };
  });
}

/** Bytes that loads bring in a millisecond, by those that were measured. If none was, all models are alike in that. */
function measureRate(idle: readonly HeldModel[]): number {
  const timed = idle.filter(({ facts }) => facts.loadMs > 0);
  const bytes = timed.reduce((sum, { facts }) => sum + neededBytes(facts.reservation.need), 0);
  const ms = timed.reduce((sum, { facts }) => sum + facts.loadMs, 0);
  return bytes > 0 ? bytes / ms : 2 ** 20;
}

/** A reload takes as long as the load took; if that was too short to be measured, as its bytes take by the others' rate. */
function judgeAt(nowMs: number, minResidencyMs: number, bytesPerMs: number): (held: HeldModel) => Evictable {
  return ({ facts, uses, roomBytes }) => {
    const { need: own } = facts.reservation;
    const need = { ...own, anonymousBytes: own.anonymousBytes + roomBytes };
    return {
      need,
      useRate: uses.rate(nowMs),
      reloadMs: facts.loadMs > 0 ? facts.loadMs : neededBytes(need) / bytesPerMs,
      young: nowMs - facts.loadedMs < minResidencyMs,
    };
  };
}

function filterChosen<V extends { readonly held: HeldModel }>(
  evict: Exclude<LoadSettings['evict'], string>,
  victims: readonly V[],
  { totalBytes, shortfallBytes }: RoomRequest,
): readonly V[] {
  const shown = victims.map(({ held }) => describeModel(held, totalBytes));
  const chosen: unknown = evict(shown, shortfallBytes);
  if (!Array.isArray(chosen))
    throw invalidOption('evict', 'a function that returns some of the models given to it', chosen);
  return victims.filter((_, index) => chosen.includes(shown[index]!));
}
