/** What becomes of a model, or of a load, whose process has ended: it is told of, learned from, and forgotten. It loads nothing. */
import type { Clock } from '../core/clock.ts';
import type { MemoryGuardError } from '../core/errors.ts';
import type { LoadNeed } from '../core/types.ts';
import type { KilledEvent } from '../events/guard-events.ts';
import type { Observation } from '../footprint/apply-observations.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import type { HeldModel } from '../models/held-model.ts';
import type { HeldProcess } from '../models/held-process.ts';
import type { LoadedModels } from '../models/loaded-models.ts';
import { observeKill } from '../models/observe-load.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import type { AdmittedLoad } from './load-admission.ts';
import { describeKill } from './tell-kill.ts';

export interface ModelProcessEndsParts {
  readonly models: LoadedModels;
  readonly clock: Clock;
  /** What earlier loads took. Absent if nothing is kept. */
  readonly calibration: CalibrationStore | undefined;
  readonly emit: (event: KilledEvent) => void;
}

type ToldFacts = Pick<HeldModel['facts'], 'name' | 'quantization' | 'modelPath' | 'reservation'>;

export class ModelProcessEnds {
  readonly #parts: ModelProcessEndsParts;

  constructor(parts: ModelProcessEndsParts) {
    this.#parts = parts;
  }

  /** From now on the end of this process is the end of its model. */
  follow(held: HeldModel, { calibrationKey }: Candidate, process: HeldProcess): void {
    const { models } = this.#parts;
    void process.process.ended.then((end) => {
      // Whoever asked for that: also who called the SDK past the guard.
      if (end.asked) return models.ended(held);
      models.killed(held, (reloads) => {
        this.#learn(calibrationKey, held.facts.reservation.need, process, held.observing?.observation);
        this.#tell(held.facts, process, reloads);
      });
    });
  }

  /** A load whose process ended is no model yet. If its engine has said why, that is the load's own error, and nothing else is told. */
  failed({ candidate, reservation }: AdmittedLoad, process: HeldProcess | undefined, error: unknown): void {
    if (!process?.end || process.end.asked || (error as MemoryGuardError).code !== 'ERR_MODEL_KILLED') return;
    this.#learn(candidate.calibrationKey, reservation.need, process);
    const { quantization, modelPath } = candidate;
    this.#tell({ name: reservation.label, quantization, modelPath, reservation }, process, false);
  }

  /** The next load of the same is promised what was too little for this one. */
  #learn(key: string | undefined, need: LoadNeed, process: HeldProcess, known?: Observation): void {
    const { fatalBytes, own } = process;
    // Which of several models took it, nobody knows. And one that had touched all that it ever will was ended by what a call brought along.
    if (key === undefined || fatalBytes === undefined || !own || known?.full) return;
    void this.#parts.calibration?.record(key, observeKill(known, fatalBytes, need));
  }

  #tell({ name, quantization, modelPath, reservation }: ToldFacts, process: HeldProcess, reloads: boolean): void {
    const { clock, emit } = this.#parts;
    const told = {
      model: name,
      ...(quantization && { quantization }),
      ...(modelPath !== undefined && { modelPath }),
      need: reservation.need,
      reloads,
    };
    emit({ type: 'killed', atMs: clock.nowMs(), ...describeKill(told, process) });
  }
}
