/** Runs one world from its seed: random steps, the invariants after each, then an end after which nothing may be left. */
import { checkInvariants, checkTold, listPromised } from './invariants.mjs';
import { disposeHeld } from './model-operations.mjs';
import { OPERATIONS } from './operations.mjs';
import { settlePromises } from './virtual-clock.mjs';
import { World } from './world.mjs';

/** @typedef {import('./world.mjs').Violation} Violation */
/** @typedef {{ steps: number, tail: readonly string[], options: object, violation: Violation | undefined }} WorldResult */

/**
 * @typedef {object} RunOptions
 * @property {import('./world.mjs').Mutant} [mutant]
 * @property {(line: string) => void} [log] told of every step before it is done
 * @property {boolean} [faulty] whether the SDK may fail; it does unless this is false
 * @property {(violation: Violation) => boolean} [known] whether a violation is known: the world goes on after it
 */

const TAIL = 60;

/** @param {number} seed @param {import('./imagined-stage.mjs').Stage} stage @param {RunOptions} [options] @returns {Promise<WorldResult>} */
export async function runWorld(seed, stage, { mutant, log = () => {}, known = () => false, faulty = true } = {}) {
  const unhandled = (/** @type {unknown} */ error) =>
    world.violate(
      'no-error-unhandled',
      String(/** @type {Error} */ (error)?.stack ?? error)
        .split('\n', 4)
        .join(' '),
    );
  const world = new World(seed, stage, { mutant, known, faulty });
  process.on('unhandledRejection', unhandled).on('uncaughtException', unhandled);
  const before = listListeners();
  /** @type {string[]} */
  const tail = [];
  let steps = 0;
  const note = (/** @type {string} */ text) => {
    const line = `${String(steps).padStart(4)} ${String(Math.round(world.clock.nowMs)).padStart(6)} ms  ${text}`;
    log(line);
    tail.push(line);
    if (tail.length > TAIL) tail.shift();
  };
  world.trace = (line) => note(`    ${line}`);
  const count = stage.exact ? world.random.whole(20, 120) : world.random.whole(15, 60);
  /** @type {typeof OPERATIONS} */
  const operations = { ...OPERATIONS, ...stage.operations };
  const weights = Object.fromEntries(Object.entries(operations).map(([name, { weight }]) => [name, weight]));
  try {
    while (steps < count) {
      const name = world.random.weighted(weights);
      const run = () => operations[name]?.run(world);
      const done = name in stage.operations ? stage.quietly(run) : run();
      if (done === undefined) continue;
      steps += 1;
      note(done);
      await pass(world, note);
    }
    await endWorld(world, note);
    compareListeners(world, before);
  } catch (error) {
    if (!(error instanceof BrokenWorld)) throw error;
  } finally {
    await abandon(world);
    await stage.close(world);
    process.off('unhandledRejection', unhandled).off('uncaughtException', unhandled);
  }
  return { steps, tail, options: describeOptions(world), violation: world.violations[0] };
}

/** Ends the run of a world in which something does not hold. */
class BrokenWorld extends Error {}

/** @param {World} world */
async function check(world) {
  await world.stage.check(world);
  checkInvariants(world);
  if (world.violations.length > 0) throw new BrokenWorld();
}

/** After a step: nothing, a turn, or time. @param {World} world @param {(text: string) => void} note */
async function pass(world, note) {
  const { random } = world;
  const kind = random.weighted({ nothing: 2, turn: 4, time: 4, long: 0.3 });
  if (world.violations.length > 0) throw new BrokenWorld();
  if (kind === 'nothing') return;
  if (kind === 'turn') await settlePromises();
  else {
    const { longestMs } = world.stage;
    const ms = kind === 'time' ? random.whole(1, longestMs / 15) : random.whole(longestMs / 6, longestMs * 1.5);
    note(`... ${ms} ms pass`);
    await world.advance(ms);
  }
  await check(world);
}

