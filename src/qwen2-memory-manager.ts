/** The documented memory manager of Qwen2-Audio: a thin face over the gate, the ledger and the readers that the guard uses. */

import { AdmissionGate } from './admission/admission-gate.ts';
import { describeRefusal } from './admission/decision-messages.ts';
import { InsufficientMemoryError } from './admission/insufficient-memory-error.ts';
import { formatBytes } from './core/bytes.ts';
import { systemClock } from './core/clock.ts';
import { MemoryGuardError } from './core/errors.ts';
import { QWEN2_AUDIO } from './core/known-models.ts';
import { readLimitingScope } from './core/memory-reader.ts';
import { checkQuantization, DEFAULT_QUANTIZATION } from './core/quantizations.ts';
import type { LoadNeed, MemoryStatusLevel, Quantization, SensorReading } from './core/types.ts';
import { type Checks, callback, validate } from './core/validate.ts';
import { createTableNeed, getRequirements, type ModelRequirements } from './footprint/documented-requirements.ts';
import { Ledger, type Reservation } from './ledger/ledger.ts';
import type { Machine } from './machine/machine.ts';
import { shareMachine } from './machine/open-machine.ts';
import type { AdmissionRequest } from './policy/decision.ts';
import { DEFAULT_WARNING_FACTOR, judgeStatus } from './policy/memory-status.ts';
import { comparedTotalBytes, recommendQuantization } from './policy/recommend-quantization.ts';
import { findRefusalHelp } from './policy/refusal-help.ts';

/** The quantizations by name, as values. */
export const Qwen2Quantization = Object.freeze({ Q4_K_M: 'Q4_K_M', Q4_0: 'Q4_0', Q5_K_M: 'Q5_K_M' } as const);
export type Qwen2Quantization = Quantization;

export interface Qwen2MemoryManagerOptions {
  /** Used if a method is called without one. @default 'Q4_K_M' */
  readonly defaultQuantization?: Qwen2Quantization;
  /** Replaces the machine. */
  readonly sensor?: () => SensorReading;
}

/** `availableMemory` is in bytes; `warning` is there unless the status is ok. */
export interface MemoryStatus {
  readonly status: MemoryStatusLevel;
  readonly availableMemory: number;
  readonly warning?: string;
}

/** Bytes, and percentages from 0 to 100, not rounded. */
export interface MemoryStats {
  readonly available: number;
  readonly total: number;
  readonly used: number;
  readonly percentUsed: number;
  readonly percentFree: number;
  readonly modelLoaded: boolean;
  readonly currentQuantization: Qwen2Quantization | null;
  readonly modelRequirements?: ModelRequirements;
}

interface Registered {
  readonly quantization: Qwen2Quantization;
  readonly reservation: Reservation;
  /** The process's growth from which on the promise is being taken. */
  readonly sinceBytes: number | undefined;
}

const CHECKS: Checks<Qwen2MemoryManagerOptions> = {
  defaultQuantization: checkQuantization,
  sensor: callback<() => SensorReading>,
};

/**
 * Check, load, register: the order of the document. What the process has grown by since the last check counts as taken
 * by the model that is registered. Every reading throws `ERR_SENSOR` if the machine can't be read.
 */
export class Qwen2MemoryManager {
  readonly #defaultQuantization: Qwen2Quantization;
  readonly #machine: Machine;
  readonly #ledger = new Ledger();
  readonly #gate: AdmissionGate;
  /** The process's growth at the last check. */
  #checkedBytes: number | undefined;
  #registered: Registered | undefined;

