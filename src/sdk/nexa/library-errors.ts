/** What the addon's failures mean and what to do about them, one sentence each. It acts on nothing. */

import { LAYOUTS, type LayoutName, type NativeFailure } from '../../addon/nexa-binding.ts';
import { type ErrorCode, MemoryGuardError } from '../../core/errors.ts';

/** The prompt is longer than the context; the older generation has one code for this and for everything else. */
const PROMPT_TOO_LONG = -200103;
const TEXT_FAILED = -200101;

const INSTALL = 'Install the Nexa SDK or its successor GenieX (https://github.com/qualcomm/GenieX)';

export function notFound(tried: readonly string[]): MemoryGuardError {
  const message = `Found no library of the Nexa SDK; looked at ${tried.join(', ')}. ${INSTALL}, or pass \`libraryPath\`.`;
  return new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

export function noLoader(problem: string | undefined): MemoryGuardError {
  const why = problem ?? 'there is none for this platform, or it is switched off';
  const message = `The Nexa SDK's library is loaded by the native addon, but ${why}.`;
  return new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message);
}

export function openFailure(path: string, failure: NativeFailure): MemoryGuardError {
  const [code, why] = whyNotOpen(failure);
  return new MemoryGuardError(code, `The library ${JSON.stringify(path)} ${why}`, { cause: failure });
}

function whyNotOpen(failure: NativeFailure): readonly [ErrorCode, string] {
  const { text, detail } = failure;
  const known = `known are Nexa SDK v1.0.x, GenieX v0.3.20 to v0.4.0 and v0.5.x`;
  const force = `pass \`layout\` (${LAYOUTS.join(', ')}) if you know which one it has`;
  if (failure.call !== '') return ['ERR_RUNTIME', `could not be initialized: ${said(failure)}.`];
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

export interface LoadedFiles {
  readonly modelPath: string;
  readonly projectorPath?: string | undefined;
}

export function loadFailure({ modelPath, projectorPath }: LoadedFiles, failure: NativeFailure): MemoryGuardError {
  const cause = { cause: failure };
  if (failure.call === '') {
    const unheard = failure.text === 'projector';
    const found = unheard ? 'it neither hears nor sees with it' : failure.text;
    const file = unheard ? projectorPath : failure.text === 'unreadable' ? failure.detail : modelPath;
    const code = unheard || failure.text === 'unreadable' ? 'ERR_MODEL_FILE' : 'ERR_RUNTIME';
    return new MemoryGuardError(code, `The library could not load ${JSON.stringify(file)}: ${found}.`, cause);
  }
  // A code of the plugin or the device is none of the file.
  const ofFile = [-100201, -100203, -100004].includes(failure.code);
  const message = `The library could not load the model ${JSON.stringify(modelPath)}: ${said(failure)}.`;
  return new MemoryGuardError(ofFile ? 'ERR_MODEL_FILE' : 'ERR_RUNTIME', message, cause);
}

export interface UsedModel extends LoadedFiles {
  readonly contextSize: number;
  readonly layout: LayoutName;
}

export function textFailure(model: UsedModel, failure: NativeFailure): MemoryGuardError {
  const cause = { cause: failure };
  const advice = `the context of ${model.contextSize} tokens; shorten it or load the model with a larger \`contextSize\`.`;
  if (failure.code === PROMPT_TOO_LONG) {
    return new MemoryGuardError('ERR_RUNTIME', `The prompt is longer than ${advice}`, cause);
  }
  if (failure.code === TEXT_FAILED && model.layout === 'nexa-1.0') {
    const message = `${went(failure)}; this version says so too where the prompt is longer than ${advice}`;
    return new MemoryGuardError('ERR_RUNTIME', message, cause);
  }
  switch (failure.call === '' ? failure.text : '') {
    case 'disposed':
    case 'no-model':
      return new MemoryGuardError('ERR_RUNTIME', `${named(model)} is disposed; load it again.`, cause);
    case 'empty-prompt':
      return refusal('Expected `prompt` to be a text that is not empty once it is formatted.', cause);
    case 'marks':
      return refusal(
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
      return new MemoryGuardError('ERR_RUNTIME', `${went(failure)}.`, cause);
  }
}

function refusal(message: string, cause: { cause: unknown }): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', message, cause);
}

function went(failure: NativeFailure): string {
  return failure.call === '' ? `The model gave no answer: ${failure.text}` : `The library failed: ${said(failure)}`;
}

/** `Model loading failed (geniex_llm_create gave -100201: unknown model architecture)`. */
function said({ call, code, text, detail }: NativeFailure): string {
  const threw = text === 'it threw an exception';
  const gave = threw ? `${call}` : `${call} gave ${code}`;
  return `${text === '' ? 'no reason is known' : text} (${gave}${detail === '' ? '' : `: ${detail}`})`;
}

function named({ modelPath }: LoadedFiles): string {
  return `The model ${JSON.stringify(modelPath)}`;
}
