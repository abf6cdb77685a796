/** `doctor`: what memory was read from where, what binds, what models can be loaded with, and what to change. */
import { formatBytes, type GuardLedger, type GuardOptions, type MachineReport, machineReport } from '../../index.ts';
import type { Command } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import { type Io, type Screen, screenOf, writeJson } from '../io.ts';
import { LEDGER, ledgerIn, machineGuard } from '../query-guard.ts';
import { scopeInWords, scopeTable } from '../scope-table.ts';
import { adviceFor, type Findings } from './advice.ts';
import { type FoundRuntime, findRuntimes } from './find-runtimes.ts';

export const doctor: Command = {
  name: 'doctor',
  takes: [],
  summary: 'What memory this process may use, where that was read, which runtimes are there, and what to change.',
  options: LEDGER,
  examples: ['doctor', 'doctor --json'],
  async run(given, io) {
    const found = await examine(ledgerIn(given));
    const advice = adviceFor(found);
    if (given.flag('json')) writeJson(io, { ...found.report, runtimes: found.runtimes, ledger: found.ledger, advice });
    else print(io, found, advice);
    return EXIT.done;
  },
};

interface Examined extends Findings {
  readonly ledger: { readonly kind: GuardLedger['kind']; readonly directory?: string; readonly processes: number };
}

async function examine(options: GuardOptions): Promise<Examined> {
  const degraded: string[] = [];
  const { guard } = machineGuard(options);
  guard.on('degraded', ({ message }) => void degraded.push(message));
  try {
    const { kind, directory } = guard.ledger;
    const processes = new Set(guard.ledger.entries().map(({ pid }) => pid)).size;
    // What can't be had is told while these are waited for.
    const [report, runtimes] = await Promise.all([machineReport(), findRuntimes()]);
    return { report, runtimes, degraded, ledger: { kind, ...(directory && { directory }), processes } };
  } finally {
    guard.close();
  }
}

function print({ stdout, env }: Io, { report, runtimes, ledger }: Examined, advice: readonly string[]): void {
  const screen = screenOf(stdout, env);
  const { colors } = screen;
  const where = ledger.kind === 'shared' ? `${ledger.directory}, all processes of this user` : 'this process alone';
  const lines = [
    ...fact('System', [
      `${report.os}, kernel ${report.kernel}`,
      `${report.cores} x ${report.cpu}, Node ${report.node}`,
    ]),
    ...fact('Memory', [memoryInWords(report)]),
    '',
    ...scopeTable(report.memory, screen).map((line) => `  ${line}`),
    '',
    ...fact('Binds', [
      report.memory.limitedBy.kind === 'host' ? 'the machine itself' : scopeInWords(report.memory.limitedBy),
    ]),
    ...fact('Read from', [`${sourceInWords(report)}:`, ...report.readFrom]),
    ...fact('Addon', [report.addon]),
    ...fact('Ledger', [`${where}; ${ledger.processes} of them hold${ledger.processes === 1 ? 's' : ''} models now`]),
    ...fact(
      'Runtimes',
      runtimes.map((runtime) => runtimeInWords(runtime, screen)),
    ),
    ...fact('To change', advice.length > 0 ? advice.map((each) => colors.yellow(each)) : [colors.green('nothing')]),
  ];
  stdout.write(`${lines.join('\n')}\n`);
}

/** A label and its lines, the first of them beside it. */
function fact(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? label : '').padEnd(11)} ${line}`);
}

const STANDING: Readonly<Record<MachineReport['machineClass'], string>> = {
  'below minimum': 'less than the minimum',
  minimum: 'the minimum',
  recommended: 'the recommended size',
  'high performance': 'the size for high performance',
};

function memoryInWords({ memory, machineClass, recommendedQuantization }: MachineReport): string {
  const { totalBytes, availableBytes } = memory;
  const standing = `for Qwen2-Audio that is ${STANDING[machineClass]}`;
  return `${formatBytes(availableBytes)} available of ${formatBytes(totalBytes)}; ${standing}, and loads begin with ${recommendedQuantization}`;
}

function sourceInWords({ memory: { source } }: MachineReport): string {
  if (source === 'native') return 'the native addon, which reads';
  return source === 'procfs' ? 'the JavaScript readers, which read' : 'Node alone, which asks';
}

function runtimeInWords({ name, version, note, usable }: FoundRuntime, { colors }: Screen): string {
  return usable ? `${colors.green(`${name} ${version}`)}: ${note}` : `${colors.dim(name)}: ${note}`;
}
