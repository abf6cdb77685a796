/** What must hold after each step, once promises have settled. It changes nothing. */

import { GIVEN_UP_AFTER_MS } from './model-records.mjs';

/** @typedef {import('./world.mjs').World} World */
/** @typedef {import('./watched-promises.mjs').Watched} Watched */

/** So long a load that never settles holds up the next one. */
const LOAD_HOLDS_MS = 30_000;

/** @param {World} world */
export function checkInvariants(world) {
  if (world.closedMs === undefined) checkEntries(world);
  checkPromisesLeft(world);
  checkHeadroom(world);
  for (const watched of world.promises.running) checkSettles(world, watched);
}

/** The guard's entries are the models that the SDK holds, one for one, with the calls that run on each. @param {World} world */
function checkEntries(world) {
  const all = /** @type {{ name: string, callsInFlight: number, contextOf?: string }[]} */ ([...world.guard.models()]);
  const unseen = (/** @type {string} */ name) => world.records.named(name).some((record) => record.unseen);
  // A context ends with its model.
  const entries = all.filter(({ name, contextOf }) => contextOf === undefined && !unseen(name));
  const held = world.records.held.filter(({ name }) => !unseen(name));
  const listed = entries.map(({ name }) => name).sort();
  const known = held.map(({ name }) => name).sort();
  if (listed.join() !== known.join()) {
    world.violate('entries-are-models', `the guard has [${listed.join(' ')}], the SDK [${known.join(' ')}]`);
    return;
  }
  if (!world.stage.countsCalls) return;
  for (const { name, callsInFlight } of entries) {
    const running = held.filter((record) => record.name === name).map((record) => record.running);
    if (!running.includes(callsInFlight)) {
      world.violate(
        'calls-are-counted',
        `${name} has ${callsInFlight} calls in flight by the guard, ${running.join(' or ')} by the SDK`,
      );
    }
  }
}

/** A promise in the ledger belongs to a model that is held, or to a load or call that runs. @param {World} world */
function checkPromisesLeft(world) {
  const labels = listPromised(world);
  for (const label of labels) {
    // It serves all loads and plans that wait for the answer.
    if (label === 'asking the engine' && [...world.promises.running].some(({ kind }) => kind !== 'dispose')) continue;
    const name = label.replace(/: .*$/, '');
    const records = world.records.named(name);
    const wanted =
      label === name
        ? records.some(({ held, state, unseen }) => held || unseen || state === 'loading')
        : records.some(({ running, held }) => running > 0 || (held && !world.stage.countsCalls));
    const pending = [...world.promises.running].some((watched) => watched.name === name && watched.kind !== 'dispose');
    if (!wanted && !pending)
      world.violate('promise-left-behind', `the ledger still has "${label}", which nothing needs`);
  }
  for (const { name, unseen } of world.records.held) {
    if (!unseen && !labels.includes(name))
      world.violate('promise-lost', `the ledger has nothing of ${name}, which the SDK holds`);
  }
}

/** Labels of this process's own promises. @param {World} world @returns {string[]} */
export function listPromised({ guard, stage }) {
  const entries = /** @type {{ pid: number, label: string }[]} */ (stage.quietly(() => guard.ledger.entries()));
  return entries.filter(({ pid }) => pid === process.pid).map(({ label }) => label);
}

/** Each end that the guard chose is told as an eviction, or as the loss of a handle. @param {World} world */
export function checkTold(world) {
  const { records, told } = world;
  for (const name of new Set(records.all.map((record) => record.name))) {
    const disposals = records.named(name).flatMap((record) => record.disposals);
    // What took so long may have been ended by its user meanwhile.
    const quick = disposals.filter(({ atMs, settledMs = atMs }) => settledMs - atMs < GIVEN_UP_AFTER_MS);
    const ends = quick.filter(({ by, outcome }) => by === 'guard' && outcome === 'done').length;
    const count = told.get(name) ?? 0;
    // An end that a user asked for at the same moment counts as the user's.
    if (count < ends)
      world.violate('ends-are-told', `the guard ended ${name} ${ends} times and told it ${count} times`);
  }
}

