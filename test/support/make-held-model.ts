/** Makes a loaded model as the guard holds it, for tests that need no load. Its reservation is of a ledger of its own. */
import type { LoadNeed } from '../../src/core/types.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { HeldModel, type ModelFacts } from '../../src/models/held-model.ts';
import type { LifeMethods } from '../../src/models/model-methods.ts';
import type { Observing } from '../../src/models/observe-load.ts';

const NEED: LoadNeed = { mappedBytes: 1, anonymousBytes: 2, basis: 'given' };

export interface HeldModelParts extends Partial<Omit<ModelFacts, 'methods'>>, Partial<LifeMethods> {
  /** The SDK's own object. @default one without methods */
  readonly raw?: unknown;
  /** Whether the registration must not keep the model alive. @default false */
  readonly weak?: boolean;
  readonly observing?: Observing;
}

/** Where it was loaded from, if nobody says otherwise. */
const SDK = {};

const METHODS: LifeMethods = { disposers: ['dispose', 'close'] };

export function makeHeldModel({ raw = {}, weak = false, observing, ...given }: HeldModelParts = {}): HeldModel {
  const { disposers, keepAliveMs, endsAfterCalls, isBusy, hasFilledMicroBatch, end, ...facts } = given;
  const methods = Object.fromEntries(
    Object.entries({ disposers, keepAliveMs, endsAfterCalls, isBusy, hasFilledMicroBatch, end }).filter(
      ([, part]) => part !== undefined,
    ),
  );
  const made: ModelFacts = {
    name: 'm',
    askedName: given.name ?? 'm',
    quantization: undefined,
    shape: {},
    reason: 'Loading m.',
    reservation: new Ledger().reserve('m', NEED, { clockMs: 7, epochMs: 8 }),
    minFreeBytes: 3,
    loadedMs: 0,
    loadMs: 0,
    predicted: undefined,
    files: [],
    pinned: false,
    sdk: SDK,
    methods: { ...METHODS, ...methods },
    reload: undefined,
    owner: undefined,
    ...facts,
  };
  return new HeldModel(raw, weak, made, observing);
}
