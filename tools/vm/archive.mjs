/** Writes the archive that Linux unpacks into its first file system (cpio, `newc`); it knows no file of ours. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const DIRECTORY = 0o040755;
const CHARACTER_DEVICE = 0o020600;

/** Owner, group and times are 0, so the same contents give the same archive. Made without root. */
export class Archive {
  #descriptor;
  #inode = 1;
  #there = new Set(['/']);

  /** @param {string} path Where the archive is written. */
  constructor(path) {
    this.#descriptor = openSync(path, 'w');
  }

  /** All paths are absolute in the guest. Folders above an entry are made as needed. @param {string} path */
  directory(path) {
    if (this.#there.has(path)) return;
    this.directory(dirname(path));
    this.#entry(path, DIRECTORY, Buffer.alloc(0));
  }

  /** @param {string} path @param {string | Buffer} contents @param {{ executable?: boolean }} [options] */
  file(path, contents, { executable = false } = {}) {
    this.directory(dirname(path));
    this.#entry(path, executable ? 0o100755 : 0o100644, Buffer.from(contents));
  }

  /** A file of the machine; links are followed. @param {string} source @param {string} path */
  copy(source, path) {
    if (!this.#there.has(path)) this.file(path, readFileSync(source), { executable: true });
  }

  /** @param {string} path @param {number} major @param {number} minor */
  characterDevice(path, major, minor) {
    this.directory(dirname(path));
    this.#entry(path, CHARACTER_DEVICE, Buffer.alloc(0), { major, minor });
  }

  close() {
    this.#write('TRAILER!!!', 0, Buffer.alloc(0), { major: 0, minor: 0 });
    closeSync(this.#descriptor);
  }

  /** @param {string} path @param {number} mode @param {Buffer} contents */
  #entry(path, mode, contents, device = { major: 0, minor: 0 }) {
    this.#there.add(path);
    this.#write(path.slice(1), mode, contents, device);
  }

  /** `070701`, thirteen fields of eight hexadecimal digits, the name with a NUL, the contents; both filled up to four bytes. */
  #write(
    /** @type {string} */ name,
    /** @type {number} */ mode,
    /** @type {Buffer} */ contents,
    device = { major: 0, minor: 0 },
  ) {
    const nameBytes = Buffer.byteLength(name) + 1;
    const fields = [this.#inode++, mode, 0, 0, 1, 0, contents.length, 0, 0, device.major, device.minor, nameBytes, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    const filled = Buffer.alloc(Math.ceil(Buffer.byteLength(head) / 4) * 4);
    filled.write(head);
    writeSync(this.#descriptor, filled);
    if (contents.length > 0) writeAll(this.#descriptor, contents);
    writeSync(this.#descriptor, Buffer.alloc((4 - (contents.length % 4)) % 4));
  }
}

/** @param {number} descriptor @param {Buffer} contents */
function writeAll(descriptor, contents) {
  for (let at = 0; at < contents.length; ) at += writeSync(descriptor, contents, at);
}
