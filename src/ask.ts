/** What one load asks of the gate: its candidates in order of quality, each with its need. It reads no memory. */
import { describe, MemoryGuardError } from './errors.ts';
import { DEFAULT_MIN_FREE_BYTES, isKnownModel, QUANTIZATIONS, requirementOf, tableNeed } from './footprint/catalog.ts';
import type { Ask } from './gate.ts';
import { givenNeed, knownQuantization, type LoadGuardOptions, type Settings } from './options.ts';
import type { Candidate } from './policy/choose.ts';
import type { LoadRequest } from './sdk/adapter.ts';
import type { Quantization } from './types.ts';

export interface AskParts {
  readonly settings: Pick<Settings, 'downgrade' | 'minFreeBytes'>;
  /** Where none was asked for: the quantization to begin with. */
  readonly recommend: () => Quantization;
  /** The largest reserve of the models that are loaded already. */
  readonly heldMinFreeBytes: number;
}

/** Checks the request and lists its candidates. Throws the coded error of what is wrong with it. */
export function askOf(request: LoadRequest, own: LoadGuardOptions, parts: AskParts): Ask {
  const { settings, recommend } = parts;
  // Forcing means this one and no other.
  const downgrade = own.force !== true && (own.downgrade ?? settings.downgrade);
  if (!isKnownModel(request.name)) {
    const need = givenNeed(footprintOf(request, own));
    const candidate = { need, minFreeBytes: minFreeBytes(undefined, parts) };
    return { model: request.name, candidates: [candidate], downgrade };
  }
  const asked = request.quantization === undefined ? recommend() : knownQuantization(request.quantization);
  const candidates = QUANTIZATIONS.slice(QUANTIZATIONS.indexOf(asked)).map((quantization): Candidate => {
    const given = typeof own.footprint === 'function' ? own.footprint(quantization) : own.footprint;
    const need = given === undefined ? tableNeed(quantization) : givenNeed(given);
    return { quantization, need, minFreeBytes: minFreeBytes(quantization, parts) };
  });
  return { model: request.name, askedQuantization: asked, candidates, downgrade };
}

function minFreeBytes(quantization: Quantization | undefined, { settings, heldMinFreeBytes }: AskParts): number {
  const own =
    settings.minFreeBytes ?? (quantization ? requirementOf(quantization).minFreeMemory : DEFAULT_MIN_FREE_BYTES);
  return Math.max(own, heldMinFreeBytes);
}

function footprintOf({ name }: LoadRequest, { footprint }: LoadGuardOptions): unknown {
  if (footprint === undefined) {
    throw new MemoryGuardError(
      'ERR_UNKNOWN_MODEL',
      `Expected a model whose needs are known ('qwen2audio') or its size as \`memoryGuard: { footprint }\`, got ${describe(name)}.`,
    );
  }
  return typeof footprint === 'function' ? footprint(undefined) : footprint;
}
