/** Tells what was decided of a load, and that it is done, as events. It decides nothing. */
import { describeAdmission, describeForced, describeWaiting } from '../admission/decision-messages.ts';
import { listFailedRules } from '../admission/insufficient-memory-error.ts';
import { formatBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { MemoryGuardError } from '../core/errors.ts';
import type { HeldFile } from '../core/types.ts';
import type { DecisionEvent, DegradedEvent, LoadedEvent, WaitingEvent } from '../events/guard-events.ts';
import type { HeldModel } from '../models/held-model.ts';
import type { AdmissionRule } from '../policy/admission-rules.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import { type Decision, describeChoice, formatModelName } from '../policy/decision.ts';

export interface DecisionTellerParts {
  readonly mode: 'enforce' | 'observe';
  readonly clock: Clock;
  readonly emit: (event: DecisionEvent | WaitingEvent | DegradedEvent) => void;
}

/** What an event says besides the decision. */
interface ToldFacts {
  readonly forced?: boolean;
  readonly refusedBy?: readonly AdmissionRule[];
  readonly waitedMs: number | undefined;
}

export class DecisionTeller {
  readonly #parts: DecisionTellerParts;

  constructor(parts: DecisionTellerParts) {
    this.#parts = parts;
  }

  /** The load goes in by the rules. Returns the sentence that was told. */
  admitted(decision: Decision, waitedMs: number | undefined): string {
    const message = describeAdmission(decision);
    this.#tell(decision.verdict === 'downgrade' ? 'downgraded' : 'admitted', decision, message, { waitedMs });
    return message;
  }

  /** The load goes in although the rules refuse it, since its caller forces it. Returns the sentence that was told. */
  forced(refused: Decision, reserved: Candidate, waitedMs: number | undefined): string {
    const { help: _help, reason: _reason, ...rest } = refused;
    const message = describeForced(refused);
    const decision: Decision = { ...rest, verdict: 'admit', ...describeChoice(reserved) };
    this.#tell('admitted', decision, message, { forced: true, refusedBy: listFailedRules(refused), waitedMs });
    return message;
  }

  /** The load is refused, or would be if the guard did more than observe. */
  refused(decision: Decision, message: string, waitedMs: number | undefined): void {
    this.#tell('refused', decision, message, { refusedBy: listFailedRules(decision), waitedMs });
  }

  /** The load waits at this place of the line. */
  waiting(refused: Decision, position: number, waitedMs: number): void {
    const { clock, emit } = this.#parts;
    const message = describeWaiting(refused, position);
    emit({ ...refused, verdict: 'wait', type: 'waiting', message, position, waitedMs, atMs: clock.nowMs() });
  }

  degraded(told: Pick<DegradedEvent, 'reason' | 'message' | 'code'>, cause?: MemoryGuardError): void {
    const { clock, emit } = this.#parts;
    emit({ type: 'degraded', ...told, ...(cause && { code: cause.code, cause }), atMs: clock.nowMs() });
  }

  #tell(
    type: DecisionEvent['type'],
    decision: Decision,
    message: string,
    { forced = false, refusedBy = [], waitedMs }: ToldFacts,
  ): void {
    const { mode, clock, emit } = this.#parts;
    const observed = mode === 'observe';
    emit({
      ...decision,
      type,
      message: `${observed ? 'Observed only: ' : ''}${message}`,
      atMs: clock.nowMs(),
      forced,
      refusedBy: Object.freeze(refusedBy),
      observed,
      ...(waitedMs !== undefined && { waitedMs }),
    });
  }
}

/** How a load went. */
export interface LoadOutcome {
  /** The files that it mapped. `undefined` if the system doesn't tell. */
  readonly files: readonly HeldFile[] | undefined;
  readonly elapsedMs: number;
}

/** The load that was decided on is done, and its model registered. */
export function tellLoaded(
  { facts }: HeldModel,
  { files, elapsedMs }: LoadOutcome,
  { clock, emit }: { readonly clock: Clock; readonly emit: (event: LoadedEvent) => void },
): void {
  const { name, quantization, modelPath, reservation } = facts;
  const mappedBytes = files?.reduce((sum, { bytes }) => sum + bytes, 0);
  const maps = mappedBytes === undefined || mappedBytes === 0 ? '' : `; it maps ${formatBytes(mappedBytes)}`;
  emit({
    type: 'loaded',
    message: `Loaded ${formatModelName(name, quantization)} in ${Math.round(elapsedMs)} ms${maps}.`,
    atMs: clock.nowMs(),
    model: name,
    ...(quantization && { quantization }),
    ...(modelPath !== undefined && { modelPath }),
    need: reservation.need,
    ...(mappedBytes !== undefined && { mappedBytes }),
    elapsedMs,
  });
}
