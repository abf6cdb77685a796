/** The ledger's directory of a world, on a small disk if one can be mounted, and what may happen to it: replaced, filled with files, full. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** @typedef {import('./load-operations.mjs').Operation} Operation */

/** Room for a ledger of a few members. */
const DISK_BYTES = 512 * 1024;

export class LedgerPlace {
  /** @type {string} */
  directory;
  #folder;
  #mounted = false;
  #filler;

  /** @param {string} folder that is this world's own @param {boolean} onDisk whether a small disk is mounted for it */
  constructor(folder, onDisk) {
    this.#folder = folder;
    fs.mkdirSync(folder, { recursive: true });
    if (onDisk)
      this.#mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder]).status === 0;
    this.directory = path.join(folder, 'ledger');
    this.#filler = path.join(folder, 'filler');
  }

  /** @param {readonly string[]} faults @returns {Record<string, { weight: number, run: Operation }>} */
  listOperations(faults) {
    return {
      ...(faults.includes('directory') && {
        replaceDirectory: { weight: 0.4, run: ({ random }) => this.#replace(random.chance(0.5)) },
        foreignFiles: { weight: 0.3, run: ({ random }) => this.#addFiles(random) },
      }),
      ...(faults.includes('disk') &&
        this.#mounted && {
          fillDisk: { weight: 0.6, run: () => this.#fill() },
          emptyDisk: { weight: 0.8, run: () => this.#empty() },
        }),
    };
  }

  /** Whatever lies there stays; the disk is no longer full. */
  mend() {
    fs.rmSync(this.#filler, { force: true });
  }

  remove() {
    if (this.#mounted) spawnSync('umount', ['-l', this.#folder]);
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @param {boolean} remade */
  #replace(remade) {
    if (!fs.existsSync(this.directory)) return undefined;
    fs.renameSync(this.directory, `${this.directory}-${Date.now()}-${process.hrtime()[1]}`);
    if (remade) fs.mkdirSync(this.directory, { mode: 0o700 });
    return `the ledger's directory is renamed${remade ? ' and made anew' : ''}`;
  }

  /** @param {import('./random-source.mjs').RandomSource} random */
  #addFiles(random) {
    if (!fs.existsSync(this.directory)) return undefined;
    const text = random.pick(['', '\n', '00000000 {}\n', '0'.repeat(4000), '{"format":2}\n']);
    const name = random.pick(['nexa-ledger.0123', 'a', '.x', 'lock']);
    try {
      fs.writeFileSync(path.join(this.directory, name), text);
    } catch {
      return undefined; // the disk is full
    }
    return `a file ${name} of ${text.length} characters lies in the ledger`;
  }

  #fill() {
    if (fs.existsSync(this.#filler)) return undefined;
    const file = fs.openSync(this.#filler, 'w');
    try {
      for (;;) fs.writeSync(file, Buffer.alloc(4096));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOSPC') throw error;
    } finally {
      fs.closeSync(file);
    }
    return 'the disk of the ledger is full';
  }

  #empty() {
    if (!fs.existsSync(this.#filler)) return undefined;
    fs.rmSync(this.#filler);
    return 'the disk of the ledger has room again';
  }
}
