/** The errors for what the addon's binding fails with: what a failure means and what to do about it, in one sentence each. It acts on nothing. */

import { LAYOUTS, type LayoutName, type NativeFailure } from '../../addon/nexa-binding.ts';
import { type ErrorCode, MemoryGuardError } from '../../core/errors.ts';

/** Code of the library for a prompt that is longer than the context. */
const PROMPT_TOO_LONG = -200103;
/** Code for every other failure of a text; the older generation also has it for a prompt that is too long. */
const TEXT_FAILED = -200101;
/** Codes of a load that are about the model's file; the other ones are about the plugin or the device. */
const FILE_CODES = [-100201, -100203, -100004];

/** Versions that were published without a header that anybody could read. */
const UNREAD = /^v?0\.[6-9]\./;
const UNREAD_NOTE =
  ', while GenieX v0.6.0 to v0.9.3 are published for arm64 only and without the layout of their structs';

const INSTALL = 'Install the Nexa SDK or its successor GenieX (https://github.com/qualcomm/GenieX)';

export function libraryNotFound(tried: readonly string[]): MemoryGuardError {
  const message = `Found no library of the Nexa SDK; looked at ${tried.join(', ')}. ${INSTALL}, or pass \`libraryPath\`.`;
  return new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

/** `problem` is why the addon could not be loaded; `undefined` if there is none. */
export function noLoader(problem: string | undefined): MemoryGuardError {
  const why = problem ?? 'there is none for this platform, or it is switched off';
  const message = `The Nexa SDK's library is loaded by the native addon, but ${why}.`;
  return new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

export function openFailure(path: string, failure: NativeFailure): MemoryGuardError {
  const [code, why] = explainOpenFailure(failure);
  return new MemoryGuardError(code, `The library ${JSON.stringify(path)} ${why}`, { cause: failure });
}

function explainOpenFailure(failure: NativeFailure): readonly [ErrorCode, string] {
  const { text, detail } = failure;
  const known = `known are Nexa SDK v1.0.x, GenieX v0.3.20 to v0.4.0 and v0.5.x${UNREAD.test(detail) ? UNREAD_NOTE : ''}`;
  const force = `pass \`layout\` (${LAYOUTS.join(', ')}) if you know which one it has`;
  if (failure.call !== '') return ['ERR_RUNTIME', `could not be initialized: ${printFailure(failure)}.`];
  switch (text) {
    case 'open':
      return ['ERR_RUNTIME', `could not be loaded: ${detail}.`];
    case 'symbol':
      return ['ERR_RUNTIME_ABI', `is not the Nexa SDK's: it has no ${detail}; pass the path of the SDK's own library.`];
    case 'version':
      return ['ERR_RUNTIME_ABI', `says its version is ${JSON.stringify(detail)}, but ${known}; ${force}.`];
    case 'generation':
      return ['ERR_RUNTIME_ABI', `is version ${JSON.stringify(detail)} of the other generation; leave \`layout\` out.`];
    case 'other-layout':
      return ['ERR_RUNTIME_ABI', `is in use with the layout ${detail} already; leave \`layout\` out.`];
    default:
      return ['ERR_RUNTIME', `could not be opened: ${text}.`];
  }
}

/** For a list of plugins or devices. */
export function listFailure(failure: NativeFailure): MemoryGuardError {
  const why = failure.call === '' ? failure.text : printFailure(failure);
  return new MemoryGuardError('ERR_RUNTIME', `The library could not tell: ${why}.`, { cause: failure });
}

/** The files of a load. */
export interface LoadedFiles {
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
}

export function loadFailure({ modelPath, projectorPath }: LoadedFiles, failure: NativeFailure): MemoryGuardError {
  const cause = { cause: failure };
  if (failure.call === '') {
    const isUnusableProjector = failure.text === 'projector';
    const found = isUnusableProjector ? 'it neither hears nor sees with it' : failure.text;
    const file = isUnusableProjector ? projectorPath : failure.text === 'unreadable' ? failure.detail : modelPath;
    const code = isUnusableProjector || failure.text === 'unreadable' ? 'ERR_MODEL_FILE' : 'ERR_RUNTIME';
    return new MemoryGuardError(code, `The library could not load ${JSON.stringify(file)}: ${found}.`, cause);
  }
  const message = `The library could not load the model ${JSON.stringify(modelPath)}: ${printFailure(failure)}.`;
  return new MemoryGuardError(FILE_CODES.includes(failure.code) ? 'ERR_MODEL_FILE' : 'ERR_RUNTIME', message, cause);
}

/** The model that a text is asked of. */
export interface LoadedLibraryModel extends LoadedFiles {
  readonly contextSize: number;
  readonly layout: LayoutName;
}

export function textFailure(model: LoadedLibraryModel, failure: NativeFailure): MemoryGuardError {
  const cause = { cause: failure };
  const advice = `the context of ${model.contextSize} tokens; shorten it or load the model with a larger \`contextSize\`.`;
  if (failure.code === PROMPT_TOO_LONG) {
    return new MemoryGuardError('ERR_RUNTIME', `The prompt is longer than ${advice}`, cause);
  }
  if (failure.code === TEXT_FAILED && model.layout === 'nexa-1.0') {
    const message = `${printTextFailure(failure)}; this version says so too if the prompt is longer than ${advice}`;
    return new MemoryGuardError('ERR_RUNTIME', message, cause);
  }
  switch (failure.call === '' ? failure.text : '') {
    case 'disposed':
    case 'no-model':
      return new MemoryGuardError('ERR_RUNTIME', `${printModel(model)} is disposed; load it again.`, cause);
    case 'empty-prompt':
      return optionError('Expected `prompt` to be a text that is not empty once it is formatted.', cause);
    case 'marks':
      return optionError(
        `Expected one \`<__media__>\` for each audio and image, got ${failure.detail}; leave it out of your texts.`,
        cause,
      );
    case 'multimodal':
      return new MemoryGuardError(
        'ERR_RUNTIME',
        'The library keeps KV caches of models without a projector only.',
        cause,
      );
    default:
      return new MemoryGuardError('ERR_RUNTIME', `${printTextFailure(failure)}.`, cause);
  }
}

function optionError(message: string, cause: { cause: unknown }): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', message, cause);
}

function printTextFailure(failure: NativeFailure): string {
  return failure.call === ''
    ? `The model gave no answer: ${failure.text}`
    : `The library failed: ${printFailure(failure)}`;
}

/** `Model loading failed (geniex_llm_create gave -100201: unknown model architecture)`. */
function printFailure({ call, code, text, detail }: NativeFailure): string {
  const threw = text === 'it threw an exception';
  const gave = threw ? `${call}` : `${call} gave ${code}`;
  return `${text === '' ? 'no reason is known' : text} (${gave}${detail === '' ? '' : `: ${detail}`})`;
}

function printModel({ modelPath }: LoadedFiles): string {
  return `The model ${JSON.stringify(modelPath)}`;
}
