/** One process in which an engine runs: its calls, its end, and whether it still answers. It knows no models. */

import type { StartedChild } from '../../children/start-child.ts';
import { describeEnd } from '../../core/describe-end.ts';
import { MemoryGuardError } from '../../core/errors.ts';
import type { ModelProcess, ProcessEnd } from '../../core/model-process.ts';
import type { LogListener } from '../runtime.ts';
import { type ProcessMessage, type ProgramMessage, readProcessMessage } from './child-message.ts';
import { OutputLines } from './output-lines.ts';
import { receiveError, type SentError } from './sent-error.ts';

export interface EngineProcessOptions {
  readonly shared: boolean;
  readonly onLog?: LogListener | undefined;
  /** Is called with what the process warns of. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** How often it is asked whether it still answers. @default 2000 */
  readonly pingMs?: number | undefined;
}

/** What comes during a call. */
export interface CallListeners {
  readonly text?: (text: string) => void;
  readonly progress?: ((percent: number) => void) | undefined;
}

interface RunningCall extends CallListeners {
  readonly message: CallMessage;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A message that is answered. */
export type CallMessage = Extract<ProgramMessage, { readonly call: number }>;

/** The message of a call before it has its number. */
export type AskedCall = CallMessage extends infer M ? (M extends CallMessage ? Omit<M, 'call'> : never) : never;

const PING_MS = 2000;
/** After so many questions without an answer it hangs: 30 s in which the program itself was not stopped. */
const MOST_UNANSWERED = 15;
/** For so long the lines of a process that has failed are waited for: they come by another way than its messages. */
const LINES_MS = 50;

/** All that run: a program that ends takes them along. */
const running = new Set<EngineProcess>();
let watchesExit = false;

export class EngineProcess implements ModelProcess {
  readonly pid: number;
  readonly shared: boolean;
  readonly ended: Promise<ProcessEnd>;
  readonly #child: StartedChild;
  readonly #lines: OutputLines;
  readonly #onWarning: ((text: string) => void) | undefined;
  readonly #calls = new Map<number, RunningCall>();
  readonly #printed: Promise<void>;
  readonly #pingMs: number;
  #nextCall = 1;
  #asked = false;
  #ending = false;
  #hung = false;
  #end: ProcessEnd | undefined;
  /** Loads block its event loop: then it can't answer. */
  #loads = 0;
  #unanswered = 0;
  #pings: NodeJS.Timeout | undefined;

  constructor(child: StartedChild, { shared, onLog, onWarning, pingMs = PING_MS }: EngineProcessOptions) {
    this.pid = child.pid;
    this.shared = shared;
    this.#child = child;
    this.#pingMs = pingMs;
    this.#onWarning = onWarning;
    this.#lines = new OutputLines(onLog && ((level, text) => tellLog(onLog, level, text)));
    child.onMessage((message) => this.#receive(message));
    this.#printed = new Promise((resolve) => {
      child.onOutput((bytes) => {
        if (bytes) return this.#lines.push(bytes);
        this.#lines.end();
        resolve();
      });
    });
    this.ended = new Promise((resolve) => {
      child.onExit((exitCode, signal) => resolve(this.#ended(exitCode, signal)));
    });
    child.hold(false);
    running.add(this);
    killAtExit();
  }

  /** How it ended. `undefined` while it runs. */
  get end(): ProcessEnd | undefined {
    return this.#end;
  }

  /** Rejects with what the process rejects with, or with `ERR_MODEL_KILLED` if it ends before it answers. */
  async call(asked: AskedCall, listeners: CallListeners = {}): Promise<unknown> {
    if (this.#end) throw this.killedError();
    const call = this.#nextCall++;
    const message: CallMessage = { ...asked, call };
    this.#lines.takeErrors();
    const answered = new Promise((resolve, reject) => {
      this.#calls.set(call, { ...listeners, message, resolve, reject });
    });
    if (isBlocking(message)) this.#loads += 1;
    this.#child.hold(true);
    this.#child.send(message);
    this.#beginPings();
    return answered;
  }

  /** Sends what is not answered. */
  send(message: Exclude<ProgramMessage, CallMessage>): void {
    if (!this.#end) this.#child.send(message);
  }

  /** Ends it at once, whatever it does. Resolves when it is gone. */
  kill(): Promise<ProcessEnd> {
    this.#asked = true;
    return this.#kill();
  }

  /** The same if its engine went astray, so that nothing it says can be believed: nobody had asked for its end. */
  endAstray(): Promise<ProcessEnd> {
    return this.#kill();
  }

  /** The errors that it has printed, once all of them have come. */
  async takeErrors(): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LINES_MS);
    });
    await Promise.race([this.#printed, patience]);
    clearTimeout(timer);
    return this.#lines.takeErrors();
  }

  /** The error for whoever relied on it. */
  killedError(): MemoryGuardError {
    return new MemoryGuardError(
      'ERR_MODEL_KILLED',
      `${describeEnd('The process of the model', this.#end)}; load it again.`,
    );
  }

  /** The program lives until it is gone, whatever it still answers. */
  #kill(): Promise<ProcessEnd> {
    this.#ending = true;
    if (!this.#end) {
      this.#child.hold(true);
      this.#child.kill();
    }
    return this.ended;
  }

