/** Which idle models are ended so that a load fits. Pure: it knows numbers and no models, and ends nothing. */
import { neededBytes } from '../core/needed-bytes.ts';
import type { LoadNeed } from '../core/types.ts';
import type { RuleVerdict } from './admission-rules.ts';
import { findCheapestCover } from './cheapest-cover.ts';

/** A model that may be ended. */
export interface Evictable {
  readonly need: LoadNeed;
  /** Uses per millisecond, recent ones counting more. */
  readonly useRate: number;
  /** What loading it again takes. */
  readonly reloadMs: number;
  /** It was loaded so short a time ago that it should stay. */
  readonly young: boolean;
}

/** So many bytes must come free for a load to pass its rules. */
export interface Shortfall {
  /** Of any kind. */
  readonly bytes: number;
  /** Of these, anonymous ones: mapped files never left what the system calls available. */
  readonly anonymousBytes: number;
}

/** What is missing until every rule would pass. */
export function findShortfall(rules: readonly RuleVerdict[]): Shortfall {
  const most = (named: (rule: RuleVerdict['rule']) => boolean) =>
    rules.reduce(
      (missing, { rule, requiredBytes, foundBytes }) =>
        named(rule) ? Math.max(missing, requiredBytes - foundBytes) : missing,
      0,
    );
  return {
    bytes: most((rule) => rule !== 'free-ratio-after-load'),
    anonymousBytes: most((rule) => rule === 'free-ratio-after-load'),
  };
}

/**
 * Of the sets that free enough, the one that costs least: for each model the loading time that its absence is expected to cost per time,
 * which is its rate of use times what a reload takes. A young model goes only if all others are not enough. Empty if all together are
 * not, or if nothing is missing.
 */
export function chooseEvictions<T extends Evictable>(idle: readonly T[], shortfall: Shortfall): readonly T[] {
  const missing = [shortfall.bytes, shortfall.anonymousBytes];
  const offers = idle.map((model) => ({
    model,
    yields: [neededBytes(model.need), model.need.anonymousBytes],
    cost: model.useRate * model.reloadMs,
  }));
  const settled = offers.filter(({ model }) => !model.young);
  // More than all costs together, so that as few young ones go as can be.
  const youngCost = offers.reduce((sum, { cost }) => sum + cost, 1);
  const dear = offers.map((offer) => (offer.model.young ? { ...offer, cost: offer.cost + youngCost } : offer));
  const chosen = findCheapestCover(settled, missing) ?? findCheapestCover(dear, missing) ?? [];
  return chosen.map(({ model }) => model);
}
