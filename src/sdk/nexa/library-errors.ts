/** The errors for what the addon's binding fails with: what a failure means and what to do about it, in one sentence each. It acts on nothing. */

import { LAYOUTS, type NativeFailure } from '../../addon/nexa-binding.ts';
import { type ErrorCode, MemoryGuardError } from '../../core/errors.ts';
import { contextFull } from '../context-full.ts';

/** Code of the library for a prompt that is longer than the context. */
const PROMPT_TOO_LONG = -200103;
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
}

export function textFailure(model: LoadedLibraryModel, failure: NativeFailure): MemoryGuardError {
  const cause = { cause: failure };
  if (failure.code === PROMPT_TOO_LONG || (failure.call === '' && failure.text === 'context-full')) {
    const tokens = failure.call === '' && failure.detail !== '' ? Number(failure.detail) : undefined;
    const { contextSize, projectorPath } = model;
    return contextFull({ tokens, contextSize, hasMedia: projectorPath !== undefined }, cause);
  }
  switch (failure.call === '' ? failure.text : '') {
    case 'disposed':
      return new MemoryGuardError('ERR_RUNTIME', `${printModel(model)} is disposed; load it again.`, cause);
    case 'empty-prompt':
      return optionError('Expected `prompt` to be a text that is not empty once it is formatted.', cause);
    case 'marks':
      return optionError(
        `Expected one \`<__media__>\` for each audio and image, got ${failure.detail}; leave it out of your texts.`,
        cause,
      );
    case 'media-order':
      return optionError(
        'Expected the images of what is new in the conversation to come before its audio, got audio before an image; the library takes the images first, so put them first.',
        cause,
      );
    case 'first-token':
      return new MemoryGuardError(
        'ERR_RUNTIME',
        `${printModel(model)} still has the first token of its first prompt in its context, which this version of the library never forgets, so a prompt that begins otherwise would be answered wrongly; load the model again for it.`,
        cause,
      );
    case 'unknown-context':
      return new MemoryGuardError(
        'ERR_RUNTIME',
        'After a text that failed or filled the context it is not known what the context holds; generate a text, or `reset()`, and save then.',
        cause,
      );
    default:
      return new MemoryGuardError('ERR_RUNTIME', `${printTextFailure(failure)}.`, cause);
  }
}

/** For a KV cache that the library keeps of no model with a projector. */
export function multimodalCache(): MemoryGuardError {
  return new MemoryGuardError('ERR_RUNTIME', 'The library keeps KV caches of models without a projector only.');
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
