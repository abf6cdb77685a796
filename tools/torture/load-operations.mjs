/** What a program may do with loads: one, several at once, given up, planned, and all unloaded while one runs. Each does one thing and says it. */
import { GivenUp } from './watched-promises.mjs';

/** @typedef {import('./world.mjs').World} World */
/** @typedef {import('./watched-promises.mjs').Watched} Watched */
/** @typedef {(world: World) => string | undefined} Operation does one thing and says it; nothing if it can't be done now */

const MiB = 2 ** 20;

/** @type {Operation} */
export function load(world) {
  return beginLoad(world);
}

/** @type {Operation} */
export function loadSeveral(world) {
  return Array.from({ length: world.random.whole(2, 4) }, () => beginLoad(world)).join('; ');
}

/** @type {Operation} */
export function abortLoad(world) {
  const loads = listRunning(world, 'load').filter(({ load, abortedMs }) => load?.controller && abortedMs === undefined);
  if (loads.length === 0) return undefined;
  const watched = world.random.pick(loads);
  watched.abortedMs = world.clock.nowMs;
  watched.load?.controller?.abort(new GivenUp(`${watched.name} is not wanted any more`));
  return `abort the load of ${watched.name}`;
}

/** @type {Operation} */
export function planLoad(world) {
  const needBytes = world.random.pick(world.stage.needs);
  const options = { needBytes, pinned: false, memoryGuard: { footprint: needBytes } };
  const plan = () => world.guard.plan(...world.stage.listArguments(world.stage.nameModel(world.loads++), options));
  world.promises.begin('read', 'planned', plan);
  return `plan ${needBytes / MiB} MiB`;
}

/** @type {Operation} */
export function unloadByName(world) {
  const names = [...listRunning(world, 'load'), ...world.handles].map(({ name }) => name);
  if (names.length === 0) return undefined;
  const name = world.random.pick(names);
  return askForEnds(
    world,
    name,
    ({ name: other }) => other === name,
    () => world.guarded.unloadModel(name),
  );
}

/** @type {Operation} */
export function unloadByHandle(world) {
  if (world.handles.length === 0) return undefined;
  const { name, handle } = world.random.pick(world.handles);
  // What was loaded again in its place goes too.
  return askForEnds(
    world,
    `the handle of ${name}`,
    ({ name: other }) => other === name,
    () => world.guarded.unloadModel(handle),
  );
}

/** @type {Operation} */
export function disposeSdk(world) {
  return askForEnds(
    world,
    'all',
    () => true,
    () => world.guarded.dispose(),
  );
}

/** @param {World} world @param {import('./watched-promises.mjs').WatchedKind} kind */
export function listRunning(world, kind) {
  return [...world.promises.running].filter((watched) => watched.kind === kind);
}

/** @param {World} world */
function beginLoad(world) {
  const { random, promises } = world;
  const name = world.stage.nameModel(world.loads++);
  const needBytes = random.pick(world.stage.needs);
  const controller = random.chance(0.3) ? new AbortController() : undefined;
  const timeoutMs = random.chance(0.35) ? random.whole(1, world.stage.longestMs) : undefined;
  const [pin, force] = [random.chance(0.15), random.chance(0.05)];
  const endless = world.stage.exact && timeoutMs === undefined && random.chance(0.1);
  const memoryGuard = {
    footprint: needBytes,
    ...(pin && { pin }),
    ...(force && { force }),
    ...(timeoutMs !== undefined && { wait: { timeoutMs } }),
    ...(endless && { wait: true }),
    ...(controller && { signal: controller.signal }),
  };
  const facts = { timeoutMs: endless ? 60_000 : timeoutMs, controller, forced: force, needBytes };
  const watched = promises.begin(
    'load',
    name,
    () => world.guarded.loadModel(...world.stage.listArguments(name, { needBytes, pinned: pin, memoryGuard })),
    ({ state, value }) => {
      if (state === 'fulfilled') world.handles.push({ name, handle: world.stage.adaptHandle(value) });
    },
    facts,
  );
  watched.leastOthersBytes = world.othersBytes;
  const already = controller !== undefined && random.chance(0.1);
  if (already) {
    watched.abortedMs = world.clock.nowMs;
    controller.abort(new GivenUp(`${name} is not wanted any more`));
  }
  const choices = { pin, force, wait: endless || timeoutMs, signal: controller !== undefined, aborted: already };
  const chosen = Object.entries(choices).filter(([, value]) => value);
  return `load ${name}, ${needBytes / MiB} MiB ${chosen.map(([key, value]) => (value === true ? key : `${key} ${value} ms`)).join(' ')}`;
}

/**
 * The end of models, asked for by the user.
 * @param {World} world @param {string} what @param {(record: import('./model-records.mjs').ModelRecord) => boolean} match @param {() => unknown} call
 */
export function askForEnds({ guard, records, promises }, what, match, call) {
  const registered = new Set([...guard.models()].map(({ name }) => name));
  for (const record of records.held) if (match(record) && !registered.has(record.name)) record.unseen = true;
  // Each is an ask of its own, even if two ask for the same.
  const ask = (/** @type {import('./model-records.mjs').ModelRecord} */ record) => match(record);
  records.asks.add(ask);
  promises.begin('dispose', what, call, () => records.asks.delete(ask));
  return `unload ${what}`;
}
