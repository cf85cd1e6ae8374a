/**
 * What bundles of one run have in common, so that it is checked once: the checkpoint, a campaign, a grant.
 *
 * @module memory
 */

/** Results of checks that held, under all that they depend on; bounded, the oldest forgotten first. */
export class Memory {
  #capacity;
  #known = new Map();

  /** @param {number} [capacity] how many results are remembered */
  constructor(capacity = 8192) {
    this.#capacity = capacity;
  }

  /**
   * The result of `check` for this key; it runs once while the key is remembered, and always if it throws.
   *
   * @template T
   * @param {string} key names everything that the result depends on
   * @param {() => T} check
   * @returns {T}
   */
  recall(key, check) {
    if (this.#known.has(key)) {
      const known = this.#known.get(key);
      this.#known.delete(key);
      this.#known.set(key, known);
      return known;
    }
    const found = check();
    this.#known.set(key, found);
    if (this.#known.size > this.#capacity) this.#known.delete(this.#known.keys().next().value);
    return found;
  }
}
