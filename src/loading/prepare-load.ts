/** Understands one load before it waits: the request, its own guard options, the headers of its files. It reads no memory. */

import { setImmediate } from 'node:timers/promises';
import type { Adapter, LoadRequest } from '../adapters/adapter.ts';
import type { LoadSource } from '../adapters/load-source.ts';
import { copyPlainObject, readOption } from '../core/copy-options.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { DEFAULT_QUANTIZATION } from '../core/quantizations.ts';
import type { Quantization } from '../core/types.ts';
import { nativeText } from '../core/validate.ts';
import type { AdmissionRequest } from '../policy/decision.ts';
import type { MinFree } from '../policy/reserves.ts';
import { copyRequest } from './copy-request.ts';
import type { EstimatedOffer } from './estimate-candidates.ts';
import { type EstimateOffersParts, estimateOffers } from './estimate-offers.ts';
import { offerKnownModel } from './known-model-offers.ts';
import type { LadderLimits } from './ladder-range.ts';
import { type FindLearned, readLearnedLoads } from './learned-loads.ts';
import { listCandidates, requestUnjudged, type ToldOffer } from './load-candidates.ts';
import { type LoadChoices, readLoadChoices } from './load-guard-options.ts';
import type { LoadSettings } from './load-settings.ts';
import { MODEL_PROCESS_BYTES } from './process-load.ts';

/** Files that have changed so often between a reading and the decision on it are still being written. */
const MOST_READINGS = 5;

/** One load, read and checked. */
export interface PreparedLoad {
  readonly source: LoadSource;
  /** The source's own, or the one that reads a context. */
  readonly adapter: Adapter;
  /** What the call gave, with the options as they were then. */
  readonly args: readonly unknown[];
  readonly request: LoadRequest;
  readonly choices: LoadChoices;
  /** The name of the model whose context this is. */
  readonly owner?: string;
  /** When processes that it was loaded in before were killed, by the guard's clock. Absent if none was. */
  readonly killsMs?: readonly number[];
  /** Gives it what was kept for it; true if there was something. Called before each judgement, where no other process decides. */
  readonly takeRoom?: () => boolean;
  /** Its candidates as things stand now. `recommend` is called if no quantization was asked for. */
  listCandidates(recommend: () => Quantization): AdmissionRequest;
  /** Whether a file is another one now than when it was read. */
  haveFilesChanged?(): boolean;
  /** Reads them as they are now. Rejects with `ERR_MODEL_FILE` if they were read again `readings` times already and never stand still. */
  readFilesAgain?(readings: number): Promise<void>;
}

export interface PrepareLoadParts extends EstimateOffersParts {
  readonly settings: LoadSettings;
  readonly source: LoadSource;
  /** The name of the model whose context this is. */
  readonly owner?: string;
  readonly takeRoom?: () => boolean;
  /** What the models that are loaded already ask to keep free. */
  readonly heldMinFree: () => MinFree;
  /** Is told of a request that is only observed, since it was not understood. */
  readonly misunderstood: (error: MemoryGuardError) => void;
}

/**
 * Options are copied before anything waits: what the caller changes in them later is neither judged nor loaded. Observing refuses
 * nothing, not even what can't be understood: that is told, and the SDK is asked.
 */
export async function prepareLoad(given: readonly unknown[], parts: PrepareLoadParts): Promise<PreparedLoad> {
  let args = given;
  try {
    args = readOption('options', () => given.map(copyPlainObject));
    return await understand(args, parts);
  } catch (error) {
    if (parts.settings.mode !== 'observe' || !(error instanceof MemoryGuardError)) throw error;
    parts.misunderstood(error);
    const name = typeof args[0] === 'string' ? args[0] : 'a model';
    return {
      source: parts.source,
      adapter: parts.adapter,
      args,
      request: { name },
      choices: readLoadChoices(undefined),
      listCandidates: () => requestUnjudged(name),
    };
  }
}

/** What is wrong with the request or its files is said here. */
async function understand(args: readonly unknown[], parts: PrepareLoadParts): Promise<PreparedLoad> {
  const { settings, source, adapter, owner, takeRoom, heldMinFree, calibration } = parts;
  const asked = copyRequest(adapter.readRequest(args));
  // It stands in events, and other processes read it.
  nativeText(asked.name, 'name');
  const request = owner === undefined ? asked : { ...asked, name: `${owner}: ${asked.name}` };
  const choices = readLoadChoices(request.memoryGuard);
  const limits = { ownFloor: choices.floor, floor: settings.floor };
  const findLearned = await readLearnedLoads(
    calibration,
    adapter.runtime ?? (adapter === source.adapter ? source.name : undefined),
    request.name,
  );
  const read = () => listOffers(args, request, { limits, findLearned }, parts);
  let offers = choices.giveNeed ? [] : await read();
  const unknownModels = settings.mode === 'observe' ? 'admit' : settings.unknownModels;
  const prepared: PreparedLoad = {
    source,
    adapter,
    args,
    request,
    choices,
    ...(owner !== undefined && { owner }),
    ...(takeRoom && { takeRoom }),
    listCandidates: (recommend) =>
      listCandidates(request, choices, {
        settings: { ...settings, unknownModels },
        offers,
        ownLadder: adapter.ownLadder === true,
        ...(source.footprintOption && { footprintOption: source.footprintOption }),
        findLearned,
        recommend,
        heldMinFree: heldMinFree(),
        processBytes: adapter.processes?.shared === false ? MODEL_PROCESS_BYTES : 0,
      }),
    haveFilesChanged: () => offers.some(({ estimator }) => estimator?.haveFilesChanged()),
    async readFilesAgain(readings) {
      if (readings >= MOST_READINGS) {
        const found = 'files that change whenever they were read';
        throw new MemoryGuardError(
          'ERR_MODEL_FILE',
          `Expected the files of ${request.name} to stay as they are, found ${found}; wait until they are written completely.`,
        );
      }
      offers = await read();
    },
  };
  prepared.listCandidates(() => DEFAULT_QUANTIZATION);
  if (adapter.processes) await setImmediate();
  return prepared;
}

interface OfferFacts {
  readonly limits: LadderLimits;
  readonly findLearned: FindLearned | undefined;
}

/** The files that may be loaded; if the SDK keeps those of a known model to itself, what its published shape needs. */
async function listOffers(
  args: readonly unknown[],
  request: LoadRequest,
  { limits, findLearned }: OfferFacts,
  parts: PrepareLoadParts,
): Promise<readonly (EstimatedOffer | ToldOffer)[]> {
  const files = await estimateOffers(args, request, limits, parts);
  if (files.length > 0 || parts.settings.knownModels === 'table') return files;
  return offerKnownModel(request, parts.adapter, findLearned);
}
