/**
 * Reading JSON values that have exactly one form each, with the place named when one has another.
 *
 * @module shape
 */

import { fromHex } from "./bytes.mjs";
import { Refusal } from "./errors.mjs";
import { isObject } from "./json.mjs";

const HEX = /^0x[0-9a-f]*$/;
const DECIMAL = /^(?:0|[1-9][0-9]{0,77})$/;
const AMOUNT = /^(?:0|[1-9][0-9]{0,19})$/;
const MAX_AMOUNT = (1n << 64n) - 1n;

/**
 * An object with all `required` members, perhaps some `optional` ones, and no other.
 *
 * @param {unknown} value
 * @param {readonly string[]} required
 * @param {string} what
 * @param {readonly string[]} [optional]
 * @returns {Record<string, unknown>}
 * @throws {Refusal} it is something else
 */
export function members(value, required, what, optional = []) {
  if (!isObject(value)) throw new Refusal(what, { expected: "an object", found: kindOf(value) });
  const found = Object.keys(value);
  const complete = required.every((name) => Object.hasOwn(value, name));
  if (!complete || !found.every((name) => required.includes(name) || optional.includes(name))) {
    throw new Refusal(`members of ${what}`, { expected: names(required), found: names(found) });
  }
  return value;
}

/**
 * Bytes in lower-case hex after 0x, `length` of them where given; as the text that they are.
 *
 * @param {unknown} value
 * @param {string} what
 * @param {number} [length]
 * @returns {string}
 * @throws {Refusal} it is something else
 */
export function hex(value, what, length) {
  if (typeof value !== "string" || !HEX.test(value) || value.length % 2) {
    throw new Refusal(what, { expected: "lower-case hex", found: short(value) });
  }
  const found = (value.length - 2) / 2;
  if (length !== undefined && found !== length) {
    throw new Refusal(what, { expected: `${length} bytes`, found: String(found) });
  }
  return value;
}

/** As `hex`, but the bytes. @returns {Uint8Array} */
export const hexBytes = (value, what, length) => fromHex(hex(value, what, length));

/** An address: 0x and 40 lower-case hex digits. @returns {string} */
export const address = (value, what) => hex(value, what, 20);

/**
 * A number from 0 to 2^53 - 1.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {number}
 * @throws {Refusal} it is something else
 */
export function integer(value, what) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Refusal(what, { expected: "a number from 0 to 2^53 - 1", found: short(value) });
  }
  return value;
}

/**
 * A decimal string without leading zeroes, of at most 78 digits.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {bigint}
 * @throws {Refusal} it is something else
 */
export function decimal(value, what) {
  if (typeof value !== "string" || !DECIMAL.test(value)) {
    throw new Refusal(what, { expected: "a decimal string", found: short(value) });
  }
  return BigInt(value);
}

/**
 * An amount of money: a decimal string of token minor units up to 2^64 - 1.
 *
 * @param {unknown} value
 * @returns {bigint}
 * @throws {Refusal} it is something else
 */
export function amount(value) {
  if (typeof value !== "string" || !AMOUNT.test(value) || BigInt(value) > MAX_AMOUNT) {
    const what = "is not an amount: a decimal string of token minor units up to 2^64 - 1";
    throw new Refusal(`${short(value)} ${what}`);
  }
  return BigInt(value);
}

/** A string. @param {unknown} value @param {string} what @returns {string} @throws {Refusal} */
export function text(value, what) {
  if (typeof value !== "string") throw new Refusal(what, { expected: "a string", found: short(value) });
  return value;
}

/**
 * Two values that have to be equal: strings (bytes and addresses are hex), integers, booleans.
 *
 * @param {string} what
 * @param {string | number | bigint | boolean} expected
 * @param {unknown} found
 * @throws {Refusal} they differ; both are named
 */
export function same(what, expected, found) {
  if (expected !== found) throw new Refusal(what, { expected: short(expected), found: short(found) });
}

/**
 * A value that lies between two others, both included.
 *
 * @param {string} what
 * @param {bigint} found
 * @param {bigint} first
 * @param {bigint} last
 * @throws {Refusal} it does not
 */
export function within(what, found, first, last) {
  if (found < first || found > last) {
    throw new Refusal(what, { expected: `${first} to ${last}`, found: String(found) });
  }
}

/** A value that is at most another. @throws {Refusal} it is more */
export function atMost(what, most, found) {
  if (found > most) throw new Refusal(what, { expected: `at most ${most}`, found: String(found) });
}

/** What a JSON value is, for people. @param {unknown} value @returns {string} */
export function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function names(list) {
  return [...list].sort().join(", ").slice(0, 300);
}

function short(value) {
  const shown = typeof value === "string" ? value : typeof value === "bigint" ? String(value) : JSON.stringify(value);
  return String(shown).slice(0, 200);
}