  constructor(options?: Qwen2MemoryManagerOptions) {
    const checked = validate<Qwen2MemoryManagerOptions>(options, CHECKS, 'Qwen2MemoryManager');
    const { defaultQuantization = DEFAULT_QUANTIZATION, sensor } = checked;
    this.#defaultQuantization = defaultQuantization;
    this.#machine = shareMachine(sensor);
    this.#gate = new AdmissionGate({
      reader: this.#machine.reader,
      ledger: this.#ledger,
      nowMs: systemClock.nowMs,
    });
  }

  /** Whether all three rules would admit a load now. */
  async canLoadModel(quantization: Qwen2Quantization = this.#defaultQuantization): Promise<boolean> {
    const asked = checkQuantization(quantization);
    const grownBytes = this.#machine.readGrowthBytes();
    if (this.#registered && grownBytes !== undefined) {
      const { reservation, sinceBytes = grownBytes } = this.#registered;
      this.#ledger.noteTaken(reservation, Math.max(0, grownBytes - sinceBytes));
    }
    const { decision } = this.#gate.judge(makeRequest(asked, 0), { reserve: 'nothing' });
    this.#checkedBytes = this.#machine.readGrowthBytes();
    return decision.verdict === 'admit';
  }

  /** Registers a model, in place of the one before. Rejects with `ERR_INSUFFICIENT_MEMORY` if it can't be admitted. */
  async registerModelLoad(quantization: Qwen2Quantization = this.#defaultQuantization): Promise<void> {
    const asked = checkQuantization(quantization);
    const takenBytes = Math.max(
      0,
      (this.#machine.readGrowthBytes() ?? 0) - (this.#checkedBytes ?? Number.POSITIVE_INFINITY),
    );
    const before = this.#registered;
    this.unregisterModel();
    try {
      const { decision } = this.#gate.judge(makeRequest(asked, takenBytes), { reserve: 'nothing' });
      if (decision.verdict === 'refuse') {
        const limitedBy = readLimitingScope(this.#machine.reader);
        const refused = { ...decision, help: findRefusalHelp(decision, { holders: [], limitedBy }) };
        throw new InsufficientMemoryError(refused, describeRefusal(refused, limitedBy));
      }
      // Growth since the last check is what the model took already, so the promise counts from there.
      this.#register(asked, this.#checkedBytes ?? this.#machine.readGrowthBytes());
    } catch (error) {
      if (before) this.#register(before.quantization, before.sinceBytes);
      throw error;
    }
  }

  /** Forgets the registered model. Does nothing if none is. */
  unregisterModel(): void {
    if (this.#registered) this.#ledger.release(this.#registered.reservation);
    this.#registered = undefined;
  }

  /** The documented recommendation for this machine, on its plain available memory. */
  async getRecommendedQuantization(): Promise<Qwen2Quantization> {
    const measure = this.#machine.reader.measure();
    return recommendQuantization(comparedTotalBytes(measure), measure.availableBytes);
  }

  /** Plain available memory against what the registered quantization keeps free; ok if none is registered. */
  checkMemoryStatus(): MemoryStatus {
    const availableMemory = this.#machine.reader.measure().availableBytes;
    if (!this.#registered) return { status: 'ok', availableMemory };
    const { minFreeMemory } = getRequirements(this.#registered.quantization);
    const status = judgeStatus(availableMemory, minFreeMemory, DEFAULT_WARNING_FACTOR);
    if (status === 'ok') return { status, availableMemory };
    const [found, least] = [formatBytes(availableMemory), formatBytes(minFreeMemory)];
    const warning =
      status === 'critical'
        ? `Critical: available memory (${found}) is below minimum requirement of ${least}.`
        : `Warning: available memory (${found}) is approaching minimum threshold of ${least}.`;
    return { status, availableMemory, warning };
  }

  getMemoryStats(): MemoryStats {
    const { totalBytes: total, availableBytes: available } = this.#machine.reader.measure();
    const used = Math.max(0, total - available);
    const quantization = this.#registered?.quantization;
    return {
      available,
      total,
      used,
      percentUsed: (used / total) * 100,
      percentFree: (available / total) * 100,
      modelLoaded: quantization !== undefined,
      currentQuantization: quantization ?? null,
      ...(quantization && { modelRequirements: getRequirements(quantization) }),
    };
  }

  /** RAM needed plus bytes to keep free of the registered quantization. Throws if none is registered. */
  getMemoryThreshold(): number {
    if (!this.#registered) {
      throw new MemoryGuardError(
        'ERR_UNKNOWN_QUANTIZATION',
        'No model quantization selected: call registerModelLoad() first.',
      );
    }
    const { ramNeeded, minFreeMemory } = getRequirements(this.#registered.quantization);
    return ramNeeded + minFreeMemory;
  }

  #register(quantization: Qwen2Quantization, sinceBytes: number | undefined): void {
    const now = { clockMs: systemClock.nowMs(), epochMs: Date.now() };
    const reservation = this.#ledger.reserve(QWEN2_AUDIO, createTableNeed(quantization), now);
    this.#registered = { quantization, reservation, sinceBytes };
  }
}

function makeRequest(quantization: Qwen2Quantization, takenBytes: number): AdmissionRequest {
  const { ramNeeded, minFreeMemory } = getRequirements(quantization);
  const need: LoadNeed = { ...createTableNeed(quantization), anonymousBytes: Math.max(0, ramNeeded - takenBytes) };
  const candidate = { quantization, need, minFreeBytes: minFreeMemory, documented: true };
  return { model: QWEN2_AUDIO, askedQuantization: quantization, candidates: [candidate], downgrade: false };
}
