/** The errors for a name or a path that leads to no model, each with what was found instead. It looks for nothing itself. */
import { describe, MemoryGuardError } from '../core/errors.ts';
import { KNOWN_MODELS } from '../core/known-models.ts';
import type { FoundFile } from './model-folders.ts';
import { readModelName } from './model-name.ts';

/** How many file names an error lists. */
const MAX_LISTED = 6;

export function noModel(name: unknown): MemoryGuardError {
  const message =
    `Expected a known model (${KNOWN_MODELS.join(', ')}) or the path of a .gguf file, got ${describe(name)}; a model of the ` +
    `SDK's cache is named as it was pulled, such as 'publisher/repository'.`;
  return new MemoryGuardError('ERR_UNKNOWN_MODEL', message);
}

export function unknownModel(name: string, folders: readonly string[], found: readonly FoundFile[]): MemoryGuardError {
  const message =
    `Found no file of the model '${name}' in ${folders.map(quote).join(', ')}; there ${listFiles(found)}. ` +
    `Put its .gguf files there, or pass \`modelsDir\` or the path of the file.`;
  return new MemoryGuardError('ERR_UNKNOWN_MODEL', message);
}

export function unknownRepository(name: string, folders: readonly string[]): MemoryGuardError {
  const message =
    `Found no model '${name}' in ${folders.map(quote).join(', ')}, where the SDK's tools keep them. ` +
    `Pull it with \`nexa pull ${name}\` or \`geniex pull ${name}\`, or pass \`modelsDir\` or the path of a .gguf file.`;
  return new MemoryGuardError('ERR_UNKNOWN_MODEL', message);
}

export function missingQuantization(name: string, quantization: string, paths: readonly string[]): MemoryGuardError {
  const wanted = `${name}-${quantization}.gguf`;
  const message = `Expected a file of '${name}' in ${quantization}, such as ${quote(wanted)}; found only ${paths.map(quote).join(', ')}.`;
  return new MemoryGuardError('ERR_MODEL_FILE', message);
}

export function missingSibling(path: string, quantization: string, found: readonly string[]): MemoryGuardError {
  const own = readModelName(path)?.quantization;
  if (!own) {
    const message = `The name of ${quote(path)} says no quantization, so ${quantization} can't be chosen beside it; pass that file's path.`;
    return new MemoryGuardError('ERR_UNKNOWN_QUANTIZATION', message);
  }
  const wanted = path.replace(new RegExp(own, 'i'), quantization);
  const others = found.length > 0 ? `found ${found.map(quote).join(', ')}` : 'found nothing beside it';
  const message = `Expected ${quote(wanted)} beside the model, or the same name in other letters; ${others}.`;
  return new MemoryGuardError('ERR_MODEL_FILE', message);
}

function listFiles(files: readonly FoundFile[]): string {
  if (files.length === 0) return 'is no .gguf file at all';
  const names = files.slice(0, MAX_LISTED).map((file) => quote(file.file));
  const more = files.length > MAX_LISTED ? ` and ${files.length - MAX_LISTED} more` : '';
  return `lie ${names.join(', ')}${more}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
