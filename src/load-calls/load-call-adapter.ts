/** How the guard reads a call that loads: its arguments are one `LoadCall`. It knows no memory numbers. */
import type { Adapter, LoadRequest, ModelOffer, RequestedShape } from '../adapters/adapter.ts';
import { defaultModelParts } from '../adapters/default-adapter.ts';
import { findEngine } from '../adapters/named-engine.ts';
import { listFileOffers, readFileStep } from '../adapters/quantization-ladder.ts';
import { withoutPrototype } from '../core/copy-options.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { isObject } from '../core/is-object.ts';
import { readModelFormat } from '../core/model-format.ts';
import type { LoadCall, LoadCandidate, LoadChoice, LoadEstimate } from './load-call-options.ts';

/** For one call. */
export function loadCallAdapter({ options }: LoadCall): Adapter {
  const { candidates, isInference, keepAliveMs, modelsLiveIn, dispose, estimate: { engine } = {} } = options;
  return withoutPrototype<Adapter>({
    ...defaultModelParts,
    readRequest: ([call]) => readRequest(call as LoadCall),
    withQuantization: ([call], quantization, modelPath) => [
      withChosen(call as LoadCall, {
        ...(quantization !== undefined && { quantization }),
        ...(modelPath !== undefined && { modelPath }),
      }),
    ],
    withShape: ([call], shape) => [withChosen(call as LoadCall, shape)],
    listOffers: async ([call]) => listOffers(call as LoadCall),
    ...(engine !== undefined && { findEngine: () => findEngine(engine) }),
    ...(candidates && { ownLadder: true }),
    ...(isInference && { isInference }),
    ...(modelsLiveIn !== undefined && { modelsLiveIn }),
    ...(keepAliveMs !== undefined && { keepAliveMs }),
    ...(dispose && { end: dispose }),
  });
}

/**
 * What the guard calls once the load is let in.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if the call gave what can't stand for a model: that is ended, if there is a way.
 */
export async function runLoadCall([given]: readonly unknown[]): Promise<unknown> {
  const { load, chosen, options } = given as LoadCall;
  const model = await load(chosen);
  if (isObject(model)) return model;
  const message = `Expected the call that loads ${options.name} to give the model, got ${describe(model)}; return an object that stands for it.`;
  try {
    await options.dispose?.(model);
  } catch (cause) {
    // Where nothing was given there is nothing to end, and what that throws says less.
    throw new MemoryGuardError('ERR_INVALID_OPTION', message, { cause });
  }
  throw new MemoryGuardError('ERR_INVALID_OPTION', message);
}

function readRequest({ options }: LoadCall): LoadRequest {
  const { name, modelPath, candidates, contextSize, kvCacheType } = options;
  const { downgrade, floor, footprint, force, pin, wait, signal } = options;
  const own = candidates || modelPath === undefined ? undefined : readFileStep(modelPath);
  return withoutPrototype<LoadRequest>({
    name,
    quantization: options.quantization ?? own,
    memoryGuard: leaveOutUndefined({ downgrade, floor, footprint, force, pin, wait, signal }),
    shape: leaveOutUndefined({ ...describeRun(options.estimate), contextSize, kvCacheType }),
  });
}

/** As its engine runs the file. What is said of copied weights counts if that can't be asked. */
function describeRun({ engine, ...estimate }: LoadEstimate = {}): RequestedShape {
  if (engine === undefined || engine === '@fugood/llama.node') return estimate;
  return { repack: true, ...(engine === 'node-llama-cpp' && { simulatesLoads: true }), ...estimate };
}

function leaveOutUndefined(given: object): object {
  return withoutPrototype(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}

async function listOffers({ options }: LoadCall): Promise<readonly ModelOffer[]> {
  const { candidates, modelPath, projectorPath } = options;
  if (candidates) return candidates.map(readCandidate);
  return modelPath === undefined ? [] : listFileOffers(modelPath, projectorPath);
}

/** A candidate may have more in it, which is the program's own. */
function readCandidate(candidate: LoadCandidate): ModelOffer {
  const { quantization, footprint, modelPath } = candidate;
  if (modelPath === undefined) return candidate;
  const format = readModelFormat(modelPath);
  if (format === 'gguf') return candidate;
  return { ...(quantization !== undefined && { quantization }), footprint, modelPath, format };
}

/** The same call with what was chosen for it. A guard that only observes chooses nothing: then it is what was asked for. */
function withChosen(call: LoadCall, chosen: LoadChoice): LoadCall {
  const { candidates, modelPath, quantization } = call.options;
  const told: LoadChoice = {
    ...(quantization !== undefined && { quantization }),
    ...(modelPath !== undefined && { modelPath }),
    ...call.chosen,
    ...chosen,
  };
  const candidate = candidates?.find((each) => each.quantization === told.quantization) ?? candidates?.[0];
  return { ...call, chosen: Object.freeze({ ...told, ...(candidate && { candidate }) }) };
}
