/** `doctor`: what memory was read and where, which limit is the tightest, which runtimes there are, and what to change. */
import { formatLeftBytes } from '../../core/bytes.ts';
import { printableTexts } from '../../core/printable.ts';
import {
  formatBytes,
  type GuardLedger,
  type GuardOptions,
  type MachineReport,
  type MemoryStatusLevel,
  machineReport,
} from '../../index.ts';
import { findLedgerToMake } from '../../ledger/open-ledger.ts';
import type { Command, OptionSpecs } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { detectScreen, type Io, type Screen, writeJson } from '../io.ts';
import { judgeHeadroom } from '../judge-headroom.ts';
import { MIN_FREE_OPTION } from '../min-free-option.ts';
import { nameFlags } from '../name-flags.ts';
import { LEDGER_OPTION, openQueryGuard, selectLedger } from '../query-guard.ts';
import { readEntries } from '../read-entries.ts';
import { formatScope, formatScopeTable } from '../scope-table.ts';
import { wrapWords } from '../table.ts';
import { type Findings, giveAdvice } from './advice.ts';
import { type FoundRuntime, findRuntimes } from './find-runtimes.ts';

const OPTIONS = { ...MIN_FREE_OPTION, ...LEDGER_OPTION } satisfies OptionSpecs;

export const doctor: Command<typeof OPTIONS> = {
  name: 'doctor',
  takes: [],
  summary: 'What memory this process may use, which runtimes are there, and what to change.',
  options: OPTIONS,
  examples: ['doctor', 'doctor --json', 'doctor --min-free 1GiB'],
  async run({ options, json }, io) {
    const found = await examineMachine(selectLedger(options), options['min-free']);
    if (json) {
      const { report, runtimes, ledger, headroom } = found;
      writeJson(io, { ...report, headroom, runtimes, ledger, advice: giveAdvice(found) });
    } else {
      const shown = printableTexts(found);
      printFindings(io, shown, giveAdvice(shown));
    }
    return EXIT.done;
  },
};

interface Examined extends Findings {
  /** `toMake`: it is not there yet, and the first load would make it. */
  readonly ledger: {
    readonly kind: GuardLedger['kind'];
    readonly directory?: string;
    readonly toMake?: true;
    readonly processes: number;
  };
  readonly headroom: {
    readonly headroomBytes: number;
    readonly minFreeBytes: number;
    readonly status: MemoryStatusLevel;
  };
}

/** A ledger that is not there is not made to be looked at. */
async function examineMachine(
  options: Pick<GuardOptions, 'ledger'>,
  minFreeBytes: number | undefined,
): Promise<Examined> {
  const degraded: string[] = [];
  const toMake = findLedgerToMake(options.ledger ?? 'shared');
  const { guard } = openQueryGuard(toMake === undefined ? options : { ledger: 'process' });
  guard.on('degraded', ({ message }) => void degraded.push(nameFlags(message, OPTIONS)));
  try {
    const { kind, directory } = guard.ledger;
    const processes = new Set(readEntries(guard.ledger).map(({ pid }) => pid)).size;
    const seen = guard.status();
    // `degraded` events of the guard's opening come while these are waited for.
    const [report, runtimes] = await Promise.all([machineReport(), findRuntimes()]);
    const ledger: Examined['ledger'] =
      toMake === undefined
        ? { kind, ...(directory && { directory }), processes }
        : { kind: 'shared', directory: toMake, toMake: true, processes };
    const headroom = { headroomBytes: seen.headroomBytes, ...judgeHeadroom(seen, minFreeBytes) };
    return { report, runtimes, degraded, ledger, headroom };
  } finally {
    guard.close();
  }
}

