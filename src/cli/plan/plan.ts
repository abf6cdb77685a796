/** `plan`: every quantization with every context, whether it fits here, what a load would do, and what would help. */
import { QUANTIZATIONS } from '../../core/quantizations.ts';
import {
  type CandidateVerdict,
  type Decision,
  type GuardOptions,
  type MemoryGuard,
  MemoryGuardError,
  NexaSDK,
  type PlanOptions,
  parseBytes,
  type Quantization,
  withMemoryGuard,
} from '../../index.ts';
import { type Command, type Given, usage } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import { writeJson } from '../io.ts';
import { LEDGER, ledgerIn, machineGuard } from '../query-guard.ts';
import { helpFor } from './plan-help.ts';
import { printPlan } from './print-plan.ts';

export const plan: Command = {
  name: 'plan',
  takes: ['model'],
  summary: 'Whether a model fits here, in which quantization and with how much context; nothing is loaded.',
  options: {
    quantization: { type: 'string', value: 'q', help: 'begin with this one, not with the recommended' },
    context: { type: 'string', value: 'n,n', help: 'tokens of context to compare; 2048,4096,8192 without it' },
    'kv-cache-type': { type: 'string', value: 'type', help: 'of the cache, such as q8_0; f16 without it' },
    'models-dir': { type: 'string', value: 'folder', help: 'where the model is looked for' },
    memory: {
      type: 'string',
      value: 'size',
      help: 'plan for an empty machine or container of this size, such as 8GiB',
    },
    ...LEDGER,
  },
  examples: ['plan qwen2audio', 'plan ./model-Q4_K_M.gguf --context 4096 --memory 8GiB'],
  async run(given, io) {
    const planned = await planFor(given);
    if (given.flag('json')) writeJson(io, planned);
    else printPlan(planned, io);
    return planned.decision.verdict === 'refuse' ? EXIT.memory : EXIT.done;
  },
};

/** One cell of the table. */
export interface Cell extends CandidateVerdict {
  readonly contextSize: number;
}

export interface Planned {
  readonly model: string;
  /** What a load would do now, as it would be asked for. */
  readonly decision: Decision;
  readonly contexts: readonly number[];
  /** For each quantization that is there, best first, one cell for each context. */
  readonly rows: readonly { readonly quantization?: Quantization; readonly cells: readonly Cell[] }[];
  /** The needs are the documented table's: weights only. */
  readonly fromTable: boolean;
  readonly help: readonly string[];
}

const USUAL_CONTEXTS = [2048, 4096, 8192];

async function planFor(given: Given): Promise<Planned> {
  const [model = ''] = given.positionals;
  const contexts = contextsIn(given.text('context'));
  const asked = askedIn(given, contexts);
  const options = { ...ledgerIn(given), ...guardOptionsIn(given.text('memory')) };
  const { guard, close } = await planner(given.text('models-dir'), options, model);
  try {
    const decision = await guard.plan(model, asked);
    const steps = decision.candidates[0]?.quantization === undefined ? [undefined] : QUANTIZATIONS;
    const rows = [];
    // The table knows no contexts, so one column says it all.
    const fromTable = decision.candidates[0]?.need.basis === 'table';
    const compared = fromTable ? contexts.slice(0, 1) : contexts;
    for (const quantization of steps) rows.push(...(await rowOf(guard, model, quantization, compared, asked)));
    const help = await helpFor(guard, model, decision, asked);
    return { model, decision, contexts: compared, rows, fromTable, help };
  } finally {
    await close();
  }
}

/** What `loadModel` would be given. */
function askedIn(given: Given, contexts: readonly number[]): PlanOptions {
  const [quantization, kvCacheType] = [given.text('quantization'), given.text('kv-cache-type')];
  const one = given.text('context') !== undefined && contexts.length === 1;
  const several = given.text('context') !== undefined && contexts.length > 1;
  return {
    ...(quantization !== undefined && { quantization }),
    ...(kvCacheType !== undefined && { kvCacheType }),
    ...(one && { contextSize: contexts[0] }),
    ...(several && { contextSize: { min: Math.min(...contexts), max: Math.max(...contexts) } }),
  };
}

function contextsIn(text: string | undefined): readonly number[] {
  if (text === undefined) return USUAL_CONTEXTS;
  const contexts = text.split(',').map(Number);
  if (contexts.every((each) => Number.isSafeInteger(each) && each >= 1)) return contexts;
  throw usage(`Expected \`--context\` to be tokens such as 4096 or 2048,4096, got ${JSON.stringify(text)}.`);
}

/** An empty machine of a size: all of it is available. */
function guardOptionsIn(text: string | undefined): GuardOptions {
  if (text === undefined) return {};
  const totalBytes = parseBytes(text);
  if (totalBytes === undefined) {
    throw usage(`Expected \`--memory\` to be a size such as 8GiB, got ${JSON.stringify(text)}.`);
  }
  return { sensor: () => ({ totalBytes, availableBytes: totalBytes }) };
}

interface Planner {
  readonly guard: MemoryGuard;
  close(): Promise<void>;
}

/** Planning needs no runtime; with the real one, what its loads took before counts. */
async function planner(modelsDir: string | undefined, options: GuardOptions, model: string): Promise<Planner> {
  const sdk = await NexaSDK.initialize(modelsDir === undefined ? {} : { modelsDir }).catch((error: unknown) => {
    if (error instanceof MemoryGuardError && error.code === 'ERR_RUNTIME_NOT_FOUND')
      return new NexaSDK(NO_RUNTIME, modelsDir);
    throw error;
  });
  const { guard } = withMemoryGuard(sdk, options);
  const close = async () => {
    guard.close();
    await sdk.dispose();
  };
  try {
    await guard.plan(model);
    return { guard, close };
  } catch (error) {
    await close();
    const missing = error instanceof MemoryGuardError && error.code === 'ERR_UNKNOWN_MODEL';
    if (!missing || modelsDir !== undefined || /[/\\]|\.gguf$/i.test(model)) throw error;
    return byTable(options, model, error);
  }
}

/** For a plan without one. */
export const NO_RUNTIME = {
  name: 'llama',
  version: 'none',
  load: () => Promise.reject(new Error('nothing is loaded for a plan')),
  close: async () => {},
} as const;

/** A known model whose files are not there: the documented table knows it. */
async function byTable(options: GuardOptions, model: string, missing: MemoryGuardError): Promise<Planner> {
  const { guard } = machineGuard(options);
  try {
    await guard.plan(model);
  } catch {
    guard.close();
    throw missing;
  }
  return { guard, close: async () => guard.close() };
}

/** Nothing where this quantization is not there. */
async function rowOf(
  guard: MemoryGuard,
  model: string,
  quantization: Quantization | undefined,
  contexts: readonly number[],
  asked: PlanOptions,
): Promise<Planned['rows']> {
  const cells: Cell[] = [];
  try {
    for (const contextSize of contexts) {
      const options = {
        ...asked,
        contextSize,
        ...(quantization && { quantization }),
        memoryGuard: { downgrade: false },
      };
      const { candidates } = await guard.plan(model, options);
      cells.push({ ...(candidates[0] as CandidateVerdict), contextSize });
    }
  } catch (error) {
    if (error instanceof MemoryGuardError && error.code === 'ERR_MODEL_FILE') return [];
    throw error;
  }
  return [{ ...(quantization && { quantization }), cells }];
}
