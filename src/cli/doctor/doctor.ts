/** `doctor`: what memory was read and where, which limit is the tightest, which runtimes there are, and what to change. */
import { printableTexts } from '../../core/printable.ts';
import { formatBytes, type GuardLedger, type GuardOptions, type MachineReport, machineReport } from '../../index.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { detectScreen, type Io, type Screen, writeJson } from '../io.ts';
import { LEDGER_OPTION, openQueryGuard, selectLedger } from '../query-guard.ts';
import { readEntries } from '../read-entries.ts';
import { formatScope, formatScopeTable } from '../scope-table.ts';
import { type Findings, giveAdvice } from './advice.ts';
import { type FoundRuntime, findRuntimes } from './find-runtimes.ts';

export const doctor: Command<typeof LEDGER_OPTION> = {
  name: 'doctor',
  takes: [],
  summary: 'What memory this process may use, where that was read, which runtimes are there, and what to change.',
  options: LEDGER_OPTION,
  examples: ['doctor', 'doctor --json'],
  async run({ options, json }, io) {
    const found = await examineMachine(selectLedger(options));
    if (json) {
      writeJson(io, { ...found.report, runtimes: found.runtimes, ledger: found.ledger, advice: giveAdvice(found) });
    } else {
      const shown = printableTexts(found);
      printFindings(io, shown, giveAdvice(shown));
    }
    return EXIT.done;
  },
};

interface Examined extends Findings {
  readonly ledger: { readonly kind: GuardLedger['kind']; readonly directory?: string; readonly processes: number };
}

async function examineMachine(options: GuardOptions): Promise<Examined> {
  const degraded: string[] = [];
  const { guard } = openQueryGuard(options);
  guard.on('degraded', ({ message }) => void degraded.push(message));
  try {
    const { kind, directory } = guard.ledger;
    const processes = new Set(readEntries(guard.ledger).map(({ pid }) => pid)).size;
    // `degraded` events of the guard's opening come while these are waited for.
    const [report, runtimes] = await Promise.all([machineReport(), findRuntimes()]);
    return { report, runtimes, degraded, ledger: { kind, ...(directory && { directory }), processes } };
  } finally {
    guard.close();
  }
}

function printFindings({ stdout, env }: Io, { report, runtimes, ledger }: Examined, advice: readonly string[]): void {
  const screen = detectScreen(stdout, env);
  const { colors } = screen;
  const { memory } = report;
  const where = ledger.kind === 'shared' ? `${ledger.directory}, all processes of this user` : 'this process alone';
  const lines = [
    ...labelLines('System', [
      `${report.os}, kernel ${report.kernel}`,
      `${report.cores} x ${report.cpu}, Node ${report.node}`,
    ]),
    ...labelLines('Memory', [describeMemory(report)]),
    '',
    ...formatScopeTable(memory, screen).map((line) => `  ${line}`),
    '',
    ...labelLines('Binds', [memory.limitedBy.kind === 'host' ? 'the machine itself' : formatScope(memory.limitedBy)]),
    ...labelLines('Read from', [`${describeSource(memory.source)}:`, ...report.readFrom]),
    ...labelLines('Addon', [report.addon]),
    ...labelLines('Ledger', [
      `${where}; ${ledger.processes} of them hold${ledger.processes === 1 ? 's' : ''} models now`,
    ]),
    ...labelLines('Walls', [describeContainment(report)]),
    ...labelLines(
      'Runtimes',
      runtimes.map((runtime) => describeRuntime(runtime, screen)),
    ),
    ...labelLines(
      'To change',
      advice.length > 0 ? advice.map((each) => colors.yellow(each)) : [colors.green('nothing')],
    ),
  ];
  stdout.write(`${lines.join('\n')}\n`);
}

/** The label stands beside the first of its lines. */
function labelLines(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? label : '').padEnd(11)} ${line}`);
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