  #receive(value: unknown): void {
    const message = readProcessMessage(value);
    this.#unanswered = 0;
    if (message) this.#hear(message);
    else void this.endAstray();
  }

  #hear(message: ProcessMessage): void {
    switch (message.type) {
      case 'pong':
        break;
      case 'log':
        this.#lines.add(message.text, message.level);
        break;
      case 'warning':
        this.#onWarning?.(message.text);
        break;
      case 'text':
        this.#calls.get(message.call)?.text?.(message.text);
        break;
      case 'progress':
        this.#calls.get(message.call)?.progress?.(message.percent);
        break;
      default:
        this.#settle(message);
    }
  }

  #settle(message: Extract<ProcessMessage, { readonly type: 'done' | 'failed' }>): void {
    const running = this.#take(message.call);
    if (message.type === 'done') running?.resolve(message.value);
    else void this.#receiveError(message.error).then((error) => running?.reject(error));
  }

  async #receiveError(sent: SentError): Promise<MemoryGuardError> {
    return receiveError(sent, sent.failure ? await this.takeErrors() : []);
  }

  #take(call: number): RunningCall | undefined {
    const found = this.#calls.get(call);
    this.#calls.delete(call);
    if (found && isBlocking(found.message)) this.#loads -= 1;
    if (this.#calls.size === 0 && !this.#ending) this.#child.hold(false);
    return found;
  }

  #ended(exitCode: number | null, signal: NodeJS.Signals | null): ProcessEnd {
    clearInterval(this.#pings);
    running.delete(this);
    this.#end = Object.freeze({
      ...(signal !== null && { signal }),
      ...(exitCode !== null && { exitCode }),
      asked: this.#asked,
      hung: this.#hung,
    });
    for (const call of [...this.#calls.keys()]) this.#take(call)?.reject(this.killedError());
    return this.#end;
  }

  /** An engine can wait for itself for ever. While it loads, its event loop is blocked, and that is told by the load alone. */
  #beginPings(): void {
    this.#pings ??= setInterval(() => {
      if (this.#loads > 0) {
        this.#unanswered = 0;
        return;
      }
      this.#unanswered += 1;
      if (this.#unanswered > MOST_UNANSWERED) {
        this.#hung = true;
        this.#child.kill();
        return;
      }
      this.send({ type: 'ping' });
    }, this.#pingMs).unref();
  }
}

function isBlocking({ type }: CallMessage): boolean {
  return type === 'load' || type === 'open';
}

/** A listener's own error must end no model. */
function tellLog(listener: LogListener, ...line: Parameters<LogListener>): void {
  try {
    listener(...line);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

/** A process also ends by itself when its program does, but without the addon only once its event loop turns. */
function killAtExit(): void {
  if (!watchesExit) process.on('exit', killRunning);
  watchesExit = true;
}

function killRunning(): void {
  for (const each of running) void each.kill();
}
