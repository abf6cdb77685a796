/** A child process with a guard over a fake SDK and the real machine, led line by line: it says what became of each load. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { ControlGroup } from '../../tools/control-groups.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOOR = new URL('../../dist/index.js', import.meta.url).href;

const PROGRAM = `
import { createInterface } from 'node:readline';
const { withMemoryGuard } = await import(${JSON.stringify(DOOR)});
const sdk = { loadModel: async () => ({ generate: async () => 'text', dispose: async () => {} }) };
const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ...JSON.parse(process.argv[1]) });
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\\n');
nexa.guard.on('degraded', ({ message }) => say({ degraded: message }));
const models = [];
for await (const line of createInterface({ input: process.stdin })) {
  const { load, dispose, memoryGuard } = JSON.parse(line);
  if (load) {
    nexa.loadModel(load, { memoryGuard })
      .then((model) => { models.push(model); say({ loaded: load }); })
      .catch(({ code, message }) => say({ refused: load, code, message }));
  } else if (dispose) {
    await models.shift().dispose();
    say({ disposed: true });
  } else say({ headroomBytes: nexa.guard.headroomBytes(), entries: nexa.guard.ledger.entries(), kind: nexa.guard.ledger.kind });
}
`;

export interface Answer {
  readonly loaded?: string;
  readonly refused?: string;
  readonly code?: string;
  readonly message?: string;
  readonly degraded?: string;
  readonly disposed?: boolean;
  readonly kind?: string;
  readonly headroomBytes?: number;
  readonly entries?: readonly { pid: number; label: string; mappedBytes: number; anonymousBytes: number }[];
}

export class LedgerChild {
  readonly process: ChildProcess;
  readonly #answers: Answer[] = [];
  #wake: (() => void) | undefined;

  /** Ends with the test, however that ends. */
  constructor(options: object, group?: ControlGroup, env: NodeJS.ProcessEnv = {}) {
    const args = ['--input-type=module', '-e', PROGRAM, JSON.stringify(options)];
    const given = { cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '', ...env } };
    this.process = group
      ? group.spawn([process.execPath, ...args], given)
      : spawn(process.execPath, args, { ...given, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#answers.push(JSON.parse(line) as Answer);
      this.#wake?.();
    });
    onTestFinished(() => void this.process.kill('SIGKILL'));
  }

  /** Sends one line and gives the next answer. */
  async ask(line: object): Promise<Answer> {
    this.tell(line);
    return this.answer();
  }

  tell(line: object): void {
    this.process.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  async answer(): Promise<Answer> {
    while (this.#answers.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#answers.shift() as Answer;
  }

  load(name: string, footprint: number | object, more: object = {}): Promise<Answer> {
    return this.ask({ load: name, memoryGuard: { footprint, ...more } });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    if (signal === 'SIGKILL') await gone;
  }
}
