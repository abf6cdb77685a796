/** Where a world of real memory plays: touched buffers in a control group with a limit, a ledger that peers share, and faults of its files. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { ControlGroup } from '../control-groups.mjs';
import { CALL_ERRORS, CallFaults } from './call-faults.mjs';
import { FakeSdk } from './fake-sdk.mjs';
import { FAKE_NAMES } from './imagined-stage.mjs';
import { LedgerPlace } from './ledger-place.mjs';
import { Peers } from './peers.mjs';
import { RealClock } from './real-clock.mjs';
import { TouchedMemory } from './touched-memory.mjs';

/** @typedef {import('./imagined-stage.mjs').Stage} Stage */
/** @typedef {import('./load-operations.mjs').Operation} Operation */
/** @typedef {ConstructorParameters<typeof ControlGroup>[0]} Place */

const MiB = 2 ** 20;
/** The programs' own heaps move by so much without any model. */
const NOISE_BYTES = 48 * MiB;

export class MemoryStage {
  clock = new RealClock();
  totalBytes = 64 * MiB;
  needs = [1, 4, 8, 16, 32, 48].map((mib) => mib * MiB);
  longestMs = 240;
  settlesWithinMs = 6000;
  exact = false;
  countsCalls = true;
  #place;
  #peers;
  #calls;
  #faults;
  #groups;
  #kills;
  #memory = new TouchedMemory();
  #descriptors = listDescriptors();
  /** @type {number | undefined} */
  #headroomBytes;

  /**
   * @param {string} folder of this world's own @param {readonly Place[]} groups in which the process may be, the first one now
   * @param {readonly string[]} faults @param {number} number of the world
   */
  constructor(folder, groups, faults, number) {
    this.#faults = faults;
    this.#groups = groups.map((place) => new ControlGroup(place));
    this.#kills = this.#countKills();
    this.#place = new LedgerPlace(folder, faults.includes('disk') && number % 2 === 0);
    this.#peers = new Peers(this.#place.directory);
    this.#calls = new CallFaults([folder, '/proc/', '/sys/']);
    this.#calls.install();
  }

  /** @param {import('./world.mjs').World} world @returns {ReturnType<Stage['chooseOptions']>} */
  chooseOptions({ random }) {
    return {
      ledger: { directory: this.#place.directory },
      minFreeBytes: 24 * MiB,
      minFreeRatioAfterLoad: random.pick([0, 0, 0.05]),
    };
  }

  /** @param {import('./world.mjs').World} world @returns {object} */
  makeSdk({ records, faults }) {
    records.onTaken = (record, bytes) => this.#memory.take(record, bytes, record.needBytes);
    return new FakeSdk(records, faults);
  }

  /** @param {number} number */
  nameModel(number) {
    return FAKE_NAMES.nameModel(number);
  }

  /** @param {string} name @param {{ needBytes: number, pinned: boolean, memoryGuard: object }} options @returns {unknown[]} */
  listArguments(name, options) {
    return FAKE_NAMES.listArguments(name, options);
  }

  /** @param {any} handle @returns {import('./world.mjs').Handle} */
  adaptHandle(handle) {
    return FAKE_NAMES.adaptHandle(handle);
  }

  /** @param {unknown} error */
  expectsError(error) {
    return FAKE_NAMES.expectsError(error);
  }

  /** @template T @param {() => T} step @returns {T} */
  quietly(step) {
    return this.#calls.without(step);
  }

  /** @type {Stage['operations']} */
  get operations() {
    const has = (/** @type {string} */ fault) => this.#faults.includes(fault);
    return {
      ...(has('calls') && {
        failCalls: { weight: 1.5, run: (world) => this.#failCalls(world) },
        mendCalls: { weight: 1.5, run: () => this.#mendCalls() },
      }),
      ...(has('peers') && this.#peers.operations),
      ...(has('groups') &&
        this.#groups.length > 1 && { moveGroup: { weight: 0.5, run: (world) => this.#move(world) } }),
      ...this.#place.listOperations(this.#faults),
    };
  }

  /** @type {Stage['check']} */
  async check(world) {
    if (this.#headroomBytes === undefined && world.closedMs === undefined)
      this.#headroomBytes = this.quietly(() => world.guard.headroomBytes());
    const kills = this.quietly(() => this.#countKills());
    if (kills > this.#kills)
      world.violate('no-process-is-killed', `the kernel killed ${kills - this.#kills} processes of the group`);
    this.#kills = kills;
  }

  /** @type {Stage['end']} */
  async end() {
    this.#calls.mend();
    this.#place.mend();
    this.#groups[0]?.enter(process.pid);
    await this.#peers.end();
  }

  /** After the last disposal, before the guard is closed. @type {Stage['checkReturned']} */
  checkReturned(world) {
    const nowBytes = world.guard.headroomBytes();
    const thenBytes = this.#headroomBytes ?? nowBytes;
    if (nowBytes < thenBytes - NOISE_BYTES) {
      world.violate(
        'headroom-comes-back',
        `nothing is held, and of ${Math.round(thenBytes / MiB)} MiB of headroom ${Math.round(nowBytes / MiB)} came back`,
      );
    }
  }

  /** Whatever became of the world. @type {Stage['close']} */
  async close(world) {
    this.#calls.mend();
    await this.#peers.end();
    this.#groups[0]?.enter(process.pid);
    this.#calls.uninstall();
    this.#place.remove();
    if (world.violations.length > 0) return;
    const left = listDescriptors().filter((file) => !this.#descriptors.includes(file));
    if (left.length > 0) world.violate('no-descriptor-after-close', `the process still has ${left.join(', ')} open`);
  }

  /** @type {Operation} */
  #failCalls({ random }) {
    const [every, error] = [random.pick([1, 2, 3, 5, 8, 13, 21]), random.pick(CALL_ERRORS)];
    this.#calls.fail(every, error);
    return `each ${every}. call fails with ${error}`;
  }

  #mendCalls() {
    this.#calls.mend();
    return 'no call fails';
  }

  /** @type {Operation} */
  #move({ random }) {
    const group = random.pick(this.#groups);
    group.enter(process.pid);
    return `move to ${path.basename(group.directory)}`;
  }

  #countKills() {
    return this.#groups.reduce((sum, { directory }) => {
      const text = readFileSync(path.join(directory, 'memory.oom_control'), 'utf8');
      return sum + Number(/oom_kill (\d+)/.exec(text)?.[1] ?? 0);
    }, 0);
  }
}

/** What is open besides what comes and goes with Node itself. */
function listDescriptors() {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      return /^(socket|pipe|anon_inode):|\/fd$/.test(target) ? [] : [`${name} ${target}`];
    } catch {
      return [];
    }
  });
}
