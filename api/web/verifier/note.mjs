/**
 * Signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature v1).
 *
 *     <origin>\n<size>\n<base64 root>\n\n— <key name> <base64(key id ‖ signature)>\n…
 *
 * Ed25519 only. A checkpoint has no extension lines: nobody could audit them.
 *
 * @module note
 */

import { concat, equal, fromBase64, toBase64, toHex, toInteger, utf8 } from "./bytes.mjs";
import { Refusal, Unusable } from "./errors.mjs";
import { HASH_BYTES, sha256 } from "./hashes.mjs";
import { holdsEd25519, SIGNATURE_BYTES } from "./signatures.mjs";

export const LOG = 0x01;
export const COSIGNER = 0x04;
const MAX_SIGNATURES = 100;
const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIZE = (1n << 64n) - 1n;
const MAX_TIME = (1n << 63n) - 1n;
/** What has the Unicode property White_Space, and the four separators U+001C to U+001F. */
const SPACES = "\\u0009-\\u000d\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const NAME = new RegExp(`^[^+\\u0000-\\u001f${SPACES}]+$`, "u");
const LINE = new RegExp(`^— ([^+${SPACES}]+) ([A-Za-z0-9+/=]+)$`, "u");
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;
const DECIMAL = /^(?:0|[1-9][0-9]{0,19})$/;

/**
 * @typedef {{name: string, keyId: string, public: Uint8Array, vkey: string}} Key
 * @typedef {{name: string, keyId: string, signature: Uint8Array}} Signature
 * @typedef {{origin: string, size: bigint, root: Uint8Array}} Checkpoint  root: 32 bytes
 */

/**
 * Read a verifier key of one kind: `<name>+<key id in hex>+<base64(kind ‖ public key)>`.
 *
 * @param {string} text
 * @param {number} kind LOG or COSIGNER
 * @returns {Key}
 * @throws {Unusable} not a verifier key, of another type, or the key id is another key's
 */
export function parseKey(text, kind) {
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  const name = text.slice(0, Math.max(first, 0));
  const raw = second < 0 ? null : fromBase64(text.slice(second + 1));
  const shown = text.slice(first + 1, second);
  if (!NAME.test(name) || !name.isWellFormed() || !/^[0-9a-f]{8}$/.test(shown) || !raw?.length) {
    throw new Unusable("not a verifier key: name, key id in hex and base64, with a plus between them");
  }
  if (raw[0] !== kind) {
    throw new Unusable(`a verifier key of type 0x${hexByte(raw[0])}, where 0x${hexByte(kind)} is checked`);
  }
  if (raw.length !== 33) throw new Unusable(`an Ed25519 verifier key has 32 bytes, this one ${raw.length - 1}`);
  const keyId = toHex(sha256(concat(utf8(name), utf8("\n"), raw)).subarray(0, 4)).slice(2);
  if (keyId !== shown) throw new Unusable(`the verifier key's id is ${keyId}, not ${shown}`);
  return { name, keyId, public: raw.subarray(1), vkey: text };
}

const hexByte = (value) => value.toString(16).padStart(2, "0");

/**
 * Read a signed note; nothing is verified.
 *
 * @param {string} text
 * @returns {{text: string, signatures: Signature[]}} the text with its last newline, and the lines under it
 * @throws {Refusal} too long, a control character, no text, no signature, or a line of another form
 */
export function parseNote(text) {
  if (!text.isWellFormed() || text.length > MAX_NOTE_BYTES || utf8(text).length > MAX_NOTE_BYTES) {
    throw new Refusal("a signed note is UTF-8", { expected: `at most ${MAX_NOTE_BYTES} bytes of it` });
  }
  if (CONTROL.test(text)) throw new Refusal("a signed note holds no control character other than newline");
  const gap = text.lastIndexOf("\n\n");
  const tail = text.slice(gap + 2);
  if (gap < 0 || !tail) throw new Refusal("a signed note is a text, an empty line and signature lines");
  if (!tail.endsWith("\n")) {
    throw new Refusal("signature lines end in a newline", { found: JSON.stringify(tail.slice(-80)) });
  }
  const lines = tail.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) {
    const pair = { expected: `at most ${MAX_SIGNATURES}`, found: String(lines.length) };
    throw new Refusal("signatures on a note", pair);
  }
  return { text: text.slice(0, gap + 1), signatures: lines.map(parseSignature) };
}

/** @param {string} line @returns {Signature} */
function parseSignature(line) {
  const match = LINE.exec(line);
  const raw = match && fromBase64(match[2]);
  if (!raw || raw.length <= 4) {
    throw new Refusal("a signature line of the note", { found: JSON.stringify(line.slice(0, 80)) });
  }
  return { name: match[1], keyId: toHex(raw.subarray(0, 4)).slice(2), signature: raw.subarray(4) };
}

/** Whether a line stands under a key's name and id. @param {Signature} line @param {Key} key */
const isBy = (line, key) => line.name === key.name && line.keyId === key.keyId;

/**
 * Check that a log's signature stands on a note, and that all its lines there hold.
 *
 * @param {{text: string, signatures: Signature[]}} note
 * @param {Key} key
 * @returns {boolean} whether it stands there
 * @throws {Refusal} a line of the key is not its signature
 */
export function isSigned(note, key) {
  const mine = note.signatures.filter((line) => isBy(line, key));
  const message = utf8(note.text);
  if (!mine.every((line) => holdsEd25519(key.public, line.signature, message))) {
    throw new Refusal("the log's signature on the checkpoint", { expected: key.vkey });
  }
  return mine.length > 0;
}

/**
 * The time of a cosignature line: 8 bytes big-endian, then Ed25519 over a header, the time and the note's text.
 *
 * @param {string} text the note's text
 * @param {Signature} line
 * @param {Key} key
 * @returns {bigint} seconds since 1970
 * @throws {Refusal} it is not the key's cosignature
 */
export function cosignedAt(text, line, key) {
  const time = line.signature.length === 8 + SIGNATURE_BYTES ? toInteger(line.signature.subarray(0, 8)) : -1n;
  const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  if (time < 0n || time > MAX_TIME || !holdsEd25519(key.public, line.signature.subarray(8), message)) {
    throw new Refusal("a witness's cosignature of the checkpoint", { expected: key.vkey });
  }
  return time;
}

/**
 * The head in a note's text: origin, size and root, and no further line.
 *
 * @param {string} text
 * @returns {Checkpoint}
 * @throws {Refusal} it has another form
 */
export function parseBody(text) {
  const lines = text.slice(0, -1).split("\n");
  const sized = lines.length === 3 && lines[0] && DECIMAL.test(lines[1]) && BigInt(lines[1]) <= MAX_SIZE;
  if (!sized) throw new Refusal("a checkpoint is origin, size and root, and no further line");
  const root = fromBase64(lines[2]);
  if (root?.length !== HASH_BYTES) {
    const pair = { expected: "32 bytes in base64", found: lines[2].slice(0, 80) };
    throw new Refusal("root of the checkpoint", pair);
  }
  return { origin: lines[0], size: BigInt(lines[1]), root };
}
