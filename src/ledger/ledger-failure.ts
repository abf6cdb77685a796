/** Why a ledger can't be used, and what a load that must be decided without it is told. */
import { describeError, MemoryGuardError } from '../core/errors.ts';

/** What happens to loads while the ledger can't be used, although there is one. */
export type OnLedgerFailure = 'refuse' | 'alone';

/** Something of the ledger is not as it must be. The message is one sentence. */
export class LedgerFailure extends Error {
  override readonly name = 'LedgerFailure';
}

/** No ledger can exist in a place, for this process or any other of its user. The message says of the place why. */
export class NoLedgerHere extends LedgerFailure {}

/** The members of this file meet in another one by now. */
export class LedgerMoved extends LedgerFailure {}

/** What a load is refused with. */
export function ledgerError(directory: string, cause: unknown): MemoryGuardError {
  const reason = cause instanceof LedgerFailure ? cause.message : describeError(cause);
  const found = `found that the ledger in ${directory} can't be used (${reason.replace(/\.$/, '')})`;
  return new MemoryGuardError(
    'ERR_LEDGER',
    `Expected to know what other processes hold, ${found}: mend that, or set \`onLedgerFailure: 'alone'\` to count this process alone.`,
    { cause },
  );
}
