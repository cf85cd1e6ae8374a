/**
 * The hashes of the log (RFC 6962, section 2.1: SHA-256), of Ethereum (Keccak-256), and of documents.
 *
 * @module hashes
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, utf8 } from "./bytes.mjs";
import { canonical } from "./json.mjs";

export { sha256 };
export { keccak_256 as keccak256 };

export const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** SHA-256(0x00 ‖ entry). @param {Uint8Array} entry @returns {Uint8Array} 32 bytes */
export const leafHash = (entry) => sha256(concat(LEAF, entry));

/** SHA-256(0x01 ‖ left ‖ right). @param {Uint8Array} left @param {Uint8Array} right @returns {Uint8Array} */
export const nodeHash = (left, right) => sha256(concat(NODE, left, right));

/** SHA-256(JCS(document)). @param {unknown} document @returns {Uint8Array} 32 bytes */
export const documentDigest = (document) => sha256(utf8(canonical(document)));

/**
 * The salted commitment of a content: SHA-256(salt ‖ JCS(content)).
 *
 * @param {unknown} content
 * @param {Uint8Array} salt 32 bytes
 * @returns {Uint8Array} 32 bytes
 */
export const commitment = (content, salt) => sha256(concat(salt, utf8(canonical(content))));
