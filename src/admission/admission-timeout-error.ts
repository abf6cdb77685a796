/** The error of a load whose time to wait is over. It decides nothing. */
import { MemoryGuardError } from '../core/errors.ts';
import type { AdmissionRule } from '../policy/admission-rules.ts';
import type { Decision } from '../policy/decision.ts';
import type { InsufficientMemoryError, RefusalNumbers } from './insufficient-memory-error.ts';

/**
 * `ERR_ADMISSION_TIMEOUT`: a load waited for its `timeoutMs`. The numbers are those of the last look, as in a refusal. They are absent
 * if other loads took so long that this one was never looked at.
 */
export class AdmissionTimeoutError extends MemoryGuardError implements Partial<RefusalNumbers> {
  protected static override readonly brand: symbol = Symbol.for('nexa-memory-guard.AdmissionTimeoutError');
  declare readonly code: 'ERR_ADMISSION_TIMEOUT';
  /** How long the load waited, in milliseconds. */
  readonly waitedMs: number;
  declare readonly requiredBytes?: number;
  declare readonly headroomBytes?: number;
  declare readonly availableBytes?: number;
  declare readonly shortfallBytes?: number;
  declare readonly refusedBy?: readonly AdmissionRule[];
  declare readonly plan?: Decision;

  constructor(message: string, waitedMs: number, refusal: InsufficientMemoryError | undefined) {
    super('ERR_ADMISSION_TIMEOUT', message, refusal && { cause: refusal });
    this.waitedMs = waitedMs;
    if (!refusal) return;
    const { requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan } = refusal;
    Object.assign(this, { requiredBytes, headroomBytes, availableBytes, shortfallBytes, refusedBy, plan });
  }
}
