/** A runtime whose models live in other processes: one for each, or one for all of them. It knows no engine. */

import { findChild } from '../../children/find-child.ts';
import { startChild } from '../../children/start-child.ts';
import { MemoryGuardError } from '../../core/errors.ts';
import { LoadProgress } from '../load-progress.ts';
import type {
  LogListener,
  OpenedLibrary,
  Runtime,
  RuntimeDevice,
  RuntimeLoad,
  RuntimeModel,
  RuntimeName,
} from '../runtime.ts';
import type { InitializeOptions } from '../sdk-options.ts';
import { isDevices, isLoadedThere, isOpenedThere, isPlugins, type OpenedThere } from './child-message.ts';
import { type AskedCall, EngineProcess } from './engine-process.ts';
import { explainEndedLoad } from './explain-ended-load.ts';
import { IsolatedModel } from './isolated-model.ts';

/** What decides where and how the processes run. */
export interface IsolationOptions {
  /** Of the program that they run. */
  readonly childPath: string;
  /** Whether one process has all models. */
  readonly shared: boolean;
  /** What they open their runtime with. */
  readonly runtime: Pick<InitializeOptions, 'runtime' | 'libraryPath' | 'layout'>;
  readonly onLog: LogListener | undefined;
  readonly onWarning: (text: string) => void;
}

/**
 * Starts a first process, which opens the runtime and so tells what that is. It stays for the first load.
 *
 * @throws MemoryGuardError as `openRuntime` does, and `ERR_RUNTIME` if no process can be started.
 */
export async function openIsolatedRuntime(options: InitializeOptions): Promise<Runtime> {
  const { isolation, childPath, onLog, runtime, libraryPath, layout } = options;
  const isolated: IsolationOptions = {
    childPath: findChild(childPath),
    shared: isolation === 'shared',
    runtime: {
      ...(runtime && { runtime }),
      ...(libraryPath !== undefined && { libraryPath }),
      ...(layout && { layout }),
    },
    onLog,
    onWarning: warnOnce(),
  };
  const { process, opened } = await openProcess(isolated);
  return new IsolatedRuntime(isolated, process, opened);
}