/** The SDK is sound from now on. What is left is ended, the guard is closed before or afterwards, and nothing may be left. @param {World} world @param {(text: string) => void} note */
async function endWorld(world, note) {
  const { stage } = world;
  const closesFirst = world.random.chance(0.3);
  const close = () => {
    note('close the guard');
    world.closedMs ??= world.clock.nowMs;
    world.guard.close();
  };
  world.faults.enabled = false;
  await stage.end(world);
  await settlePromises();
  if (closesFirst) close();
  if (closesFirst) await world.advance(stage.longestMs);
  await check(world);
  note('whatever hung is answered');
  while (world.faults.hung.length > 0) world.faults.answerLate(0, world.random.chance(0.7));
  await settleAll(world);
  await check(world);
  for (let round = 0; round < 3 && world.usable.length > 0; round++) {
    for (const held of world.usable) note(disposeHeld(world, held, 'dispose'));
    await world.advance(stage.longestMs);
    await check(world);
  }
  for (const { iterator } of world.streams) world.promises.begin('read', 'a stream', () => iterator.return?.());
  await world.advance(stage.longestMs);
  await check(world);
  if (!closesFirst) {
    await settleAll(world);
    if (world.closedMs === undefined) {
      if (world.usable.length === 0) stage.checkReturned(world);
      if (stage.exact) checkTold(world);
    }
    close();
  }
  await settleAll(world);
  checkEnd(world);
}

/** Waits for longer than anything does: without a time of its own a load waits for a minute. @param {World} world */
async function settleAll(world) {
  const { stage, promises } = world;
  if (stage.exact) return world.advance(70_000);
  // Freed memory is looked for during half a second.
  await world.advance(stage.longestMs * 3);
  const untilMs = world.clock.nowMs + stage.settlesWithinMs * 1.5;
  while (promises.running.size > 0 && world.clock.nowMs < untilMs) await world.advance(50);
}

/** @param {World} world */
function checkEnd(world) {
  const { records, promises, clock } = world;
  // A real engine may take its time for an end; a fake one has answered all.
  const isSlow = (/** @type {{ beingDisposed: boolean }} */ record) => !world.stage.exact && record.beingDisposed;
  const held = records.held.filter((record) => !isSlow(record)).map(({ name }) => name);
  if (held.length > 0)
    world.violate(
      'nothing-held-at-the-end',
      `the SDK still holds ${held.join(' ')}, whose handles are disposed or were never given`,
    );
  const entries = listPromised(world).filter((label) => !records.named(label.replace(/: .*$/, '')).some(isSlow));
  if (entries.length > 0) world.violate('nothing-promised-at-the-end', `the ledger still has ${entries.join(' ')}`);
  const timers = clock.countTimers('guard');
  if (timers > 0) world.violate('no-timer-after-close', `${timers} timers of the guard are set`);
  for (const { kind, name } of promises.running) {
    if (records.named(name.replace(/^the handle of /, '')).some(isSlow)) continue;
    world.violate('nothing-hangs-at-the-end', `the ${kind} of ${name} has not settled`);
  }
}

/** Of a world that is broken, what hangs is let go. @param {World} world */
async function abandon(world) {
  world.guard.close();
  world.faults.enabled = false;
  while (world.faults.hung.length > 0) world.faults.answerLate(0, true);
  await world.advance(100);
}

function listListeners() {
  return process
    .eventNames()
    .map((name) => `${String(name)} ${process.listenerCount(name)}`)
    .sort()
    .join(', ');
}

/** @param {World} world @param {string} before */
function compareListeners(world, before) {
  const after = listListeners();
  if (after !== before)
    world.violate('no-listener-after-close', `the process has listeners [${after}], before [${before}]`);
}

/** @param {World} world */
function describeOptions({ options }) {
  const { sensor: _sensor, clock: _clock, evict, ...rest } = options;
  return { ...rest, evict: typeof evict === 'function' ? 'a function' : evict };
}
