/** Prints a plan: the table of needs and verdicts, what a load would do, and what would help. It plans nothing. */
import { type CandidateVerdict, type Decision, formatBytes } from '../../index.ts';
import { type Io, type Screen, screenOf } from '../io.ts';
import { table } from '../table.ts';
import type { Cell, Planned } from './plan.ts';
import { nearestOf } from './plan-help.ts';

export function printPlan({ model, decision, contexts, rows, fromTable, help }: Planned, { stdout, env }: Io): void {
  const screen = screenOf(stdout, env);
  const { totalBytes, headroomBytes } = decision;
  const lines = [
    `${screen.colors.bold(model)}: ${formatBytes(Math.max(0, headroomBytes))} can be taken, of ${formatBytes(totalBytes)}`,
    '',
    ...table(
      [
        { title: 'quantization' },
        ...contexts.map((context) => ({
          title: fromTable ? 'weights' : `${context} tokens`,
          align: 'right' as const,
        })),
      ],
      rows.map(({ quantization, cells }) => [
        quantization ?? 'the file',
        ...cells.map((cell) => verdictOf(cell, screen)),
      ]),
      screen.width,
    ).map((line) => `  ${line}`),
    '',
    ...(fromTable ? ['No file of it was found, so these are the documented sizes: they count weights only.', ''] : []),
    outcome(decision, screen),
    ...help.map(
      (each, index) => `${index === 0 ? (refused(decision) ? 'To load it, ' : 'For the asked one, ') : '  or '}${each}`,
    ),
  ];
  stdout.write(`${lines.join('\n')}\n`);
}

/** "8.1 GiB fits", "8.1 GiB lacks 1.2 GiB". */
function verdictOf({ need, admitted, shortfallBytes, notes }: Cell, { colors }: Screen): string {
  const bound = notes && notes.length > 0 ? '≤ ' : '';
  const size = `${bound}${formatBytes(need.mappedBytes + need.anonymousBytes)}`;
  return admitted ? colors.green(`${size} fits`) : colors.red(`${size} lacks ${formatBytes(shortfallBytes)}`);
}

function outcome(decision: Decision, { colors }: Screen): string {
  const { verdict, candidates } = decision;
  const chosen = candidates.find(({ admitted }) => admitted);
  if (!chosen) {
    const nearest = nearestOf(decision);
    return colors.red(`A load is refused: even ${described(nearest)} does not fit; ${reasons(nearest)}.`);
  }
  const loaded = `A load takes ${described(chosen)}: ${formatBytes(chosen.need.mappedBytes)} mapped from the file and ${formatBytes(chosen.need.anonymousBytes)} beside it.`;
  if (verdict === 'admit') return colors.green(loaded);
  return colors.yellow(
    `${loaded} ${described(candidates[0] as CandidateVerdict)} does not fit; ${reasons(candidates[0] as CandidateVerdict)}.`,
  );
}

function described({ quantization, contextSize, kvCacheType }: CandidateVerdict): string {
  const context = contextSize === undefined ? '' : ` with ${contextSize} tokens of context`;
  return `${quantization ?? 'the file'}${context}${kvCacheType ? ` and a ${kvCacheType} cache` : ''}`;
}

/** Each rule that refuses, with both of its numbers. */
function reasons({ rules }: CandidateVerdict): string {
  return rules
    .filter(({ passed }) => !passed)
    .map(
      ({ rule, requiredBytes, foundBytes }) =>
        `${rule}: ${formatBytes(requiredBytes)} needed, ${formatBytes(Math.max(0, foundBytes))} there`,
    )
    .join('; ');
}

function refused({ verdict }: Decision): boolean {
  return verdict === 'refuse';
}
