/** Makes the register of loaded models over a replaced machine of 10 GiB, for tests that need no SDK. Its bookkeeping is the real one. */
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import type { UnloadCause } from '../../src/events/guard-events.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { LoadedModels, type LoadedModelsParts } from '../../src/models/loaded-models.ts';
import { SizedCalls } from '../../src/models/sized-calls.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { type HeldModelParts, makeHeldModel } from './make-held-model.ts';
import { ManualClock } from './manual-clock.ts';

/** A model that the register has forgotten. */
export interface RemovedModel {
  readonly name: string;
  readonly cause: UnloadCause;
  readonly beforeBytes: number | undefined;
}

export function makeLoadedModels(parts: Partial<LoadedModelsParts> = {}) {
  const clock = new ManualClock();
  const gate = new AdmissionGate({
    reader: new InjectedReader(() => ({ totalBytes: 2e10, availableBytes: 1e10 })),
    ledger: new Ledger(),
    nowMs: () => clock.nowMs(),
    minFreeRatioAfterLoad: 0,
  });
  const removed: RemovedModel[] = [];
  const sizedCalls = new SizedCalls({
    gate,
    inSection: async (judge, commit) => commit(judge()),
    calibration: undefined,
    settings: { mode: 'enforce', unknownModels: 'refuse', onSensorFailure: 'refuse' },
    readGrowthBytes: () => 0,
    refused() {},
  });
  const models = new LoadedModels({
    gate,
    sizedCalls,
    freeBytes: () => gate.look().headroomBytes,
    totalBytes: () => gate.look().totalBytes,
    began() {},
    changed() {},
    observed() {},
    removed: async ({ facts }, cause, { beforeBytes }) => void removed.push({ name: facts.name, cause, beforeBytes }),
    outgrown() {},
    unevicted() {},
    keepAliveMs: undefined,
    notesUses: true,
    clock,
    ...parts,
  });
  /** Registers `raw` as a model that is loaded, with 1000 bytes reserved for it. */
  const hold = (raw: unknown, facts: HeldModelParts = {}) => {
    const reservation = gate.reserve('m', { mappedBytes: 0, anonymousBytes: 1000, basis: 'given' });
    gate.loaded(reservation, undefined);
    const held = makeHeldModel({ raw, reservation, ...facts });
    models.add(held);
    return held;
  };
  const promisedBytes = () => gate.look().promisedAnonymousBytes;
  const causes = () => removed.map(({ cause }) => cause);
  return { models, gate, clock, removed, causes, hold, promisedBytes };
}
