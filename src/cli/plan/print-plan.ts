/** Prints a plan: the table of needs and verdicts, what a load would do, and what would help. It plans nothing. */
import { describeRule, describeShape } from '../../admission/decision-messages.ts';
import { describeNeed } from '../../admission/describe-need.ts';
import { formatLeftBytes } from '../../core/bytes.ts';
import { neededBytes } from '../../core/needed-bytes.ts';
import { type CandidateVerdict, type Decision, formatBytes, type LadderStep } from '../../index.ts';
import { nearestCandidate } from '../../policy/decision.ts';
import { detectScreen, type Io, type Screen } from '../io.ts';
import { countColumns, formatTable, wrapWords } from '../table.ts';

/** One quantization with one context, as it would be loaded now. */
export type PlanCell = CandidateVerdict;

/** One quantization, or the file itself if it has none that is known, with a cell for each context. */
export interface PlanRow {
  readonly quantization?: LadderStep;
  /** A load goes down to it only if it is asked for, or with a lower floor. */
  readonly belowFloor?: boolean;
  readonly cells: readonly PlanCell[];
}

export interface Planned {
  readonly model: string;
  /** What a load would do now, as it would be asked for. */
  readonly decision: Decision;
  /** Tokens, one column each. None for a model without a context, or with a need that was given: it has one column. */
  readonly contexts: readonly number[];
  /** The quantizations that are there, best first. */
  readonly rows: readonly PlanRow[];
  /** Whether no file was found, so that the needs are those of the model's published shape. */
  readonly fromShape: boolean;
  /** Each would help by itself. Empty if the load goes in as it was asked for. */
  readonly help: readonly string[];
}

export function printPlan({ model, decision, contexts, rows, fromShape, help }: Planned, { stdout, env }: Io): void {
  const screen = detectScreen(stdout, env);
  const { totalBytes, headroomBytes } = decision;
  const lines = [
    `${screen.colors.bold(model)}: ${formatLeftBytes(headroomBytes)} can be taken, of ${formatBytes(totalBytes)}`,
    '',
    ...formatRows({ contexts, rows }, screen).map((line) => `  ${line}`),
    '',
    ...(fromShape ? ['No file of it was found, so these are the needs of its published shape.', ''] : []),
    describeOutcome(decision, screen),
    ...help.map(
      (each, index) =>
        `${index === 0 ? (decision.verdict === 'refuse' ? 'To load it, ' : 'For the asked one, ') : '  or '}${each}`,
    ),
  ];
  stdout.write(`${lines.flatMap((line) => wrapWords(line, wrapWidth(line, screen))).join('\n')}\n`);
}

/** Rows of the table are cut to the page already. */
function wrapWidth(line: string, { textWidth }: Screen): number {
  return line.startsWith('  ') ? Number.POSITIVE_INFINITY : textWidth;
}

/** On a page that is too narrow the cells are shorter. */
function formatRows({ contexts, rows }: Pick<Planned, 'contexts' | 'rows'>, screen: Screen): string[] {
  const [wide, narrow] = [false, true].map((short) =>
    formatTable(
      [
        { title: 'quantization' },
        ...(contexts.length > 0 ? contexts.map((context) => `${context} tokens`) : ['needs']).map((title) => ({
          title,
          align: 'right' as const,
        })),
      ],
      rows.map(({ quantization, belowFloor, cells }) => [
        `${nameStep(quantization, cells[0]!)}${belowFloor ? ', below the floor' : ''}`,
        ...cells.map((cell) => formatVerdict(cell, screen, short)),
      ]),
      screen.width,
    ),
  );
  return wide!.some((line) => countColumns(line) + 2 > screen.width) ? narrow! : wide!;
}

/** "8.1 GiB fits", "8.1 GiB lacks 1.2 GiB", or "lacks 1.2 GiB" for short. */
function formatVerdict(
  { need, admitted, shortfallBytes, notes }: PlanCell,
  { colors }: Screen,
  short: boolean,
): string {
  if (need.basis === 'unknown') return colors.yellow('unknown');
  const bound = notes && notes.length > 0 ? '≤ ' : '';
  const size = `${bound}${formatBytes(neededBytes(need))}`;
  if (admitted) return colors.green(`${size} fits`);
  const lacking = `lacks ${formatBytes(shortfallBytes)}`;
  return colors.red(short ? lacking : `${size} ${lacking}`);
}

function describeOutcome(decision: Decision, { colors }: Screen): string {
  const { verdict, candidates } = decision;
  const chosen = candidates.find(({ admitted }) => admitted);
  if (!chosen) {
    const nearest = nearestCandidate(decision);
    return colors.red(
      `A load is refused: ${nearest === candidates[0] && !nearest.contextSize ? '' : 'even '}${describeCandidate(nearest)} needs ${describeNeed(nearest)}; ${describeRefusingRules(nearest)}.`,
    );
  }
  const { mappedBytes, anonymousBytes } = chosen.need;
  const parts =
    mappedBytes > 0
      ? `, ${formatBytes(mappedBytes)} mapped from the file and ${formatBytes(anonymousBytes)} beside it`
      : '';
  const loaded = `A load takes ${describeCandidate(chosen)}, which needs ${describeNeed(chosen)}${parts}.`;
  if (verdict === 'admit') return colors.green(loaded);
  return colors.yellow(
    `${loaded} ${describeCandidate(candidates[0]!)} does not fit; ${describeRefusingRules(candidates[0]!)}.`,
  );
}

/** "Q4_0 with 4096 tokens of context" */
function describeCandidate(candidate: CandidateVerdict): string {
  return `${nameStep(candidate.quantization, candidate)}${describeShape(candidate)}`;
}

function nameStep(quantization: string | undefined, { modelPath }: Pick<CandidateVerdict, 'modelPath'>): string {
  return quantization ?? (modelPath === undefined ? 'the model' : 'the file');
}

/** Each rule that refuses, with both of its numbers. What doesn't fit at all leaves nothing free, and that is not said again. */
function describeRefusingRules({ rules, need }: CandidateVerdict): string {
  const failed = rules.filter(({ passed }) => !passed);
  const tooLarge = failed.some(({ rule }) => rule === 'headroom');
  return failed
    .filter(({ rule, foundBytes }) => !tooLarge || rule === 'headroom' || foundBytes >= 0)
    .map((rule) => describeRule(rule, need.mappedBytes))
    .join('; ');
}
