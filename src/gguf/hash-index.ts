/** Small numbers found by byte strings of which only 64 bits of a hash are kept; it knows nothing of what either means. */

/** A slot: two halves of the hash and the number. */
const SLOT_BYTES = 4 + 4 + 2;
/** Slots are a power of two and at most three quarters full. */
const FULLEST = 3 / 4;
export const MOST_NUMBER = 2 ** 16 - 2;

/** Drawn anew by every process, so that no file can be made whose strings collide. */
const SEED = (Math.random() * 2 ** 32) | 0;

/**
 * Two of 24,000 different strings are taken for one with a probability of 2 in 10^11. What it costs does not depend on their
 * lengths, and nothing is an object of its own: thousands of young ones cost V8 megabytes to copy and to compile for.
 */
export class HashIndex {
  /** How many strings there are. */
  length = 0;
  #high = new Int32Array(1);
  #low = new Int32Array(1);
  /** The number + 1; 0 is an empty slot. */
  #numbers = new Uint16Array(1);
  /** Of the string that was looked for last: its hash, and where it is or would be. */
  #lastHigh = 0;
  #lastLow = 0;
  #lastSlot = 0;

  /** What room for `strings` takes. */
  static bytesFor(strings: number): number {
    return slotsFor(strings) * SLOT_BYTES;
  }

  /** Makes room for so many in all. */
  reserve(strings: number): void {
    if (strings < this.#numbers.length * FULLEST) return;
    const slots = slotsFor(strings);
    const [high, low, numbers] = [this.#high, this.#low, this.#numbers];
    this.#high = new Int32Array(slots);
    this.#low = new Int32Array(slots);
    this.#numbers = new Uint16Array(slots);
    for (const [old, number] of numbers.entries()) {
      if (number === 0) continue;
      let slot = (low[old] as number) & (slots - 1);
      while (this.#numbers[slot] !== 0) slot = (slot + 1) & (slots - 1);
      this.#high[slot] = high[old] as number;
      this.#low[slot] = low[old] as number;
      this.#numbers[slot] = number;
    }
  }

  /** The number of the string of `bytes` bytes at `at`; -1 where it wasn't added. */
  find(view: DataView, at: number, bytes: number): number {
    const last = at + bytes - 4;
    // Multiplied, since an equal step in both halves could be undone by the first word.
    let high = Math.imul(SEED + bytes, 0xcc9e2d51);
    let low = Math.imul(SEED ^ bytes, 0x1b873593);
    // Words, the last of which overlaps its neighbour; what is shorter than one goes byte by byte.
    for (let word = at; word < last; word += 4) {
      const value = view.getInt32(word, true);
      high = Math.imul(high ^ value, 0x85ebca6b);
      low = Math.imul(low ^ value, 0xc2b2ae35);
      high ^= high >>> 15;
      low ^= low >>> 13;
    }
    if (bytes >= 4) {
      high = Math.imul(high ^ view.getInt32(last, true), 0x85ebca6b);
      low = Math.imul(low ^ view.getInt32(last, true), 0xc2b2ae35);
    } else {
      for (let byte = at; byte < at + bytes; byte++) {
        high = Math.imul(high ^ view.getUint8(byte), 0x85ebca6b);
        low = Math.imul(low ^ view.getUint8(byte), 0xc2b2ae35);
      }
    }
    high ^= high >>> 16;
    low ^= low >>> 16;
    const mask = this.#numbers.length - 1;
    let slot = low & mask;
    while (this.#numbers[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high))
      slot = (slot + 1) & mask;
    this.#lastHigh = high;
    this.#lastLow = low;
    this.#lastSlot = slot;
    return (this.#numbers[slot] as number) - 1;
  }

  /** Adds the string that `find` was asked for last and did not find; there must be room. */
  add(number: number): void {
    this.#high[this.#lastSlot] = this.#lastHigh;
    this.#low[this.#lastSlot] = this.#lastLow;
    this.#numbers[this.#lastSlot] = number + 1;
    this.length++;
  }
}

function slotsFor(strings: number): number {
  return 2 ** Math.ceil(Math.log2((strings + 1) / FULLEST));
}
