/** What a program and the process of its models say to each other, and the check of what comes from there. It sends nothing. */
import { LAYOUTS, type LayoutName } from '../../addon/nexa-binding.ts';
import { LOG_LEVELS, type LogLevel, type OpenedLibrary, type RuntimeDevice } from '../runtime.ts';
import type { SentError } from './sent-error.ts';

/** The methods of a model that the process runs. */
export type ModelMethod = 'generate' | 'format' | 'reset' | 'saveKvCache' | 'loadKvCache' | 'dispose';

/** From the program. `call` is a number of its own for each call, and comes back with what the call gives. */
export type ProgramMessage =
  | { readonly type: 'open' | 'load' | 'plugins' | 'devices'; readonly call: number; readonly args: readonly unknown[] }
  | {
      readonly type: 'model';
      readonly call: number;
      readonly model: number;
      readonly method: ModelMethod;
      readonly args: readonly unknown[];
    }
  | { readonly type: 'stop'; readonly model: number }
  | { readonly type: 'ping' };

/** From the process. */
export type ProcessMessage =
  | { readonly type: 'done'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly error: SentError }
  | { readonly type: 'text'; readonly call: number; readonly text: string }
  | { readonly type: 'progress'; readonly call: number; readonly percent: number }
  | { readonly type: 'log'; readonly level: LogLevel; readonly text: string }
  | { readonly type: 'warning'; readonly text: string }
  | { readonly type: 'pong' };

/** What is known of a model that the process has loaded. */
export interface LoadedThere {
  readonly model: number;
  readonly audio: boolean;
  readonly vision: boolean;
  readonly longestAudioSeconds?: number | undefined;
  readonly keepsKvCache: boolean;
}

/** What is known of the runtime that the process has opened. */
export interface OpenedThere {
  readonly name: string;
  readonly version: string;
  readonly kvCacheTypes?: readonly string[] | undefined;
  readonly library?: OpenedLibrary | undefined;
}

/** The message, if it is one. An engine that went astray may write anything to the channel. */
export function readProcessMessage(value: unknown): ProcessMessage | undefined {
  const { type, call, text, percent, level, error } = Object(value) as Record<string, unknown>;
  switch (type) {
    case 'pong':
      return { type };
    case 'log':
      return isText(text) && LOG_LEVELS.includes(level as LogLevel)
        ? { type, level: level as LogLevel, text }
        : undefined;
    case 'warning':
      return isText(text) ? { type, text } : undefined;
    case 'done':
      return isCount(call) ? { type, call, value: (value as { readonly value?: unknown }).value } : undefined;
    case 'failed':
      return isCount(call) && isSentError(error) ? { type, call, error } : undefined;
    case 'text':
      return isCount(call) && isText(text) ? { type, call, text } : undefined;
    case 'progress':
      return isCount(call) && isCount(percent) ? { type, call, percent } : undefined;
    default:
      return undefined;
  }
}

export function isOpenedThere(value: unknown): value is OpenedThere {
  const { name, version, kvCacheTypes, library } = Object(value) as Record<string, unknown>;
  const types = kvCacheTypes ?? [];
  const isRuntime = (name === 'llama' || name === 'nexa') && isText(version) && isOpenedLibrary(library);
  return isRuntime && Array.isArray(types) && types.every(isText);
}

function isOpenedLibrary(value: unknown): value is OpenedLibrary | undefined {
  if (value === undefined) return true;
  const { path, layout } = Object(value) as Record<string, unknown>;
  return isText(path) && LAYOUTS.includes(layout as LayoutName);
}

export function isLoadedThere(value: unknown): value is LoadedThere {
  const { model, audio, vision, longestAudioSeconds, keepsKvCache } = Object(value) as Record<string, unknown>;
  const flags = [audio, vision, keepsKvCache].every((flag) => typeof flag === 'boolean');
  return isCount(model) && flags && (longestAudioSeconds === undefined || typeof longestAudioSeconds === 'number');
}

export function isPlugins(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

export function isDevices(value: unknown): value is readonly RuntimeDevice[] {
  return Array.isArray(value) && value.every((device) => isText(Object(device).id) && isText(Object(device).name));
}

/** What `generate` gave, as far as the program's own code relies on it. */
export function isGenerateResult(value: unknown): boolean {
  const { text, finishReason, promptTokens, generatedTokens } = Object(value) as Record<string, unknown>;
  return isText(text) && isText(finishReason) && isCount(promptTokens) && isCount(generatedTokens);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function isSentError(value: unknown): value is SentError {
  const { code, cause, failure } = Object(value) as Record<string, unknown>;
  const hasCode = code === undefined || isText(code);
  return (
    isNamed(value) &&
    hasCode &&
    (cause === undefined || isNamed(cause)) &&
    (failure === undefined || isFailure(failure))
  );
}

function isNamed(value: unknown): boolean {
  const { name, message } = Object(value) as Record<string, unknown>;
  return isText(name) && isText(message);
}

function isFailure(value: unknown): boolean {
  const { what, reason, atFile } = Object(value) as Record<string, unknown>;
  return isText(what) && isText(reason) && typeof atFile === 'boolean';
}