function printFindings(
  { stdout, env }: Io,
  { report, runtimes, ledger, headroom }: Examined,
  advice: readonly string[],
): void {
  const screen = detectScreen(stdout, env);
  const { colors } = screen;
  const { memory } = report;
  const label = (name: string, texts: readonly string[]) => labelLines(name, texts, screen);
  const lines = [
    ...label('System', [
      `${report.os}, kernel ${report.kernel}`,
      `${report.cores} x ${report.cpu}, Node ${report.node}`,
    ]),
    ...label('Memory', [describeMemory(report)]),
    '',
    ...formatScopeTable(memory, screen).map((line) => `  ${line}`),
    '',
    ...label('Binds', [memory.limitedBy.kind === 'host' ? 'the machine itself' : formatScope(memory.limitedBy)]),
    ...label('Read from', [`${describeSource(memory.source)}:`, ...report.readFrom]),
    ...label('Addon', [report.addon]),
    ...label('Headroom', [describeHeadroom(headroom, screen)]),
    ...label('Ledger', [describeLedger(ledger)]),
    ...label('Walls', [describeContainment(report)]),
    ...label(
      'Runtimes',
      runtimes.map((runtime) => describeRuntime(runtime, screen)),
    ),
    ...label('To change', advice.length > 0 ? advice.map((each) => colors.yellow(each)) : [colors.green('nothing')]),
  ];
  stdout.write(`${lines.join('\n')}\n`);
}

const LABEL_COLUMNS = 12;

/** The label stands beside the first of its lines. What a line goes on with is a little to the right. */
function labelLines(label: string, lines: readonly string[], { textWidth }: Screen): string[] {
  return lines
    .flatMap((line) => {
      const [first = '', ...rest] = wrapWords(line, textWidth - LABEL_COLUMNS - 2);
      return [first, ...rest.map((each) => `  ${each}`)];
    })
    .map((line, index) => `${(index === 0 ? label : '').padEnd(LABEL_COLUMNS)}${line}`);
}

const CLASS_WORDS: Readonly<Record<MachineReport['machineClass'], string>> = {
  'below minimum': 'less than the minimum',
  minimum: 'the minimum',
  recommended: 'the recommended size',
  'high performance': 'the size for high performance',
};

function describeMemory({ memory, machineClass, recommendedQuantization }: MachineReport): string {
  const { totalBytes, availableBytes } = memory;
  const standing = `for Qwen2-Audio that is ${CLASS_WORDS[machineClass]}`;
  return `${formatBytes(availableBytes)} available of ${formatBytes(totalBytes)}; ${standing}, and loads begin with ${recommendedQuantization}`;
}

/** "5.9 GiB can be taken: ok, where 512.0 MiB are to stay free" */
function describeHeadroom({ headroomBytes, minFreeBytes, status }: Examined['headroom'], { colors }: Screen): string {
  const color = status === 'ok' ? colors.green : status === 'warning' ? colors.yellow : colors.red;
  return `${formatLeftBytes(headroomBytes)} can be taken: ${color(status)}, where ${formatBytes(minFreeBytes)} is to stay free`;
}

function describeLedger({ kind, directory, toMake, processes }: Examined['ledger']): string {
  if (kind === 'process')
    return `this process alone; ${processes === 1 ? 'it holds models' : 'it holds no models'} now`;
  if (toMake) return `${directory}, which the first load makes; no process holds models now`;
  return `${directory}, where ${processes} process${processes === 1 ? ' holds' : 'es hold'} models now`;
}

function describeContainment({ containment }: MachineReport): string {
  return 'kind' in containment
    ? `each model's process gets a ${containment.kind} group with what was promised as its limit`
    : `a model's process has no limit of its own. ${containment.reason}`;
}

function describeSource(source: MachineReport['memory']['source']): string {
  if (source === 'native') return 'the native addon, which reads';
  return source === 'procfs' ? 'the JavaScript readers, which read' : 'Node alone, which asks';
}

function describeRuntime({ name, version, note, usable }: FoundRuntime, { colors }: Screen): string {
  return usable ? `${colors.green(`${name} ${version}`)}: ${note}` : `${colors.dim(name)}: ${note}`;
}
