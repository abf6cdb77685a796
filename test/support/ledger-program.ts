/** A process with a member of a ledger that does what its program says, and tells it line by line. Needs `lib/`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const LIB = new URL('lib/', ROOT);

/** What a program has in scope. `say` writes at once, whether or not its event loop is busy. */
export const PROGRAM_HEAD = `
import * as fs from 'node:fs';
import { loadAddon } from '${LIB.href}addon/load-addon.js';
import { findNamedMeeting, findUserMeeting } from '${LIB.href}ledger/ledger-directory.js';
import { LedgerFile } from '${LIB.href}ledger/ledger-file.js';
import { LOCK } from '${LIB.href}ledger/ledger-members.js';
import { LedgerSection } from '${LIB.href}ledger/ledger-section.js';
import { SharedLedger } from '${LIB.href}ledger/shared-ledger.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline';
const { locks } = loadAddon();
const blockUntil = (path) => { while (!fs.existsSync(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); };
const blockForEver = () => { for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); };
const openSection = (path, slot) => new LedgerSection(LedgerFile.open(path), locks, { pid: process.pid, slot });
const holdings = (more) => ({ files: [], promisedMappedBytes: 0, promisedAnonymousBytes: 0, loadingAnonymousBytes: 0, waiting: [], waitingCount: 0, entries: [], ...more });
const openLedger = (meeting, onProblem = () => {}) =>
  new SharedLedger({ meeting, locks, own: { uid: process.getuid(), pid: process.pid, pidNamespace: 'test' }, onProblem, onPublished() {} });
/** Decides to hold so much, beside all others, unless that is too much. */
const decide = (ledger, bytes, mostBytes = Infinity, signal, onFailure) => {
  const judge = () => ledger.peers().reduce((sum, peer) => sum + peer.promisedAnonymousBytes, bytes) <= mostBytes;
  return ledger.inSection(judge, (fits) => {
    if (fits) ledger.publish(['host'], holdings({ promisedAnonymousBytes: bytes }));
    return fits;
  }, signal, onFailure);
};
`;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class LedgerProgram {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #lines: string[] = [];
  #over: Ended | undefined;
  #wake: (() => void) | undefined;

  /** `body` is a module with top-level `await`, `data`, and `say(value)`. The process ends with the test, however that ends. */
  constructor(
    body: string,
    data: unknown = {},
    options: { readonly env?: NodeJS.ProcessEnv; readonly shell?: string; readonly uid?: number } = {},
  ) {
    if (!existsSync(LIB)) throw new Error('lib/ is not built: npm run build:js');
    const source = `${PROGRAM_HEAD}
const data = JSON.parse(process.argv[1]);
const say = (value) => fs.writeSync(1, JSON.stringify(value) + '\\n');
${body}`;
    const command = [process.execPath, '--input-type=module', '-e', source, JSON.stringify(data)];
    const [program = '', ...args] = options.shell
      ? ['/bin/sh', '-c', `${options.shell}; exec "$0" "$@"`, ...command]
      : command;
    this.process = spawn(program, args, {
      cwd: fileURLToPath(ROOT),
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    });
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        this.#over = { code, signal };
        resolve(this.#over);
        this.#wake?.();
      });
    });
    onTestFinished(async () => {
      this.process.kill('SIGKILL');
      await this.ended;
    });
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** What it says next. */
  async next(): Promise<unknown> {
    while (this.#lines.length === 0) {
      if (this.#over) throw new Error(`the program has ended: ${JSON.stringify(this.#over)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return JSON.parse(this.#lines.shift()!);
  }

  tell(value: unknown): void {
    this.process.stdin!.write(`${JSON.stringify(value)}\n`);
  }

  /** Resolves when it is over, also for the kernel. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.process.kill(signal);
    await this.ended;
  }
}
