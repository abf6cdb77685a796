/** The operations of every world, and how often each comes. It does none of them by itself. */
import {
  abortLoad,
  disposeSdk,
  load,
  loadSeveral,
  planLoad,
  unloadByHandle,
  unloadByName,
} from './load-operations.mjs';
import {
  call,
  dispose,
  disposeBusy,
  disposeTwice,
  leaveBlock,
  leaveStream,
  openStream,
  readStream,
  readStreamToEnd,
  tokenize,
} from './model-operations.mjs';

/** @typedef {import('./load-operations.mjs').Operation} Operation */

/** @type {Operation} */
function answerLate(world) {
  const { random, faults } = world;
  if (faults.hung.length === 0) return undefined;
  const succeeds = random.chance(0.6);
  const what = faults.answerLate(random.whole(0, faults.hung.length - 1), succeeds);
  return `${what} ${succeeds ? 'succeeds' : 'fails'} after all`;
}

/** Whatever a program asks the guard beside loads. @type {Operation} */
function askGuard(world) {
  world.promises.begin('read', 'the guard', () => [world.guard.status(), world.guard.snapshot(), world.guard.models()]);
  return 'ask for the status';
}

/** @type {Operation} */
function close(world) {
  world.closedMs ??= world.clock.nowMs;
  world.guard.close();
  return 'close the guard';
}

/** @type {Readonly<Record<string, { weight: number, run: Operation }>>} */
export const OPERATIONS = {
  load: { weight: 14, run: load },
  loadSeveral: { weight: 4, run: loadSeveral },
  abortLoad: { weight: 3, run: abortLoad },
  planLoad: { weight: 1, run: planLoad },
  call: { weight: 10, run: call },
  tokenize: { weight: 2, run: tokenize },
  openStream: { weight: 5, run: openStream },
  readStream: { weight: 6, run: readStream },
  readStreamToEnd: { weight: 3, run: readStreamToEnd },
  leaveStream: { weight: 2, run: leaveStream },
  dispose: { weight: 8, run: dispose },
  disposeTwice: { weight: 2, run: disposeTwice },
  disposeBusy: { weight: 2, run: disposeBusy },
  leaveBlock: { weight: 3, run: leaveBlock },
  unloadByName: { weight: 1, run: unloadByName },
  unloadByHandle: { weight: 1, run: unloadByHandle },
  disposeSdk: { weight: 0.5, run: disposeSdk },
  answerLate: { weight: 4, run: answerLate },
  askGuard: { weight: 1, run: askGuard },
  close: { weight: 0.3, run: close },
};
