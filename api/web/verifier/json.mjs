/**
 * Canonical JSON (RFC 8785), in which a value has exactly one form.
 *
 * @module json
 */

import { fromUtf8 } from "./bytes.mjs";
import { Refusal } from "./errors.mjs";

export const MAX_DEPTH = 64;
const [QUOTE, BACKSLASH, BRACKET, BRACE] = ['"', "\\", "[", "{"].map((sign) => sign.charCodeAt(0));

/** Whether a value is a JSON object. @param {unknown} value @returns {boolean} */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Read JSON that has to be in its canonical form already, every byte of it.
 *
 * @param {Uint8Array} bytes
 * @returns {unknown}
 * @throws {Refusal} not UTF-8, not JSON, not canonical, or nested more than 64 deep
 */
export function parseCanonical(bytes) {
  const text = fromUtf8(bytes);
  if (text === null) throw new Refusal("not JSON: not UTF-8");
  checkDepth(text);
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal(`not JSON: ${error.message}`);
  }
  if (canonical(value) !== text) throw new Refusal("not canonical JSON (RFC 8785)");
  return value;
}

/**
 * The canonical JSON of a value that came from JSON.
 *
 * @param {unknown} value
 * @returns {string}
 * @throws {Refusal} a lone surrogate, or a number that digits alone write beyond 2^53 - 1
 */
export function canonical(value) {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return number(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return String(value); // true, false, null
  // The default order of `sort` is that of UTF-16 code units, which RFC 8785 asks for (3.2.3).
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${quoted(name)}:${canonical(value[name])}`).join(",")}}`;
}

function quoted(text) {
  if (!text.isWellFormed()) throw new Refusal("no canonical JSON: a lone surrogate");
  return JSON.stringify(text);
}

function number(value) {
  // From 10^21 on it is written with an exponent: a number, but nobody's integer.
  const digitsAlone = Number.isInteger(value) && Math.abs(value) < 1e21;
  if (!Number.isFinite(value) || (digitsAlone && !Number.isSafeInteger(value))) {
    throw new Refusal("no canonical JSON: a number beyond 2^53 - 1");
  }
  return JSON.stringify(value); // RFC 8785, 3.2.2.3: as ECMAScript writes numbers
}

/** Refuse deep nesting before a parser recurses into it. */
function checkDepth(text) {
  let depth = 0;
  let inside = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === BACKSLASH) at += 1;
    else if (sign === QUOTE) inside = !inside;
    else if (!inside && (sign === BRACKET || sign === BRACE)) depth += 1;
    else if (!inside && (sign === BRACKET + 2 || sign === BRACE + 2)) depth -= 1;
    if (depth > MAX_DEPTH) throw new Refusal(`JSON nested more than ${MAX_DEPTH} deep`);
  }
}
