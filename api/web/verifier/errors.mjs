/**
 * What can go wrong: a proof that does not hold, or something that is no proof at all.
 *
 * @module errors
 */

/** A proof does not hold: what was checked, and the two values that differ (empty where there is no pair). */
export class Refusal extends Error {
  /**
   * @param {string} what what was being checked, in words
   * @param {{expected?: string, found?: string}} [pair] the two values that differ
   * @param {number} [step] number of the failing step; 0 where a part is called by itself
   */
  constructor(what, { expected = "", found = "" } = {}, step = 0) {
    super(what + (expected || found ? `: expected ${expected}, found ${found}` : ""));
    this.name = "Refusal";
    this.what = what;
    this.expected = expected;
    this.found = found;
    this.step = step;
  }
}

/** The input is not what the operation takes: no bundle, no key, no policy. Nothing was verified. */
export class Unusable extends Error {
  /** @param {string} why a sentence */
  constructor(why) {
    super(why);
    this.name = "Unusable";
  }
}

/**
 * Whatever is refused inside is refused in this step of the verifier's list.
 *
 * A key or a policy that is unusable inside a bundle is a reason to refuse the bundle.
 *
 * @template T
 * @param {number} number
 * @param {() => T} run
 * @returns {T}
 */
export function step(number, run) {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.what, error, error.step || number);
    if (error instanceof Unusable) throw new Refusal(error.message, {}, number);
    throw error;
  }
}