class IsolatedRuntime implements Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  readonly kvCacheTypes?: NonNullable<Runtime['kvCacheTypes']>;
  readonly library?: OpenedLibrary;
  readonly isolation: 'process' | 'shared';
  readonly #options: IsolationOptions;
  /** The process for the next load, or that of all models. */
  #ready: Promise<EngineProcess> | undefined;
  readonly #processes = new Set<EngineProcess>();
  #closed = false;

  constructor(options: IsolationOptions, process: EngineProcess, opened: OpenedThere) {
    const { name, version, kvCacheTypes, library } = opened;
    this.name = name as RuntimeName;
    this.version = version;
    if (kvCacheTypes) this.kvCacheTypes = kvCacheTypes as NonNullable<Runtime['kvCacheTypes']>;
    if (library) this.library = library;
    this.isolation = options.shared ? 'shared' : 'process';
    this.#options = options;
    this.#follow(process);
    this.#ready = Promise.resolve(process);
  }

  async load({ onProgress, onProcess, signal, ...request }: RuntimeLoad): Promise<RuntimeModel> {
    const process = await this.#takeUntil(signal);
    const progress = new LoadProgress(onProgress);
    const asked: AskedCall = { type: 'load', args: [{ ...request, reportsProgress: onProgress !== undefined }] };
    try {
      signal?.throwIfAborted();
      await onProcess?.(process);
      signal?.throwIfAborted();
      const load = process.call(asked, { progress: progress.listener });
      const loaded = await (signal ? untilAborted(load, signal, process) : load);
      if (!isLoadedThere(loaded)) throw await endAstray(process, 'load');
      progress.finish();
      signal?.throwIfAborted();
      return new IsolatedModel(process, loaded, request.modelPath);
    } catch (error) {
      if (!process.shared) await (signal?.aborted ? endSoon(process) : process.kill());
      throw signal?.aborted ? signal.reason : await explainEndedLoad(error, request, process);
    }
  }

  async plugins(): Promise<readonly string[]> {
    return this.#ask({ type: 'plugins', args: [] }, isPlugins);
  }

  async devices(pluginId: string): Promise<readonly RuntimeDevice[]> {
    return this.#ask({ type: 'devices', args: [pluginId] }, isDevices);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#processes].map((process) => process.kill()));
  }

  /** What is asked of the library and not of a model: the process for the next load answers. */
  async #ask<T>(asked: AskedCall, isAnswer: (value: unknown) => value is T): Promise<T> {
    const process = await this.#getProcess();
    const answer = await process.call(asked);
    if (!isAnswer(answer)) throw await endAstray(process, asked.type);
    return answer;
  }

  /** A load that is given up while its process starts leaves that to the next one. */
  async #takeUntil(signal: AbortSignal | undefined): Promise<EngineProcess> {
    const taken = this.#getProcess(!this.#options.shared);
    if (!signal) return taken;
    return untilSignal(taken, signal).catch((error) => {
      this.#giveBack(taken);
      throw error;
    });
  }

  #giveBack(taken: Promise<EngineProcess>): void {
    const isWanted = this.#ready === undefined;
    if (isWanted) this.#ready = taken;
    taken.then(
      (process) => {
        if (!isWanted && !process.shared) void process.kill();
      },
      () => {
        // One that could not be started is none for the next load.
        if (this.#ready === taken) this.#ready = undefined;
      },
    );
  }

  /** Several who ask at once get one process, unless each takes it. */
  async #getProcess(take = false): Promise<EngineProcess> {
    const ready = this.#ready ?? this.#start();
    this.#ready = take ? undefined : ready;
    try {
      const process = await ready;
      if (!process.end) return process;
      if (this.#ready === ready) this.#ready = undefined;
      return await this.#getProcess(take);
    } catch (error) {
      if (this.#ready === ready) this.#ready = undefined;
      throw error;
    }
  }

  async #start(): Promise<EngineProcess> {
    const { process } = await openProcess(this.#options, (started) => this.#follow(started));
    return process;
  }

  /** One that was still starting when this runtime was closed is not wanted any more. */
  #follow(process: EngineProcess): void {
    this.#processes.add(process);
    void process.ended.then(() => this.#processes.delete(process));
    if (this.#closed) void process.kill();
  }
}

async function openProcess(
  options: IsolationOptions,
  onStarted?: (process: EngineProcess) => void,
): Promise<{ readonly process: EngineProcess; readonly opened: OpenedThere }> {
  const process = new EngineProcess(await startChild(options.childPath), options);
  onStarted?.(process);
  try {
    const opened = await process.call({ type: 'open', args: [options.runtime] });
    if (isOpenedThere(opened)) return { process, opened };
    throw await endAstray(process, 'open');
  } catch (error) {
    await process.kill();
    throw error;
  }
}

/** An engine went astray. */
async function endAstray(process: EngineProcess, call: AskedCall['type']): Promise<MemoryGuardError> {
  await process.endAstray();
  const message = `Expected what \`${call}\` gives from the process of the model, found something else; its process was ended, so load it again.`;
  return new MemoryGuardError('ERR_RUNTIME', message);
}

/** Every process opens the runtime anew, and all of them warn of the same. */
function warnOnce(): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) globalThis.process.emitWarning(text);
    told.add(text);
  };
}

/** Rejects with the signal's reason as soon as it aborts. */
async function untilSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * A load in a process of its own ends with that process, at once. One beside other models can't be interrupted: it is waited for, and its
 * model disposed.
 */
async function untilAborted(load: Promise<unknown>, signal: AbortSignal, process: EngineProcess): Promise<unknown> {
  if (!process.shared) return untilSignal(load, signal);
  const loaded = await load;
  if (signal.aborted && isLoadedThere(loaded)) {
    await process.call({ type: 'model', model: loaded.model, method: 'dispose', args: [] });
  }
  signal.throwIfAborted();
  return loaded;
}

/** The kernel takes up to a second to take a whole model apart, and nobody who has given it up waits for that. */
const GONE_WITHIN_MS = 50;

/** Ends a process, and resolves when it is gone or has taken too long for that. */
async function endSoon(process: EngineProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GONE_WITHIN_MS);
  });
  await Promise.race([process.kill(), patience]);
  clearTimeout(timer);
}
