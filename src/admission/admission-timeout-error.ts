/** The error of a load whose time to wait is over. It decides nothing. */
import { MemoryGuardError } from '../core/errors.ts';
import type { AdmissionRule } from '../policy/admission-rules.ts';
import type { Decision, RefusalReason } from '../policy/decision.ts';
import { InsufficientMemoryError, type RefusalNumbers } from './insufficient-memory-error.ts';

/**
 * `ERR_ADMISSION_TIMEOUT`: a load waited for its `timeoutMs`. The numbers are those of the last look, as in a refusal. They are absent
 * if the load was never looked at: other loads took so long, or another process held the ledger's lock for two seconds.
 */
export class AdmissionTimeoutError extends MemoryGuardError implements Partial<RefusalNumbers> {
  protected static override readonly brand: symbol = Symbol.for('nexa-memory-guard.AdmissionTimeoutError');
  declare readonly code: 'ERR_ADMISSION_TIMEOUT';
  /** How long the load waited, in milliseconds. */
  readonly waitedMs: number;
  declare readonly reason?: RefusalReason;
  declare readonly retryAfterMs?: number;
  declare readonly requiredBytes?: number;
  declare readonly headroomBytes?: number;
  declare readonly availableBytes?: number;
  declare readonly shortfallBytes?: number;
  declare readonly refusedBy?: readonly AdmissionRule[];
  declare readonly plan?: Decision;

  /** `cause` is the refusal of the last look, or why there was none. */
  constructor(message: string, waitedMs: number, cause?: MemoryGuardError) {
    super('ERR_ADMISSION_TIMEOUT', message, cause && { cause });
    this.waitedMs = waitedMs;
    if (!(cause instanceof InsufficientMemoryError)) return;
    const { reason, retryAfterMs, requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan } =
      cause;
    Object.assign(this, { ...(reason && { reason }), ...(retryAfterMs !== undefined && { retryAfterMs }) });
    Object.assign(this, { requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan });
  }
}
