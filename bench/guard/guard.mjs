/** What the guard costs on top of an SDK that does nothing: a load, a method, a promise, a stream. Needs `npm run compile`. */
import { withMemoryGuard } from 'nexa-memory-guard';
import { measureAwaitedCallNs, measureCallNs, timeAwaitedCalls } from '../../tools/timing.mjs';

const LOADS = 2000;

class InstantModel {
  #calls = 0;

  count() {
    this.#calls += 1;
    return this.#calls;
  }

  async answer() {
    return this.#calls;
  }

  async *stream() {
    yield this.#calls;
  }
}

class InstantSdk {
  #calls = 0;

  /** @param {string} _name @param {object} [_options] */
  async loadModel(_name, _options) {
    return new InstantModel();
  }

  count() {
    this.#calls += 1;
    return this.#calls;
  }
}

/** Every load fits: the cost is the same. */
const options = { memoryGuard: { footprint: 1 } };
const raw = new InstantSdk();
let guarded = createGuard();
let loads = 0;

console.log(`\nGuarded against bare, Node ${process.version}; the guard reads ${guarded.guard.snapshot().source}`);
const [bareLoad, guardedLoad] = [
  await timeAwaitedCalls(() => raw.loadModel('qwen2audio'), LOADS),
  await timeAwaitedCalls(loadGuarded, LOADS),
];
console.table({
  'loadModel, bare': bareLoad,
  'loadModel, guarded': guardedLoad,
  '  more': {
    'median µs': Number((guardedLoad['median µs'] - bareLoad['median µs']).toFixed(2)),
    'p99 µs': Number((guardedLoad['p99 µs'] - bareLoad['p99 µs']).toFixed(2)),
  },
});

const [bareModel, guardedModel] = [await raw.loadModel('qwen2audio'), await guarded.loadModel('qwen2audio', options)];
console.table({
  'sdk.count()': compare(
    () => raw.count(),
    () => guarded.count(),
  ),
  'model.count()': compare(
    () => bareModel.count(),
    () => guardedModel.count(),
  ),
  'await model.answer()': await compareAwaited(
    () => bareModel.answer(),
    () => guardedModel.answer(),
  ),
  'model.stream() → stream': compare(
    () => bareModel.stream(),
    () => guardedModel.stream(),
    200_000,
  ),
});
guarded.guard.close();

function createGuard() {
  return withMemoryGuard(new InstantSdk(), { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
}

/** Nobody holds a thousand models: after 25 of them a new guard begins. */
function loadGuarded() {
  loads += 1;
  if (loads % 25 === 0) {
    guarded.guard.close();
    guarded = createGuard();
  }
  return guarded.loadModel('qwen2audio', options);
}

/** @param {() => unknown} bare @param {() => unknown} guarded @param {number} [calls] */
function compare(bare, guarded, calls) {
  return makeRow(measureCallNs(bare, calls), measureCallNs(guarded, calls));
}

/** @param {() => Promise<unknown>} bare @param {() => Promise<unknown>} guarded */
async function compareAwaited(bare, guarded) {
  return makeRow(await measureAwaitedCallNs(bare), await measureAwaitedCallNs(guarded));
}

/** @param {number} bareNs @param {number} guardedNs */
function makeRow(bareNs, guardedNs) {
  const round = (/** @type {number} */ ns) => Number(ns.toFixed(1));
  return { 'bare ns': round(bareNs), 'guarded ns': round(guardedNs), 'more ns': round(guardedNs - bareNs) };
}
