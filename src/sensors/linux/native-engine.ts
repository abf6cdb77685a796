/** Hands a plan to the addon, which reads it as `ProcfsEngine` does; it knows no file format. */
import type { Addon, NativeMemoryFiles, NativePlan } from '../../addon/addon.ts';
import type { Engine, Outcome, Plan, Problem } from './read-plan.ts';

export class NativeEngine implements Engine {
  readonly rows: Float64Array;
  readonly #files: NativeMemoryFiles;

  constructor(addon: Addon, plan: Plan) {
    this.rows = plan.initial.slice();
    this.#files = new addon.MemoryFiles(...planArguments(plan, this.rows));
  }

  read(full: boolean): Outcome {
    return this.#files.read(full) as Outcome;
  }

  problem(): Problem | undefined {
    return this.#files.problem();
  }

  close(): void {
    this.#files.close();
  }
}

/** A plan as the addon takes it. */
export function planArguments(plan: Plan, rows: Float64Array): NativePlan {
  const table = Int32Array.from(plan.files.flatMap(({ parse, row, column }) => [parse, row, column]));
  const paths = plan.files.map((file) => file.path);
  return [paths, table, rows, plan.swap, plan.group?.path, plan.group?.bytes];
}
