/**
 * Lets every N-th system call of the ledger and the sensors fail, in this process: `node:fs` is replaced below them, as far as a call is about
 * the ledger's directory or the kernel's files. It knows no guard.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** @typedef {'EIO' | 'ENOENT' | 'EMFILE' | 'ENOSPC' | 'EACCES' | 'ESTALE'} ErrorName */

export const CALL_ERRORS = /** @type {const} */ (['EIO', 'ENOENT', 'EMFILE', 'ENOSPC', 'EACCES', 'ESTALE']);

const BY_PATH = /** @type {const} */ ([
  'openSync',
  'readdirSync',
  'lstatSync',
  'statSync',
  'mkdirSync',
  'unlinkSync',
  'readlinkSync',
  'readFileSync',
  'renameSync',
  'linkSync',
]);
const BY_DESCRIPTOR = /** @type {const} */ (['readSync', 'writeSync', 'fstatSync', 'closeSync']);

export class CallFaults {
  #places;
  /** Descriptors that were opened in these places. @type {Set<number>} */
  #descriptors = new Set();
  /** @type {{ every: number, error: ErrorName } | undefined} */
  #failing;
  #calls = 0;
  #paused = false;
  /** @type {Map<string, Function>} */
  #originals = new Map();

  /** @param {readonly string[]} places folders in which calls may fail */
  constructor(places) {
    this.#places = places;
  }

  /** Stands below `node:fs` until `uninstall`. */
  install() {
    for (const name of BY_PATH)
      this.#replace(
        name,
        (place) => typeof place === 'string' && this.#places.some((folder) => place.startsWith(folder)),
      );
    for (const name of BY_DESCRIPTOR)
      this.#replace(name, (place) => this.#descriptors.has(/** @type {number} */ (place)));
    syncBuiltinESMExports();
  }

  uninstall() {
    for (const [name, original] of this.#originals) /** @type {any} */ (fs)[name] = original;
    syncBuiltinESMExports();
  }

  /** @param {number} every the N-th call @param {ErrorName} error */
  fail(every, error) {
    this.#failing = { every, error };
  }

  mend() {
    this.#failing = undefined;
  }

  /** Runs a step of the harness's own, in which nothing fails. @template T @param {() => T} step @returns {T} */
  without(step) {
    this.#paused = true;
    try {
      return step();
    } finally {
      this.#paused = false;
    }
  }

  /** @param {string} name of a function of `node:fs` @param {(place: unknown) => boolean} concerns whether a call with this first argument may fail */
  #replace(name, concerns) {
    const original = /** @type {Function} */ (/** @type {any} */ (fs)[name]);
    this.#originals.set(name, original);
    /** @type {any} */ (fs)[name] = (/** @type {unknown[]} */ ...args) => {
      const [place] = args;
      if (!concerns(place)) return original(...args);
      const fails = this.#failing && !this.#paused && ++this.#calls % this.#failing.every === 0;
      // A descriptor is gone even if closing it fails.
      if (name === 'closeSync') this.#descriptors.delete(/** @type {number} */ (place));
      if (fails && name !== 'closeSync') throw makeError(/** @type {ErrorName} */ (this.#failing?.error), name, place);
      const result = original(...args);
      if (name === 'openSync') this.#descriptors.add(result);
      if (fails) throw makeError(/** @type {ErrorName} */ (this.#failing?.error), name, place);
      return result;
    };
  }
}

/** @param {ErrorName} code @param {string} name @param {unknown} place */
function makeError(code, name, place) {
  const syscall = name.replace('Sync', '');
  const where = typeof place === 'string' ? `, ${syscall} '${place}'` : `, ${syscall}`;
  return Object.assign(new Error(`${code}: a fault of the torture run${where}`), { code, syscall, errno: -5 });
}
