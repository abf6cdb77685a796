/** Ladders whose steps have names of their own, in an order of their own: 'fp16' before 'q8'. It knows no file types and no files. */
import type { LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';

/**
 * The offer that was asked for and those after it.
 *
 * @throws MemoryGuardError `ERR_UNKNOWN_QUANTIZATION` if none has that name.
 */
export function selectOwnOffers<O extends Pick<ModelOffer, 'quantization'>>(
  offers: readonly O[],
  { quantization: asked }: Pick<LoadRequest, 'quantization'>,
): readonly O[] {
  if (asked === undefined) return offers;
  const first = offers.findIndex(({ quantization }) => quantization === asked);
  if (first >= 0) return offers.slice(first);
  const names = offers.flatMap(({ quantization }) => (quantization === undefined ? [] : [quantization]));
  const message = `Expected \`quantization\` to be one of ${names.join(', ')}, got ${describe(asked)}.`;
  throw new MemoryGuardError('ERR_UNKNOWN_QUANTIZATION', message);
}
