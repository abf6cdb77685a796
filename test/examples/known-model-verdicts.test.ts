/** The document's integration example on machines of 8, 16 and 32 GB, over an SDK that keeps its files to itself, and the table of it in the README. */
import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { neededBytes } from '../../src/core/needed-bytes.ts';
import {
  formatBytes,
  GiB,
  type GuardOptions,
  isMemoryGuardError,
  Qwen2MemoryManager,
  withMemoryGuard,
} from '../../src/index.ts';
import { nearestCandidate } from '../../src/policy/decision.ts';

const MACHINES = [8, 16, 32];
const COLUMNS: readonly { readonly title: string; readonly guard: GuardOptions; readonly load: object }[] = [
  { title: "`knownModels: 'table'`", guard: { knownModels: 'table' }, load: {} },
  { title: "`knownModels: 'shape'` (default)", guard: {}, load: {} },
  { title: 'the same with `contextSize: 2048`', guard: {}, load: { contextSize: 2048 } },
];

/** The example as the document has it, but for the machine, the guard and the options of the load. */
async function runExample(gib: number, { guard: options, load }: (typeof COLUMNS)[number]) {
  const sensor = () => ({ totalBytes: gib * GiB, availableBytes: gib * GiB });
  const calls: unknown[][] = [];
  const sdk = { loadModel: async (...args: [string, Readonly<Record<string, unknown>>]) => void calls.push(args) };
  const nexa = withMemoryGuard(sdk, { sensor, ...options });
  onTestFinished(() => nexa.guard.close());
  const manager = new Qwen2MemoryManager({ sensor });

  const canLoad = await manager.canLoadModel();
  if (!canLoad) {
    throw new Error('Insufficient memory for model load');
  }
  const quantization = await manager.getRecommendedQuantization();
  const refusal = await nexa.loadModel('qwen2audio', { quantization: quantization, ...load }).catch((error) => error);
  if (refusal === undefined) await manager.registerModelLoad(quantization);
  return { refusal, calls, manager, guard: nexa.guard, quantization };
}

/** "Q4_0 at 2048 tokens: 6.9 GiB" */
async function describeVerdict(gib: number, column: (typeof COLUMNS)[number]): Promise<string> {
  const { refusal, guard, quantization } = await runExample(gib, column);
  const plan = isMemoryGuardError(refusal)
    ? (refusal as unknown as { readonly plan: Parameters<typeof nearestCandidate>[0] }).plan
    : await guard.plan('qwen2audio', { quantization, ...column.load });
  const told = refusal === undefined ? plan.candidates[0]! : nearestCandidate(plan);
  const context = told.contextSize === undefined ? 'any context' : `${told.contextSize} tokens`;
  return `${refusal === undefined ? '' : 'refused: '}${told.quantization} at ${context}, ${formatBytes(neededBytes(told.need))}`;
}

// Elsewhere than on x64 second copies of the weights are counted, which some CPUs make.
it.skipIf(process.arch !== 'x64')(
  'stands in the README, with quantization and context beside each figure',
  async () => {
    const rows = [['machine, all of it free', ...COLUMNS.map(({ title }) => title)], COLUMNS.map(() => '').concat('')];
    for (const gib of MACHINES) {
      const verdicts: string[] = [];
      for (const column of COLUMNS) verdicts.push(await describeVerdict(gib, column));
      rows.push([`${gib} GB`, ...verdicts]);
    }
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
      .split('\n')
      .map(listCells);
    const wanted = rows.map((row) => (row.every((cell) => cell === '') ? row.map(() => '---') : row));
    const start = readme.findIndex((cells) => cells[0] === wanted[0]![0]);
    expect(readme.slice(start, start + wanted.length)).toEqual(wanted);
  },
);

/** Cells of a line of a table; rules between header and rows are cells of three dashes. */
function listCells(line: string): string[] {
  if (!line.startsWith('|')) return [];
  const cells = line.slice(1, -1).split('|');
  return cells.map((cell) => cell.trim().replace(/^-+$/, '---'));
}

it.each(MACHINES)('registers what it has loaded, on a machine of %d GB by the table', async (gib) => {
  const { calls, manager, quantization } = await runExample(gib, COLUMNS[0]!);
  expect(calls).toEqual([['qwen2audio', { quantization }]]);
  expect(manager.getMemoryStats()).toMatchObject({ modelLoaded: true, currentQuantization: quantization });
});

it('is refused on a machine of 8 GB by the shape, before the SDK is called, and by the table it is not', async () => {
  const { refusal, calls, manager } = await runExample(8, COLUMNS[1]!);
  expect(refusal).toMatchObject({
    code: 'ERR_INSUFFICIENT_MEMORY',
    message: expect.stringContaining('(by its published shape)'),
  });
  expect(calls).toEqual([]);
  expect(manager.getMemoryStats().modelLoaded).toBe(false);
});