/** @param {World} world */
function checkHeadroom(world) {
  if (!world.stage.exact || world.closedMs !== undefined || world.failingReadings > 0) return;
  const headroomBytes = world.guard.headroomBytes();
  const { availableBytes } = world;
  if (headroomBytes > availableBytes) {
    world.violate(
      'headroom-is-there',
      `the guard sees ${headroomBytes} bytes of headroom, where ${availableBytes} are available`,
    );
  }
  if (
    world.guard.ledger.entries().length === 0 &&
    headroomBytes !== availableBytes &&
    !world.records.all.some(({ state }) => state === 'loading')
  ) {
    world.violate(
      'headroom-comes-back',
      `nothing is held, and of ${availableBytes} bytes the guard gives ${headroomBytes}`,
    );
  }
}

/**
 * Until when something ran in the SDK that a load or a reload may wait for: another load, or the end of a model. What takes too long
 * is waited for no more.
 * @param {World} world @param {Watched} watched
 */
function findExcuse({ records, clock }, { startedMs }) {
  let excusedMs = startedMs;
  const { nowMs } = clock;
  for (const { beganMs, loadedMs = nowMs, disposals } of records.all) {
    excusedMs = Math.max(excusedMs, Math.min(loadedMs, beganMs + LOAD_HOLDS_MS));
    for (const { atMs, settledMs = nowMs } of disposals) {
      excusedMs = Math.max(excusedMs, Math.min(settledMs, atMs + GIVEN_UP_AFTER_MS));
    }
  }
  return excusedMs;
}

/** A promise of the guard settles soon after all that it may wait for. @param {World} world @param {Watched} watched */
function checkSettles(world, watched) {
  const { kind, name, parts } = watched;
  const nowMs = world.clock.nowMs;
  const late = (/** @type {number | undefined} */ sinceMs) =>
    sinceMs !== undefined && nowMs - sinceMs > world.stage.settlesWithinMs;
  if (kind === 'load') {
    const fault = findLateLoad(world, watched, late);
    if (fault !== undefined) world.violate('load-settles', `the load of ${name} still runs at ${nowMs} ms: ${fault}`);
    return;
  }
  if (kind === 'read') return; // read by hand, part after part
  // Without a part it loads its model again, which may wait for a minute.
  if (parts.length === 0 && kind === 'call') return;
  const settled = parts.map(({ settledMs = Number.POSITIVE_INFINITY }) => settledMs);
  // Ends that run already are waited for first, as long as the newest of them may take.
  const waitedMs = Math.max(findExcuse(world, watched), watched.startedMs + GIVEN_UP_AFTER_MS);
  const endedMs = parts.length === 0 ? waitedMs : Math.max(...settled);
  // What a disposal waited for is over, and its own call of the SDK runs; or it shares an end that runs.
  const model = name.replace(/^the handle of /, '');
  const ends = world.records.endsOfSeveral > 0 || world.records.named(model).some(({ beingDisposed }) => beingDisposed);
  if (parts.length === 0 && ends) return;
  const reloads =
    parts.length === 0 && listRunningOf(world, model).some((other) => other !== watched && other.kind !== 'dispose');
  if (late(endedMs) && !reloads) {
    world.violate(
      `${kind}-settles`,
      `the ${kind} of ${name} still runs at ${nowMs} ms, though the SDK answered at ${endedMs} ms`,
    );
  }
}

/** @param {World} world @param {string} name */
function listRunningOf({ promises }, name) {
  return [...promises.running].filter((watched) => watched.name === name);
}

/** @param {World} world @param {Watched} watched @param {(sinceMs: number | undefined) => boolean} late */
function findLateLoad(world, watched, late) {
  const { records, closedMs } = world;
  const { name, startedMs, abortedMs, load } = watched;
  const excusedMs = findExcuse(world, watched);
  const record = records.named(name)[0];
  if (record?.state === 'loading') return undefined;
  if (late(record?.loadedMs)) return `the SDK answered at ${record?.loadedMs} ms`;
  if (late(abortedMs)) return `it was given up at ${abortedMs} ms`;
  if (late(closedMs)) return `the guard was closed at ${closedMs} ms`;
  if (load?.timeoutMs !== undefined)
    return late(startedMs + load.timeoutMs) ? `it began at ${startedMs} ms with ${load.timeoutMs} ms` : undefined;
  return late(excusedMs)
    ? `it does not wait, and nothing that it may wait for has run since ${excusedMs} ms`
    : undefined;
}
