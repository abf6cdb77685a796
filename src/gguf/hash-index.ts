/** Finds small numbers by byte strings, of which it keeps only 64 bits of a hash. It must not know what either means. */

/** A slot holds two halves of the hash and the number. */
const SLOT_BYTES = 4 + 4 + 2;
/** The slots are a power of two, and at most this part of them is taken. */
const MOST_FULL = 3 / 4;
/** The largest number that can be added. */
export const MOST_NUMBER = 2 ** 16 - 2;

/** Every process draws its own seed, so that no file can be made whose strings collide. */
const SEED = (Math.random() * 2 ** 32) | 0;

/**
 * The probability that any two of 24,000 different strings are taken for the same one is 2 in 10^11. What a string costs
 * does not depend on its length, and no string becomes an object: docs/decisions/0004-gguf-index.md has the figures beside
 * a `Map`.
 */
export class HashIndex {
  /** How many strings were added. */
  length = 0;
  #high = new Int32Array(1);
  #low = new Int32Array(1);
  /** The number + 1; an empty slot has 0. */
  #numbers = new Uint16Array(1);
  /** The hash of the string that `find` was asked for last, and the slot that it has or would get. */
  #lastHigh = 0;
  #lastLow = 0;
  #lastSlot = 0;

  /** Returns the bytes that room for so many strings takes. */
  static countBytes(strings: number): number {
    return countSlots(strings) * SLOT_BYTES;
  }

  /** Makes room for so many strings in all. */
  reserve(strings: number): void {
    if (strings < this.#numbers.length * MOST_FULL) return;
    const slots = countSlots(strings);
    const [high, low, numbers] = [this.#high, this.#low, this.#numbers];
    this.#high = new Int32Array(slots);
    this.#low = new Int32Array(slots);
    this.#numbers = new Uint16Array(slots);
    for (const [old, number] of numbers.entries()) {
      if (number === 0) continue;
      let slot = low[old]! & (slots - 1);
      while (this.#numbers[slot] !== 0) slot = (slot + 1) & (slots - 1);
      this.#high[slot] = high[old]!;
      this.#low[slot] = low[old]!;
      this.#numbers[slot] = number;
    }
  }

  /** Returns the number of the string of `bytes` bytes at `at`, or -1 if it was not added. */
  find(view: DataView, at: number, bytes: number): number {
    const last = at + bytes - 4;
    // Multiplied, since an equal step in both halves could be undone by the first word.
    let high = Math.imul(SEED + bytes, 0xcc9e2d51);
    let low = Math.imul(SEED ^ bytes, 0x1b873593);
    // The string goes in by words, the last of which overlaps the one before; a string shorter than a word goes in by
    // bytes.
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
    return this.#numbers[slot]! - 1;
  }

  /** Adds the string that `find` was asked for last and did not find. `reserve` must have made room for it. */
  add(number: number): void {
    this.#high[this.#lastSlot] = this.#lastHigh;
    this.#low[this.#lastSlot] = this.#lastLow;
    this.#numbers[this.#lastSlot] = number + 1;
    this.length++;
  }
}

function countSlots(strings: number): number {
  return 2 ** Math.ceil(Math.log2((strings + 1) / MOST_FULL));
}
