/** The machine that this process runs on. It decides nothing. */
import type { Clock } from '../core/clock.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import type { ModelProcess, ProcessProbe } from '../core/model-process.ts';
import type { ModelMemory } from '../core/types.ts';
import type { CalibrationOption } from '../footprint/calibration-option.ts';
import { CalibrationStore, findCalibrationDirectory } from '../footprint/calibration-store.ts';
import type { OnLedgerFailure } from '../ledger/ledger-failure.ts';
import { type LedgerOption, type OpenLedger, openLedger } from '../ledger/open-ledger.ts';
import { findOomGroup } from '../processes/oom-group.ts';
import { watchMappingsIfReadable } from '../sensors/linux/mapping-watch.ts';
import { openReader } from '../sensors/open-reader.ts';
import { watchPressure } from '../sensors/pressure-watch.ts';
import { readGrowth } from '../sensors/process-memory.ts';
import type { Failed, FindNewMappings, LoadMeter, Machine } from './machine.ts';
import { openLoadMeter } from './native-load-meter.ts';
import { openProcessProbe } from './process-probe.ts';
import { collectIfWorth, dropPageCache, giveBack } from './release-memory.ts';

export interface RealMachineOptions {
  /** Counts free swap as memory. */
  readonly swap: boolean;
  readonly clock: Clock;
}

export class RealMachine implements Machine {
  readonly reader: MemoryReader;
  readonly #clock: Clock;

  constructor({ swap, clock }: RealMachineOptions) {
    this.reader = openReader({ swap });
    this.#clock = clock;
  }

  openLedger(option: LedgerOption, failed: Failed, onFailure?: OnLedgerFailure): OpenLedger {
    return openLedger(option, failed, onFailure);
  }

  openCalibration(
    option: CalibrationOption,
    failed: (message: string, cause: unknown) => void,
  ): CalibrationStore | undefined {
    if (option === 'off') return undefined;
    return new CalibrationStore(option === 'shared' ? findCalibrationDirectory() : option.directory, failed);
  }

  readGrowthBytes(): number | undefined {
    return readGrowth();
  }

  collectGarbage(missingBytes: number): boolean {
    return collectIfWorth(missingBytes);
  }

  watchPressure(changed: () => void): () => void {
    return watchPressure(changed);
  }

  noteMappings(failed: Failed): FindNewMappings {
    return watchMappingsIfReadable(failed);
  }

  meterLoad(memory: ModelMemory): LoadMeter | undefined {
    return openLoadMeter(memory);
  }

  findOomGroup(): string | undefined {
    return findOomGroup();
  }

  probeProcess(process: ModelProcess): ProcessProbe {
    return openProcessProbe(process);
  }

  async releaseMemory(files: () => readonly string[]): Promise<void> {
    await giveBack(this.#clock);
    await dropPageCache(files());
  }

  close(): void {
    this.reader.close();
  }
}
