/** How the guard reads the start of a program as a load: its arguments are one `SpawnCall`. It knows no memory numbers. */
import type { Adapter, ChosenShape, LoadRequest, ModelOffer } from '../adapters/adapter.ts';
import { withoutPrototype } from '../core/copy-options.ts';
import { tellFormat } from '../core/model-format.ts';
import type { ModelProcess } from '../core/model-process.ts';
import type { SpawnCall } from './spawn-options.ts';
import { spawnProgram } from './spawn-program.ts';

/** A call on its way to the program: what was chosen, and who hears of its process. */
interface ChosenSpawn extends SpawnCall {
  readonly started?: (process: ModelProcess) => void | Promise<void>;
}

/** For one program. */
export function spawnAdapter({ command, options }: SpawnCall): Adapter {
  const { onKilled, containment, keepAliveMs } = options;
  return withoutPrototype<Adapter>({
    readRequest: ([call]) => readRequest(call as SpawnCall),
    withQuantization: (args) => args,
    withShape: ([call], chosen) => [withChosen(call as SpawnCall, chosen)],
    listOffers: async ([call]) => listOffers(call as SpawnCall),
    runtime: `the program ${command}`,
    disposers: ['stop', Symbol.asyncDispose],
    isInference: (method) => method === 'use',
    hasAudio: () => false,
    ...(keepAliveMs !== undefined && { keepAliveMs }),
    processes: {
      shared: false,
      withListener: ([call], started) => [{ ...(call as SpawnCall), started } satisfies ChosenSpawn],
      ...(onKilled && { onKilled }),
      ...(containment && { containment }),
    },
  });
}

/** What the guard calls once the load is let in. */
export function runSpawn([call]: readonly unknown[]): Promise<unknown> {
  const { started, ...chosen } = call as ChosenSpawn;
  return spawnProgram(chosen, started);
}

function readRequest({ options }: SpawnCall): LoadRequest {
  const { name, contextSize, footprint, force, wait, pin, downgrade, signal } = options;
  const memoryGuard = { footprint, force, wait, pin, downgrade, signal };
  return withoutPrototype<LoadRequest>({
    name,
    memoryGuard: Object.fromEntries(Object.entries(memoryGuard).filter(([, value]) => value !== undefined)),
    ...(contextSize !== undefined && { shape: withoutPrototype({ contextSize }) }),
  });
}

function listOffers({ options }: SpawnCall): readonly ModelOffer[] {
  const { modelPath, projectorPath } = options;
  if (modelPath === undefined) return [];
  return [{ modelPath, ...tellFormat(modelPath), ...(projectorPath !== undefined && { projectorPath }) }];
}

function withChosen(call: SpawnCall, { contextSize }: ChosenShape): SpawnCall {
  return contextSize === undefined ? call : { ...call, chosen: { ...call.chosen, contextSize } };
}
