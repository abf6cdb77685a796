/** Choices that a seed makes: the only chance that a torture run has. It knows nothing of what is chosen. */
import { createRandom } from '../random.mjs';

export class RandomSource {
  #next;

  /** @param {number} seed a whole number; the same one makes the same choices */
  constructor(seed) {
    this.#next = createRandom(seed);
  }

  /** @param {number} share 0 to 1 */
  chance(share) {
    return this.#next() < share;
  }

  /** A whole number, both ends included. @param {number} least @param {number} most */
  whole(least, most) {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  /** @template T @param {readonly T[]} list not empty @returns {T} */
  pick(list) {
    return /** @type {T} */ (list[Math.floor(this.#next() * list.length)]);
  }

  /** A key, each as often as its weight says. @template {string} K @param {Readonly<Record<K, number>>} weights @returns {K} */
  weighted(weights) {
    const entries = /** @type {[K, number][]} */ (Object.entries(weights));
    let left = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return /** @type {[K, number]} */ (entries.at(-1))[0];
  }
}

/** The seed of one world of a run: neighbours have nothing in common. @param {number} seed @param {number} world */
export function seedOfWorld(seed, world) {
  return Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(world + 1, 0xc2b2ae35);
}
