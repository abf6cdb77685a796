/** What a program may do with models that it has: call them, read their streams or not, end them once or twice. Each does one thing and says it. */
import { askForEnds } from './load-operations.mjs';

/** @typedef {import('./world.mjs').World} World */
/** @typedef {import('./world.mjs').Held} Held */
/** @typedef {import('./load-operations.mjs').Operation} Operation */

/** @type {Operation} */
export function call(world) {
  const held = pickHeld(world);
  if (!held) return undefined;
  const audio = world.random.chance(0.2) ? { audio: 'tone.wav' } : {};
  world.promises.begin('call', held.name, () => held.handle.generate(audio));
  return `generate with ${held.name}${audio.audio ? ', which hears' : ''}`;
}

/** @type {Operation} */
export function tokenize(world) {
  const held = pickHeld(world);
  if (!held) return undefined;
  world.promises.begin('call', held.name, () => held.handle.tokenize());
  return `tokenize with ${held.name}`;
}

/** @type {Operation} */
export function openStream(world) {
  const held = pickHeld(world);
  if (!held) return undefined;
  const { random, promises } = world;
  const options = {
    parts: random.whole(1, 4),
    ...(random.chance(0.15) && { breaksAt: random.whole(0, 3) }),
    ...(random.chance(0.1) && { hangsAt: random.whole(0, 3) }),
    plain: random.chance(0.5),
  };
  /** @type {any} */
  let stream;
  promises.begin('read', held.name, () => {
    stream = held.handle.generateStream(options);
    world.streams.push({ name: held.name, iterator: stream[Symbol.asyncIterator]() });
  });
  // A handle whose model is loaded again for that gives a promise that is a stream as well.
  if (typeof stream?.then === 'function') promises.begin('read', held.name, () => stream);
  return `open a stream of ${held.name}`;
}

/** @type {Operation} */
export function readStream(world) {
  if (world.streams.length === 0) return undefined;
  const { name, iterator } = world.random.pick(world.streams);
  world.promises.begin('call', name, () => iterator.next());
  return `read a part of a stream of ${name}`;
}

/** @type {Operation} */
export function readStreamToEnd(world) {
  if (world.streams.length === 0) return undefined;
  const { name, iterator } = world.random.pick(world.streams);
  const readAll = async () => {
    while (!(await iterator.next()).done);
  };
  world.promises.begin('read', name, readAll);
  return `read a stream of ${name} to its end`;
}

/** @type {Operation} */
export function leaveStream(world) {
  if (world.streams.length === 0) return undefined;
  const stream = world.random.pick(world.streams);
  world.promises.begin('read', stream.name, () => stream.iterator.return?.());
  return `leave a stream of ${stream.name}`;
}

/** @type {Operation} */
export function dispose(world) {
  const held = pickHeld(world);
  return held && disposeHeld(world, held, 'dispose');
}

/** @type {Operation} */
export function disposeTwice(world) {
  const held = pickHeld(world);
  return held && `${disposeHeld(world, held, 'dispose')}; ${disposeHeld(world, held, 'dispose')}`;
}

/** As the end of an `await using` block does. @type {Operation} */
export function leaveBlock(world) {
  const held = pickHeld(world);
  return held && disposeHeld(world, held, Symbol.asyncDispose);
}

/** While a call runs. @type {Operation} */
export function disposeBusy(world) {
  const held = pickHeld(world);
  if (!held) return undefined;
  world.promises.begin('call', held.name, () => held.handle.generate({}));
  return `generate with ${held.name}; ${disposeHeld(world, held, 'dispose')}`;
}

/** @param {World} world @param {Held} held @param {'dispose' | typeof Symbol.asyncDispose} method */
export function disposeHeld(world, { name, handle }, method) {
  askForEnds(
    world,
    name,
    (record) => record.name === name,
    () => handle[method](),
  );
  return `${method === 'dispose' ? 'dispose' : 'leave the block of'} ${name}`;
}

/** Mostly one that is usable; sometimes one that has gone. @param {World} world @returns {Held | undefined} */
function pickHeld({ random, usable, handles }) {
  const list = usable.length > 0 && random.chance(0.85) ? usable : handles;
  return list.length > 0 ? random.pick(list) : undefined;
}
