/** Memory that is really taken, for models that are only memory: every page is written, and given back at once. */

export class TouchedMemory {
  /** @type {Map<object, { buffer: ArrayBuffer, bytes: number }>} */
  #held = new Map();

  /** What `owner` takes from now on; 0 gives all back. @param {object} owner @param {number} bytes @param {number} mostBytes that it ever takes */
  take(owner, bytes, mostBytes) {
    const held = this.#held.get(owner) ?? { buffer: makeBuffer(mostBytes), bytes: 0 };
    this.#held.set(owner, held);
    /** @type {any} */ (held.buffer).resize(bytes);
    if (bytes > held.bytes) new Uint8Array(held.buffer).fill(1, held.bytes);
    held.bytes = bytes;
    if (bytes === 0) this.#held.delete(owner);
  }
}

/** V8 gives the pages back to the system when such a buffer shrinks. @param {number} mostBytes @returns {ArrayBuffer} */
function makeBuffer(mostBytes) {
  return new /** @type {any} */ (ArrayBuffer)(0, { maxByteLength: mostBytes });
}
