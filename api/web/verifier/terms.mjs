/**
 * The terms that the escrow contract holds all parties to, the campaign's id, and the payroll's tree.
 *
 * @module terms
 */

import { concat, equal, toHex } from "./bytes.mjs";
import { encodeWord } from "./entries.mjs";
import { Refusal } from "./errors.mjs";
import { keccak256 } from "./hashes.mjs";
import { isObject } from "./json.mjs";

/** Solidity's struct, in its order. */
const FIELDS = [
  ["requester", "address"],
  ["operator", "address"],
  ["arbiter", "address"],
  ["token", "address"],
  ["feeBps", "uint16"],
  ["window", "uint32"],
  ["deadline", "uint40"],
  ["bond", "uint128"],
  ["labelPrice", "uint64"],
  ["part", "uint32"],
  ["brief", "bytes32"],
];
/** Amounts, decimal strings in JSON, with the most digits that their type needs. */
const AMOUNTS = { bond: 39, labelPrice: 20 };

/**
 * Read terms; each has exactly one JSON form.
 *
 * @param {unknown} value
 * @returns {{json: Record<string, unknown>, encoded: Uint8Array}} the terms, and `abi.encode` of them
 * @throws {Refusal} a field missing, unknown, of another form or out of range
 */
export function readTerms(value) {
  const all = FIELDS.map(([name]) => name);
  const found = isObject(value) ? Object.keys(value) : [];
  if (found.length !== all.length || !all.every((name) => found.includes(name))) {
    throw new Refusal(`terms have exactly ${all.join(", ")}`);
  }
  const amounts = Object.entries(AMOUNTS).map(([name, digits]) => [name, readAmount(name, value[name], digits)]);
  const numbers = { ...value, ...Object.fromEntries(amounts) };
  return { json: value, encoded: concat(...FIELDS.map(([name, type]) => encodeWord(type, numbers[name]))) };
}

function readAmount(name, value, digits) {
  if (typeof value !== "string" || !/^(?:0|[1-9][0-9]*)$/.test(value) || value.length > digits) {
    throw new Refusal(`terms.${name} is a decimal string`);
  }
  return BigInt(value);
}

/**
 * The campaign's name everywhere: keccak256(abi.encode(chain id, escrow address, Terms)).
 *
 * @param {Uint8Array} encoded the terms
 * @param {number} chainId
 * @param {string} escrow an address
 * @returns {string} 32 bytes in hex
 */
export function campaignId(encoded, chainId, escrow) {
  return toHex(keccak256(concat(encodeWord("uint256", chainId), encodeWord("address", escrow), encoded)));
}

/**
 * Check that a position under a payroll's root owes an account exactly an amount.
 *
 *     leaf = keccak256(keccak256(campaign ‖ index ‖ account ‖ cumulative))      node = keccak256(left ‖ right)
 *
 * @param {string} campaign 32 bytes in hex
 * @param {number} index
 * @param {string} account an address
 * @param {bigint} cumulative
 * @param {readonly Uint8Array[]} path siblings of 32 bytes, from the leaf's up
 * @param {Uint8Array} root 32 bytes
 * @throws {Refusal} it does not, or the index has no place in a tree of the path's depth
 */
export function verifyPayrollPath(campaign, index, account, cumulative, path, root) {
  const position = BigInt(index);
  const places = 1n << BigInt(path.length);
  if (position >= places) {
    throw new Refusal("position in the payroll", { expected: `less than ${places}`, found: String(index) });
  }
  const words = [
    encodeWord("bytes32", campaign),
    encodeWord("uint256", index),
    encodeWord("address", account),
    encodeWord("uint256", cumulative),
  ];
  let found = keccak256(keccak256(concat(...words)));
  path.forEach((sibling, level) => {
    const right = (position >> BigInt(level)) & 1n;
    found = keccak256(right ? concat(sibling, found) : concat(found, sibling));
  });
  if (!equal(found, root)) {
    throw new Refusal("root of the payroll", { expected: toHex(root), found: toHex(found) });
  }
}
