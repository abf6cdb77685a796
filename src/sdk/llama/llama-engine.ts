/** What this package uses of `@fugood/llama.node`, and how it is found. It loads nothing until it is asked to. */
import { MemoryGuardError } from '../../core/errors.ts';
import { makeProgramRequire } from '../../core/program-files.ts';

const PACKAGE = '@fugood/llama.node';

/** One message of a conversation as the engine takes it. */
export interface EngineMessage {
  readonly role: string;
  readonly content: readonly (
    | { readonly type: 'text'; readonly text: string }
    | { readonly type: 'input_audio'; readonly input_audio: { readonly format: 'wav'; readonly url: string } }
  )[];
}

/** What the engine's chat template makes of a conversation. */
export interface FormattedChat {
  readonly prompt: string;
  readonly media_paths?: readonly string[];
  readonly additional_stops?: readonly string[];
}

/** A finished text. */
export interface Completion {
  readonly text: string;
  readonly tokens_predicted: number;
  readonly context_full: boolean;
  readonly interrupted: boolean;
  readonly stopped_eos: boolean;
  readonly stopped_words: boolean;
  readonly stopped_limited: boolean;
  readonly timings?: {
    readonly prompt_ms: number;
    readonly prompt_per_second: number;
    readonly predicted_ms: number;
    readonly predicted_per_second: number;
  };
}

/** What a chat template may be told. */
export interface ChatParams {
  readonly tools?: readonly object[];
  readonly enable_thinking?: boolean;
}

/** A loaded model of the engine. It allows one completion at a time and checks few of its arguments. */
export interface LlamaContext {
  /** Whether the template of the model's file can be parsed; only then are errors of a template caught. */
  isJinjaSupported(): boolean;
  /** Whether that template is one of those that the engine knows without parsing them. */
  isLlamaChatSupported(): boolean;
  getFormattedChat(messages: readonly EngineMessage[], template?: string, params?: ChatParams): FormattedChat;
  tokenize(text: string, media: { media_paths: readonly string[] }): Promise<{ readonly tokens: Int32Array }>;
  detokenize(tokens: readonly number[]): Promise<string>;
  completion(options: object, onToken: (token: { readonly token: string }) => void): Promise<Completion>;
  stopCompletion(): void;
  clearCache(clearData: boolean): void;
  release(): Promise<void>;
  initMultimodal(options: { path: string; use_gpu: boolean }): boolean;
  getMultimodalSupport(): { readonly vision: boolean; readonly audio: boolean };
}

/** The package's module. */
export interface Llama {
  /** Loads the native library; nothing is printed by it. */
  initLlama(): Promise<unknown>;
  /** Blocks the thread until the model is loaded. */
  loadModel(options: object, onProgress?: (percent: number) => void): Promise<LlamaContext>;
  readonly BuildInfo: { readonly number: string };
}

export interface Engine {
  readonly llama: Llama;
  /** Of the package, with the build of llama.cpp in it. */
  readonly version: string;
}

/**
 * Imports the package and loads its native library.
 *
 * @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` with the command that installs what is missing.
 */
export async function findEngine(packageName: string = PACKAGE, entry: string = packageName): Promise<Engine> {
  const require = makeProgramRequire();
  let llama: Llama;
  let version: string;
  try {
    llama = (await import(/* webpackIgnore: true */ entry)) as Llama;
    version = `${require(`${packageName}/package.json`).version} (llama.cpp b${llama.BuildInfo.number})`;
  } catch (cause) {
    throw engineNotFound(`The embedded runtime ${packageName} could not be imported`, packageName, cause);
  }
  try {
    await llama.initLlama();
  } catch (cause) {
    throw engineNotFound(`The native library of ${packageName} could not be loaded`, getPlatformPackage(), cause);
  }
  return { llama, version };
}

function getPlatformPackage(): string {
  return `@fugood/node-llama-${process.platform}-${process.arch}`;
}

function engineNotFound(what: string, packageName: string, cause: unknown): MemoryGuardError {
  // Under Node's permission model what is installed may be refused, and the package does not pass on why.
  const allow = process.permission ? 'allow it with `--allow-addons`, or ' : '';
  const message = `${what}; ${allow}install it with \`npm install ${packageName}\`.`;
  return new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message, { cause });
}
