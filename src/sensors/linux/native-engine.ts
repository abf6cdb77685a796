/** Hands a plan to the addon, which reads it as `ProcfsEngine` does (docs/decisions/0005-native-reader-door.md); it knows no file format. */
import type { Addon, NativeMemoryFiles, NativePlan } from '../../addon/addon.ts';
import type { ReadEngine, ReadOutcome, ReadPlan, ReadProblem } from './read-plan.ts';

export class NativeEngine implements ReadEngine {
  readonly rows: Float64Array;
  readonly #files: NativeMemoryFiles;

  constructor(addon: Pick<Addon, 'MemoryFiles'>, plan: ReadPlan) {
    this.rows = plan.initial.slice();
    this.#files = new addon.MemoryFiles(...toNativePlan(plan, this.rows));
  }

  read(full: boolean): ReadOutcome {
    return this.#files.read(full) as ReadOutcome;
  }

  problem(): ReadProblem | undefined {
    return this.#files.problem();
  }

  close(): void {
    this.#files.close();
  }
}

/** Makes the arguments of which the addon makes its own plan. The addon writes to `rows` at every reading. */
export function toNativePlan(plan: ReadPlan, rows: Float64Array): NativePlan {
  const table = Int32Array.from(plan.files.flatMap(({ parse, row, column }) => [parse, row, column]));
  const paths = plan.files.map((file) => file.path);
  return [paths, table, rows, plan.swap, plan.group?.path, plan.group?.bytes];
}
