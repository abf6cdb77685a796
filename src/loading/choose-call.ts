/** What the SDK is called with for the candidate that was chosen. It reads no memory and calls nothing but the adapter. */
import type { ChosenShape } from '../adapters/adapter.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { Candidate } from '../policy/choose-candidate.ts';
import { chooseShape } from './context-range.ts';
import type { LoadSettings } from './load-settings.ts';
import type { PreparedLoad } from './prepare-load.ts';

/** What the SDK is called with, and what was chosen for that. */
export interface ChosenCall {
  readonly args: readonly unknown[];
  readonly quantization: QuantizationName | undefined;
  readonly shape: ChosenShape;
}

/** The arguments for the SDK. Observing changes nothing but what only a guard understands: ranges and lists. */
export function chooseCall(
  { adapter, args, request }: Pick<PreparedLoad, 'adapter' | 'args' | 'request'>,
  candidate: Candidate,
  mode: LoadSettings['mode'],
): ChosenCall {
  const observed = mode === 'observe';
  const quantization = observed && request.quantization === undefined ? undefined : candidate.quantization;
  // Observing leaves the caller's own words, and a file without a quantization in its name has none to ask for.
  const told = observed || candidate.unnamed ? undefined : quantization;
  const sdkArgs = adapter.withQuantization(args, told, observed ? undefined : candidate.modelPath);
  if (observed && adapter.understandsRanges) return { args: sdkArgs, quantization, shape: {} };
  const shape = chooseShape(request.shape, observed ? {} : candidate);
  if (!shape || !adapter.withShape) return { args: sdkArgs, quantization, shape: {} };
  return { args: adapter.withShape(sdkArgs, shape), quantization, shape };
}
