/** Where a load comes from. It knows no memory numbers. */
import type { Adapter } from './adapter.ts';

/** One SDK, or one call of the program's own. */
export interface LoadSource {
  /** What stands for the SDK: ways to unload that it has reach the models of all its sources. */
  readonly sdk: object;
  readonly adapter: Adapter;
  /** A name that no other SDK has, for what is learned of loads if the adapter doesn't say a `runtime`. Absent if it has none. */
  readonly name?: string;
  /** How its caller tells what a model takes. @default '`memoryGuard: { footprint }`' */
  readonly footprintOption?: string;
}
