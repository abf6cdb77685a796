/** Which idle models go to make room, as the user chose. It ends none of them. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { HeldModel } from '../models/held-model.ts';
import { describeModel } from '../models/loaded-model.ts';
import { chooseVictims } from '../policy/choose-victims.ts';
import type { LoadSettings } from './load-settings.ts';

/** None if models stay, or if ending all that are idle would not be enough. The user's own function may choose any of them. */
export function listVictims(
  evict: LoadSettings['evict'],
  idle: readonly HeldModel[],
  missingBytes: number,
): readonly HeldModel[] {
  if (evict === 'never' || idle.length === 0) return [];
  if (evict === 'idle')
    return chooseVictims(idle, ({ facts }) => neededBytes(facts.reservation.need), missingBytes) ?? [];
  const shown = idle.map(describeModel);
  const chosen = evict(shown, missingBytes);
  return idle.filter((_, index) => chosen.includes(shown[index]!));
}
