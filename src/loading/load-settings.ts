/** What a guard's options say of its loads. Types only. */
import type { LadderStep } from '../core/quantizations.ts';
import type { LoadedModel } from '../models/loaded-model.ts';

/** Chooses which of the idle models go, to free so many bytes more. */
export type EvictChoice = (idle: readonly LoadedModel[], missingBytes: number) => readonly LoadedModel[];

/** The options that loading knows, with every default filled in. */
export interface LoadSettings {
  readonly mode: 'enforce' | 'observe';
  readonly minFreeBytes: number | undefined;
  readonly downgrade: boolean;
  readonly floor: LadderStep;
  readonly evict: 'never' | 'idle' | EvictChoice;
  readonly minResidencyMs: number;
  readonly reload: boolean;
  readonly maxConcurrentLoads: number;
  readonly unknownModels: 'refuse' | 'admit';
  readonly knownModels: 'shape' | 'table';
  readonly onSensorFailure: 'refuse' | 'admit';
}
