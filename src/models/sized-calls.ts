/**
 * Calls that take more the larger their inputs are: what each takes is reserved before it begins, refused if it doesn't fit, seen and remembered. It
 * knows no SDK, and decides by the gate alone.
 */
import type { AdmissionGate, InSection } from '../admission/admission-gate.ts';
import { InsufficientMemoryError } from '../admission/insufficient-memory-error.ts';
import { formatBytes, formatLeftBytes, MiB } from '../core/bytes.ts';
import type { CallInput } from '../core/call-input.ts';
import { MemoryGuardError } from '../core/errors.ts';
import type { Observation } from '../footprint/apply-observations.ts';
import {
  listCallKeys,
  nameCallKey,
  type PredictedCall,
  predictCall,
  readCall,
  type SeenCall,
  writeCall,
} from '../footprint/call-memory.ts';
import type { Reservation } from '../ledger/ledger.ts';
import type { AdmissionRequest, Decision } from '../policy/decision.ts';
import { type CallMeter, meterCall } from './call-meter.ts';
import type { HeldModel } from './held-model.ts';
import { RanCalls } from './ran-calls.ts';

/** Where it is kept what calls took. */
export interface KeptCalls {
  readObservations(): Promise<(key: string) => readonly Observation[]>;
  record(key: string, observation: Observation): Promise<void>;
}

export interface SizedCallsParts {
  readonly gate: Pick<AdmissionGate, 'judge' | 'commit' | 'collectFor' | 'release' | 'reserve'>;
  readonly inSection: InSection;
  readonly calibration: KeptCalls | undefined;
  readonly settings: {
    readonly mode: 'enforce' | 'observe';
    readonly unknownModels: 'refuse' | 'admit';
    readonly onSensorFailure: 'refuse' | 'admit';
  };
  /** Anonymous memory of this process that JavaScript doesn't explain. */
  readonly readGrowthBytes: () => number | undefined;
  readonly refused: (decision: Decision, message: string) => void;
}

/** What else may take memory while a call runs: it must be the same before and after. */
export type LookAround = () => { readonly changes: number; readonly running: number };

/** So little needs no reservation: an allocator moves by that much. */
const LEAST_RESERVED_BYTES = 4 * MiB;

export class SizedCalls {
  readonly #parts: SizedCallsParts;
  readonly #ran = new WeakMap<HeldModel, RanCalls>();
  /** Calls of sizes that are not known yet run one after the other: only so it can be seen what each takes. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Calls that wait for their turn, and all that have begun. */
  #waiting = 0;
  #begun = 0;
  #closed = false;

  constructor(parts: SizedCallsParts) {
    this.#parts = parts;
  }

  /** From now on calls run as they are. Those that wait for their turn still do. */
  close(): void {
    this.#closed = true;
  }

