/** Where a world of the fake engine plays: imagined memory, imagined time, and needs of any size. A replay is exact. */
import { FakeSdk } from './fake-sdk.mjs';
import { VirtualClock } from './virtual-clock.mjs';

const MiB = 2 ** 20;

/**
 * @typedef {object} Stage where a world plays
 * @property {{ nowMs: number, of(owner: 'guard' | 'sdk'): import('./virtual-clock.mjs').Clock, countTimers(owner: 'guard' | 'sdk'): number, advance(byMs: number): Promise<void> }} clock
 * @property {number} totalBytes what models can take at the most
 * @property {readonly number[]} needs in bytes, to choose from
 * @property {number} longestMs that a load waits, or an answer takes
 * @property {number} settlesWithinMs so long what has nothing left to wait for may take until it settles
 * @property {boolean} exact what the machine shows is what models take: nothing else moves
 * @property {(world: import('./world.mjs').World) => { minFreeBytes: number, minFreeRatioAfterLoad: number, [option: string]: unknown }} chooseOptions of the guard, beside those that every world has
 * @property {(world: import('./world.mjs').World) => object} makeSdk
 * @property {Readonly<Record<string, { weight: number, run: import('./load-operations.mjs').Operation }>>} operations beside those that every world has
 * @property {(world: import('./world.mjs').World) => Promise<void>} check what only this stage can tell after a step
 * @property {(world: import('./world.mjs').World) => Promise<void>} end puts everything back in its place before the last checks
 * @property {(world: import('./world.mjs').World) => void} checkReturned what must have come back when all is disposed
 * @property {(number: number) => string} nameModel
 * @property {(name: string, options: { needBytes: number, pinned: boolean, memoryGuard: object }) => unknown[]} listArguments for `loadModel`
 * @property {(handle: any) => import('./world.mjs').Handle} adaptHandle gives a guarded model the names that the operations call
 * @property {(error: unknown) => boolean} expectsError whether an error without a code is the SDK's own
 * @property {boolean} countsCalls whether all calls that run are known
 * @property {<T>(step: () => T) => T} quietly runs a step of the harness's own, in which no call fails
 * @property {(world: import('./world.mjs').World) => Promise<void>} close whatever became of the world
 */

/** How the fake SDK is loaded and read. */
export const FAKE_NAMES = {
  nameModel: (/** @type {number} */ number) => `m${number}`,
  listArguments: (/** @type {string} */ name, /** @type {object} */ options) => [name, options],
  adaptHandle: (/** @type {any} */ handle) => handle,
  expectsError: (/** @type {unknown} */ _error) => false,
};

/** @returns {Stage} */
export function imagineStage() {
  return {
    clock: new VirtualClock(),
    totalBytes: 16_384 * MiB,
    needs: [1, 64, 512, 2048, 4096, 8192, 16_384].map((mib) => mib * MiB),
    longestMs: 3000,
    settlesWithinMs: 1500,
    exact: true,
    countsCalls: true,
    ...FAKE_NAMES,
    chooseOptions: (world) => ({
      sensor: () => world.read(),
      minFreeBytes: world.random.pick([0, 256 * MiB, 1024 * MiB]),
      minFreeRatioAfterLoad: world.random.pick([0, 0.05, 0.25]),
    }),
    makeSdk: ({ records, faults }) => new FakeSdk(records, faults),
    operations: { changeMachine: { weight: 4, run: changeMachine }, failReadings: { weight: 1.5, run: failReadings } },
    async check() {},
    async end(world) {
      world.failingReadings = 0;
    },
    checkReturned() {},
    quietly: (step) => step(),
    async close() {},
  };
}

/** Other programs take or give memory. @type {import('./load-operations.mjs').Operation} */
function changeMachine(world) {
  world.setOthers(Math.floor(world.random.pick([0, 0.1, 0.3, 0.6, 0.9]) * world.stage.totalBytes));
  return `other programs hold ${Math.round(world.othersBytes / MiB)} MiB`;
}

/** @type {import('./load-operations.mjs').Operation} */
function failReadings(world) {
  world.failingReadings = world.random.whole(1, 5);
  return `the next ${world.failingReadings} readings fail`;
}
