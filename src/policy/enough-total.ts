/** So large a limit lets a refused candidate in. Pure: it knows rules and no machine. */
import type { CandidateVerdict } from './choose-candidate.ts';
import { DEFAULT_MIN_FREE_RATIO, minFreeBytesByTotal } from './reserves.ts';

/**
 * The least total for which every rule passes, if whatever the limit rises by can be taken. What goes by the total is asked anew of the
 * larger one.
 */
export function findEnoughTotal({ rules, need }: CandidateVerdict, totalBytes: number): number {
  const minFreeBytes = rules.find(({ rule }) => rule === 'min-free')?.requiredBytes ?? 0;
  const byTotal = minFreeBytes === minFreeBytesByTotal(totalBytes);
  const keptOf = (bytes: number) => (byTotal ? minFreeBytesByTotal(bytes) : minFreeBytes);
  const requiredOf = (rule: CandidateVerdict['rules'][number], bytes: number) => {
    if (rule.rule === 'headroom') return rule.requiredBytes;
    if (rule.rule === 'min-free') return keptOf(bytes);
    // The share that is asked for, or as much as the load takes if that is less.
    const ownBytes = Math.max(keptOf(bytes), need.anonymousBytes);
    const capped = byTotal && rule.requiredBytes <= Math.ceil(totalBytes * DEFAULT_MIN_FREE_RATIO);
    const share = capped ? DEFAULT_MIN_FREE_RATIO : rule.requiredBytes / totalBytes;
    return capped ? Math.min(share * bytes, ownBytes) : share * bytes;
  };
  let enough = totalBytes;
  // What is missing shrinks at least fourfold with each step.
  for (let step = 0; step < 60; step++) {
    const missing = rules.map((each) => requiredOf(each, enough) - (each.foundBytes + enough - totalBytes));
    const most = Math.ceil(Math.max(0, ...missing));
    if (most === 0) break;
    enough += most;
  }
  return enough;
}