  /** Gives what `invoke` gives, once there is room for it. Rejects with `ERR_INSUFFICIENT_MEMORY` if there is none. */
  run(held: HeldModel, input: CallInput, invoke: () => unknown, look: LookAround): unknown {
    if (this.#closed) return invoke();
    this.#begun += 1;
    const ran = this.#ran.get(held) ?? new RanCalls(!held.facts.returnsCallMemory);
    this.#ran.set(held, ran);
    if (ran.isKnown(input.elements)) return invoke();
    this.#waiting += 1;
    const turn = this.#turn.then(() => {
      this.#waiting -= 1;
      return this.#runAlone(held, ran, input, invoke, () => this.#lookAlone(look));
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Calls that wait have begun, as far as others know, and take nothing. */
  #lookAlone(look: LookAround): { readonly changes: number; readonly running: number } {
    const { changes, running } = look();
    return { changes: changes - this.#begun, running: running - this.#waiting };
  }

  async #runAlone(
    held: HeldModel,
    ran: RanCalls,
    input: CallInput,
    invoke: () => unknown,
    look: LookAround,
  ): Promise<unknown> {
    const { gate, readGrowthBytes } = this.#parts;
    const { calibrationKey } = held.facts;
    const seen = [...(await this.#readSeen(calibrationKey)), ...ran.seen];
    const predicted = predictCall(input, seen);
    const bytes = ran.countMissing(input.elements, predicted.bytes);
    const reservation =
      this.#closed || bytes < LEAST_RESERVED_BYTES
        ? undefined
        : await this.#reserve(held, input, { ...predicted, bytes });
    try {
      const meter = meterCall(readGrowthBytes, look);
      const result = await invoke();
      this.#learn(held, ran, input, bytes, meter);
      return result;
    } finally {
      if (reservation) gate.release(reservation);
    }
  }

  async #readSeen(key: string | undefined): Promise<readonly SeenCall[]> {
    const { calibration } = this.#parts;
    if (key === undefined || !calibration) return [];
    const observations = await calibration.readObservations();
    return listCallKeys(key).flatMap((name) => observations(name).flatMap(readCall));
  }

  #learn(held: HeldModel, ran: RanCalls, { elements }: CallInput, reservedBytes: number, meter: CallMeter): void {
    const taken = meter();
    const learned = ran.add(elements, taken, reservedBytes);
    const { calibrationKey } = held.facts;
    held.noteCallGrowth(ran.nativeBytes);
    if (!learned || calibrationKey === undefined) return;
    void this.#parts.calibration?.record(nameCallKey(calibrationKey, elements), writeCall(learned));
  }

  /** Gives what was reserved. `undefined`: the call goes ahead without. */
  async #reserve(held: HeldModel, { elements }: CallInput, call: PredictedCall): Promise<Reservation | undefined> {
    const { gate, settings } = this.#parts;
    const need = { mappedBytes: 0, anonymousBytes: call.bytes, basis: call.basis };
    const model = `${held.facts.name}: run of ${elements} elements`;
    const request: AdmissionRequest = {
      model,
      candidates: [{ need, minFreeBytes: 0 }],
      downgrade: false,
      minFreeRatio: 0,
    };
    const observes = settings.mode === 'observe';
    const admits = observes || (call.basis === 'unknown' && settings.unknownModels === 'admit');
    try {
      let decision = await this.#decide(request, admits);
      if (!decision.reserved && gate.collectFor(decision.decision)) decision = await this.#decide(request, admits);
      if (decision.decision.verdict === 'refuse' && (observes || !decision.reserved)) {
        const refusal = refuse(held, elements, call, decision.decision);
        this.#parts.refused(refusal.plan, refusal.message);
        if (!admits) throw refusal;
      }
      return decision.reserved?.reservation;
    } catch (error) {
      // The guard may have been closed meanwhile, and memory can't be read any more.
      if (this.#closed) return undefined;
      const unread = error instanceof MemoryGuardError && error.code === 'ERR_SENSOR';
      if (!unread || (settings.onSensorFailure === 'refuse' && !observes)) throw error;
      return gate.reserve(model, need);
    }
  }

  #decide(request: AdmissionRequest, admits: boolean) {
    const { gate, inSection } = this.#parts;
    const reserve = admits ? 'first' : 'chosen';
    return inSection(
      () => gate.judge(request, { reserve }),
      (judged) => gate.commit(judged),
      new AbortController().signal,
    );
  }
}

const BASES: Readonly<Record<PredictedCall['basis'], string>> = {
  measured: 'by what earlier runs took',
  unknown: 'assumed, since no run of it was seen yet',
};

function refuse(
  held: HeldModel,
  elements: number,
  { bytes, basis }: PredictedCall,
  decision: Decision,
): InsufficientMemoryError {
  const free = formatLeftBytes(decision.headroomBytes);
  const message = `Insufficient memory to run ${held.facts.name} with ${elements} elements: that takes ${formatBytes(bytes)} (${BASES[basis]}), and this process can take ${free}; run it with smaller inputs, or unload a model.`;
  return new InsufficientMemoryError(decision, message);
}
