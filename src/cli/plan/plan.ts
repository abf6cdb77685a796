/** `plan`: every quantization with every context, whether it fits here, what a load would do, and what would help. */
import { MiB } from '../../core/bytes.ts';
import { invalidOption } from '../../core/errors.ts';
import { printableTexts } from '../../core/printable.ts';
import { DEFAULT_FLOOR, isBelow, LADDER, type LadderStep, QUANTIZATIONS } from '../../core/quantizations.ts';
import { path, size, text, wholeNumber } from '../../core/validate.ts';
import {
  type CandidateVerdict,
  type GuardOptions,
  type MemoryGuard,
  MemoryGuardError,
  type PlanOptions,
} from '../../index.ts';
import type { Command, CommandArguments, OptionSpecs } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { FLOOR_OPTION } from '../floor-option.ts';
import { FOOTPRINT_OPTION, selectFootprint } from '../footprint-option.ts';
import { writeJson } from '../io.ts';
import { RESERVE_OPTIONS, selectReserves } from '../min-free-option.ts';
import { nameFlags } from '../name-flags.ts';
import { commaSeparated, typedNumber } from '../option-checks.ts';
import { LEDGER_OPTION, selectLedger } from '../query-guard.ts';
import { openPlanner } from './open-planner.ts';
import { describeLowerFloor, findPlanHelp } from './plan-help.ts';
import { type PlanCell, type Planned, type PlanRow, printPlan } from './print-plan.ts';

const OPTIONS = {
  quantization: {
    value: 'q',
    check: text,
    fills: ['quantization'],
    help: 'begin with this one, not with the recommended',
  },
  ...FLOOR_OPTION,
  context: {
    value: 'n,n',
    fills: ['contextSize'],
    check: commaSeparated(typedNumber(wholeNumber(1))),
    help: 'tokens of context to compare; 2048,4096,8192 without it',
  },
  'kv-cache-type': {
    value: 'type',
    check: text,
    fills: ['kvCacheType'],
    help: 'of the cache, such as q8_0; f16 without it',
  },
  'models-dir': { value: 'folder', check: path, fills: ['modelsDir'], help: 'where the model is looked for' },
  memory: {
    value: 'size',
    check: checkMachineSize,
    help: 'plan for an empty machine or container of this size, such as 8GiB',
  },
  ...RESERVE_OPTIONS,
  ...FOOTPRINT_OPTION,
  ...LEDGER_OPTION,
} satisfies OptionSpecs;

export const plan: Command<typeof OPTIONS> = {
  name: 'plan',
  takes: ['model'],
  summary: 'Whether a model fits here, in which quantization and with how much context; nothing is loaded.',
  options: OPTIONS,
  examples: ['plan qwen2audio', 'plan ./model-Q4_K_M.gguf --context 4096 --memory 8GiB'],
  async run(given, io) {
    const planned = await makePlan(given);
    if (given.json) writeJson(io, planned);
    else printPlan(printableTexts(planned), io);
    return planned.decision.verdict === 'refuse' ? EXIT.memory : EXIT.done;
  },
};

/** A number without a unit is of bytes. No machine has so few: whoever types `--memory 8` means another unit. */
function checkMachineSize(typed: unknown, name: string): number {
  const bytes = typedNumber(size)(typed, name);
  if (bytes < MiB) throw invalidOption(name, '1 MiB or more, for example 8GiB', typed);
  return bytes;
}

const USUAL_CONTEXTS = [2048, 4096, 8192];

async function makePlan({ positionals, options }: CommandArguments<typeof OPTIONS>): Promise<Planned> {
  const [model] = positionals;
  const asked = selectLoadOptions(options);
  const { floor = DEFAULT_FLOOR } = options;
  const guardOptions = {
    ...selectLedger(options),
    ...selectReserves(options),
    ...replaceMachine(options.memory),
    floor,
  };
  const { guard, close } = await openPlanner(model!, options['models-dir'], guardOptions, asked);
  try {
    const decision = await guard.plan(model!, asked);
    const [first] = decision.candidates;
    const fromShape = first?.need.basis === 'shape';
    const contexts = first?.contextSize === undefined ? [] : (options.context ?? USUAL_CONTEXTS);
    const rows: PlanRow[] = [];
    for (const quantization of listRows(first, fromShape)) {
      const row = await planRow(guard, model!, { quantization, contexts, asked });
      if (row) rows.push(quantization && isBelow(quantization, floor) ? { ...row, belowFloor: true } : row);
    }
    const help = [...(await findPlanHelp(guard, model!, decision, asked)), ...describeLowerFloor(decision, rows)];
    const told = help.map((each) => nameFlags(each, OPTIONS));
    return { model: model!, decision, contexts, rows, fromShape, help: told };
  } finally {
    await close();
  }
}

/** The quantizations that may be there; `undefined` for a file that is planned as it is. */
function listRows(first: CandidateVerdict | undefined, fromShape: boolean): readonly (LadderStep | undefined)[] {
  if (first?.quantization === undefined || first.unnamed) return [undefined];
  // What an SDK of one's own may have beside the documented ones, nobody knows.
  return fromShape ? QUANTIZATIONS : LADDER;
}

/** What `loadModel` would be given. */
function selectLoadOptions(options: CommandArguments<typeof OPTIONS>['options']): PlanOptions {
  const { quantization, context, 'kv-cache-type': kvCacheType } = options;
  const [first, ...more] = context ?? [];
  const memoryGuard = selectFootprint(options);
  return {
    ...(Object.keys(memoryGuard).length > 0 && { memoryGuard }),
    ...(quantization !== undefined && { quantization }),
    ...(kvCacheType !== undefined && { kvCacheType }),
    ...(context &&
      (more.length === 0
        ? { contextSize: first }
        : { contextSize: { min: Math.min(...context), max: Math.max(...context) } })),
  };
}

/** An empty machine of a size: all of it is available. */
function replaceMachine(totalBytes: number | undefined): GuardOptions {
  return totalBytes === undefined ? {} : { sensor: () => ({ totalBytes, availableBytes: totalBytes }) };
}

interface RowToPlan {
  readonly quantization: LadderStep | undefined;
  readonly contexts: readonly number[];
  readonly asked: PlanOptions;
}

/** `undefined` if there is no file of this quantization. */
async function planRow(
  guard: MemoryGuard,
  model: string,
  { quantization, contexts, asked }: RowToPlan,
): Promise<PlanRow | undefined> {
  const cells: PlanCell[] = [];
  const step = quantization && { quantization };
  try {
    for (const contextSize of contexts.length > 0 ? contexts : [undefined]) {
      // With this floor no other file's header is read.
      const only = quantization === undefined ? {} : { floor: quantization };
      const memoryGuard = { ...asked.memoryGuard, downgrade: false, ...only };
      const shape = contextSize === undefined ? {} : { contextSize };
      const { candidates } = await guard.plan(model, { ...asked, ...shape, ...step, memoryGuard });
      cells.push({ ...candidates[0]!, ...shape });
    }
  } catch (error) {
    if (error instanceof MemoryGuardError && error.code === 'ERR_MODEL_FILE') return undefined;
    throw error;
  }
  const named = quantization ?? (cells[0]?.quantization as LadderStep | undefined);
  return { ...(named && { quantization: named }), cells };
}
