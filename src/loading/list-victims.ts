/** Which idle models go to make room, as the user chose. It ends none of them. */
import { invalidOption } from '../core/errors.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { HeldModel } from '../models/held-model.ts';
import { describeModel } from '../models/loaded-model.ts';
import { chooseVictims } from '../policy/choose-victims.ts';
import type { LoadSettings } from './load-settings.ts';

/**
 * None if models stay, or if ending all that are idle would not be enough. The user's own function may choose any of them.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if that function returns no list.
 */
export function listVictims(
  evict: LoadSettings['evict'],
  idle: readonly HeldModel[],
  missingBytes: number,
): readonly HeldModel[] {
  if (evict === 'never' || idle.length === 0) return [];
  if (evict === 'idle')
    return chooseVictims(idle, ({ facts }) => neededBytes(facts.reservation.need), missingBytes) ?? [];
  const shown = idle.map(describeModel);
  const chosen: unknown = evict(shown, missingBytes);
  if (!Array.isArray(chosen))
    throw invalidOption('evict', 'a function that returns some of the models given to it', chosen);
  return idle.filter((_, index) => chosen.includes(shown[index]!));
}
