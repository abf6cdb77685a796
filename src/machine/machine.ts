/** What the guard needs of a machine, as a port: the real one and a replaced one stand behind it. It holds no behaviour. */
import type { MemoryReader } from '../core/memory-reader.ts';
import type { ModelProcess, ProcessProbe } from '../core/model-process.ts';
import type { HeldFile, ModelMemory } from '../core/types.ts';
import type { CalibrationOption } from '../footprint/calibration-option.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import type { OnLedgerFailure } from '../ledger/ledger-failure.ts';
import type { LedgerOption, OpenLedger } from '../ledger/open-ledger.ts';

/** Notes which files this process maps. The result, called after a load, gives those that the load mapped. */
export type NoteMappings = () => FindNewMappings;

/** The files that were mapped since, and those of `modelFiles`. `undefined` if the system doesn't tell. */
export type FindNewMappings = (modelFiles: readonly string[]) => readonly HeldFile[] | undefined;

/**
 * Meters what one load takes: what became accessible since it began, while no other load of the process ran, and is there now. It
 * runs until `close`.
 */
export interface LoadMeter {
  /**
   * Whether the SDK blocks JavaScript, as it does when the meter is opened: meanwhile what is found is published as it is, and else what
   * `took` is told.
   */
  blocked(now: boolean): void;
  /** What was seen when it was looked last, which happens every 25 ms or less often. `undefined` if it can't be told. */
  readTakenBytes(): number | undefined;
  /** Whether the process has changed by as much as would be seen. */
  moved(): boolean;
  /** Looks once more. */
  look(): Promise<void>;
  /** What the load has taken, to be published. */
  took(bytes: number): void;
  /**
   * Has what the load has taken written to this place of a file, now and whenever it changes, also while JavaScript is blocked: 16
   * bytes, little-endian `{ u32 number, u32 check, f64 takenBytes }`, where the check is the number xor both halves of the bytes. False
   * if the descriptor can't be kept.
   */
  publishTo(descriptor: number, offset: number, number: number): boolean;
  close(): void;
}

/** Is told of an error. Whoever calls it goes on with less. */
export type Failed = (error: unknown) => void;

export interface Machine {
  /** Reads the machine's memory. It stays open until the machine is closed. */
  readonly reader: MemoryReader;
  /**
   * Opens the ledger. `failed` hears, now or later, why fewer processes are seen than `option` asks for. Throws `ERR_LEDGER` if `onFailure` is
   * not `alone` and none are seen for want of an addon that should be there.
   */
  openLedger(option: LedgerOption, failed: Failed, onFailure?: OnLedgerFailure): OpenLedger;
  /** Opens what earlier loads really took. `undefined` if nothing is kept. */
  openCalibration(
    option: CalibrationOption,
    failed: (message: string, cause: unknown) => void,
  ): CalibrationStore | undefined;
  /** Anonymous bytes of this process that JavaScript doesn't explain. `undefined` if the system doesn't tell. */
  readGrowthBytes(): number | undefined;
  /** Collects garbage if the heap holds as much as is missing. False if it wasn't worth its pause. */
  collectGarbage(missingBytes: number): boolean;
  /** Calls `changed` when the system says that memory gets short, or no longer is, until the result is called. */
  watchPressure(changed: () => void): () => void;
  /** Notes what is mapped before a load. `failed` hears of a reading that failed, which never fails the load. */
  noteMappings(failed: Failed): FindNewMappings;
  /** Begins to meter a load. `undefined` if the system doesn't tell what a load takes. */
  meterLoad(memory: ModelMemory): LoadMeter | undefined;
  /** The control group whose processes the kernel ends all together, this one among them. `undefined`: there is none. */
  findOomGroup(): string | undefined;
  /** Begins to look at a process of this program's. `undefined` if the system doesn't tell what it holds. */
  probeProcess(process: ModelProcess): ProcessProbe | undefined;
  /** Gives back what is garbage after a model is gone, and the page cache of the files that are named when it is due. */
  releaseMemory(files: () => readonly string[]): Promise<void>;
  close(): void;
}
