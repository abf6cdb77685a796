/** A machine whose memory is what the user's `sensor` says. It shares nothing with this process's own memory. */
import type { MemoryReader } from '../core/memory-reader.ts';
import type { SensorReading } from '../core/types.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { OpenLedger } from '../ledger/open-ledger.ts';
import { InjectedReader } from '../sensors/injected-reader.ts';
import type { FindNewMappings, Machine } from './machine.ts';

export class InjectedMachine implements Machine {
  readonly reader: MemoryReader;

  constructor(sensor: () => SensorReading) {
    this.reader = new InjectedReader(sensor);
  }

  /** Other processes live on the real machine, so this one is counted alone. */
  openLedger(): OpenLedger {
    return { ledger: new Ledger(), close() {} };
  }

  /** There is nothing to learn from. */
  openCalibration(): undefined {
    return undefined;
  }

  readGrowthBytes(): undefined {
    return undefined;
  }

  /** What is collected here would not come back there. */
  collectGarbage(): boolean {
    return false;
  }

  watchPressure(): () => void {
    return () => {};
  }

  noteMappings(): FindNewMappings {
    return () => undefined;
  }

  meterLoad(): undefined {
    return undefined;
  }

  findOomGroup(): undefined {
    return undefined;
  }

  /** It lives on the real machine. */
  probeProcess(): undefined {
    return undefined;
  }

  async releaseMemory(): Promise<void> {}

  close(): void {
    this.reader.close();
  }
}
