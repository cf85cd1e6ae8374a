/**
 * Inclusion proofs: as text (C2SP tlog-proof v1, without its `extra` line), and their check (RFC 9162, 2.1.3.2).
 *
 * @module proof
 */

import { equal, fromBase64, toHex } from "./bytes.mjs";
import { Refusal } from "./errors.mjs";
import { HASH_BYTES, nodeHash } from "./hashes.mjs";

export const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_HASHES = 64;
const INDEX = /^index (0|[1-9][0-9]{0,19})$/;

/**
 * Read a proof; the checkpoint in it is not looked at.
 *
 * @param {string} text
 * @returns {{index: bigint, path: Uint8Array[], checkpoint: string}} path: hashes of 32 bytes, sibling first
 * @throws {Refusal} not in the one form that this format has
 */
export function parseProof(text) {
  const gap = text.indexOf("\n\n");
  const head = gap < 0 ? text : text.slice(0, gap);
  const [header, second = "", ...hashes] = head.split("\n");
  const index = INDEX.exec(second);
  if (gap < 0 || header !== HEADER || !index) {
    const found = JSON.stringify(head.slice(0, 60));
    throw new Refusal("an inclusion proof starts with its format and the index", { found });
  }
  if (hashes.length > MAX_HASHES) {
    throw new Refusal("inclusion proof is too long", { found: `${hashes.length} hashes` });
  }
  return { index: BigInt(index[1]), path: hashes.map(readHash), checkpoint: text.slice(gap + 2) };
}

function readHash(line) {
  const raw = fromBase64(line);
  if (raw?.length !== HASH_BYTES) {
    throw new Refusal("inclusion proof", { expected: "32 bytes in base64", found: line.slice(0, 60) });
  }
  return raw;
}

/**
 * Check that a leaf hash is leaf `index` of the tree of `size` leaves with this root, in the RFC's own names.
 *
 * @param {Uint8Array} leaf 32 bytes
 * @param {bigint} index
 * @param {bigint} size
 * @param {readonly Uint8Array[]} proof hashes of 32 bytes, sibling first
 * @param {Uint8Array} root 32 bytes
 * @throws {Refusal} it is not, or the proof has the wrong length
 */
export function verifyInclusion(leaf, index, size, proof, root) {
  if (index < 0n || index >= size) {
    throw new Refusal("leaf index", { expected: `less than ${size}`, found: String(index) }); // step 1
  }
  let [fn, sn, r] = [index, size - 1n, leaf]; // steps 2 and 3
  for (const p of proof) {
    // step 4
    if (sn === 0n) throw new Refusal("inclusion proof is too long", { found: `${proof.length} hashes` });
    if (fn & 1n || fn === sn) {
      r = nodeHash(p, r);
      while (!(fn & 1n) && fn) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) throw new Refusal("inclusion proof is too short", { found: `${proof.length} hashes` }); // step 5
  if (!equal(r, root)) {
    throw new Refusal("root of the inclusion proof", { expected: toHex(root), found: toHex(r) });
  }
}
