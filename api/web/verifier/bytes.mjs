/**
 * Bytes and their texts: hex, base64 (RFC 4648, section 4, in its one canonical form), UTF-8.
 *
 * @module bytes
 */

import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";

export { concatBytes as concat };

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Uint8Array(128);
[...ALPHABET].forEach((sign, value) => (VALUES[sign.charCodeAt(0)] = value));
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const encoder = new TextEncoder();

/** @param {Uint8Array} bytes @returns {string} lower-case hex after 0x */
export const toHex = (bytes) => "0x" + bytesToHex(bytes);

/** @param {string} hex lower-case hex after 0x, already checked @returns {Uint8Array} */
export const fromHex = (hex) => hexToBytes(hex.slice(2));

/** @param {string} text without lone surrogates @returns {Uint8Array} */
export const utf8 = (text) => encoder.encode(text);

/**
 * Read UTF-8, every byte of it: a byte order mark is a character, and what is no UTF-8 is nothing.
 *
 * @param {Uint8Array} bytes
 * @returns {string | null}
 */
export function fromUtf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** @param {Uint8Array} a @param {Uint8Array} b @returns {boolean} */
export function equal(a, b) {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

/** @param {Uint8Array} bytes @returns {string} base64 with padding */
export function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const all = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += ALPHABET[all >> 18] + ALPHABET[(all >> 12) & 63] + ALPHABET[(all >> 6) & 63] + ALPHABET[all & 63];
  }
  const missing = (3 - (bytes.length % 3)) % 3;
  return missing ? text.slice(0, -missing) + "=".repeat(missing) : text;
}

/**
 * What `toBase64` made this text of; null where it made none, as of spare bits that are not zero.
 *
 * @param {string} text
 * @returns {Uint8Array | null}
 */
export function fromBase64(text) {
  if (text.length % 4 || !BASE64.test(text)) return null;
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const value = (at) => VALUES[text.charCodeAt(at)]; // zero for the padding
  for (let at = 0, out = 0; at < text.length; at += 4, out += 3) {
    const all = (value(at) << 18) | (value(at + 1) << 12) | (value(at + 2) << 6) | value(at + 3);
    [bytes[out], bytes[out + 1], bytes[out + 2]] = [all >> 16, all >> 8, all]; // beyond the end: no effect
  }
  return toBase64(bytes) === text ? bytes : null;
}

/**
 * An unsigned integer as big-endian bytes.
 *
 * @param {bigint} value not negative, and below 2^(8 * length)
 * @param {number} length
 * @returns {Uint8Array}
 */
export function bigEndian(value, length) {
  return hexToBytes(value.toString(16).padStart(2 * length, "0"));
}

/** @param {Uint8Array} bytes big-endian @returns {bigint} */
export const toInteger = (bytes) => (bytes.length ? BigInt(toHex(bytes)) : 0n);
