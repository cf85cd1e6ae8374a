/**
 * The entries of the log: flat EIP-712 structs, byte for byte what a wallet signs.
 *
 *     entry     = typeHash ‖ one 32-byte word per field ‖ signature
 *     leaf hash = SHA-256(0x00 ‖ entry)                                       (RFC 6962, 2.1)
 *     digest    = keccak256(0x1901 ‖ domainSeparator ‖ keccak256(preimage))   (EIP-712)
 *
 * @module entries
 */

import { bigEndian, concat, fromHex, toHex, utf8 } from "./bytes.mjs";
import { Refusal } from "./errors.mjs";
import { keccak256, leafHash } from "./hashes.mjs";

export const MAX_ENTRY_BYTES = 65_535;
export const WORD = 32;
const DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const ZEROES = "0".repeat(24);

/** The types of entries: EIP-712's text of each, and whether an entry of it carries a signature. */
const TYPES = [
  ["SessionGrant(address worker,address sessionKey,bytes32 scope,uint64 validFrom,uint64 validUntil)", true],
  [
    "Campaign(bytes32 campaign,address requester,bytes32 specification,bytes32 items,uint64 itemCount," +
      "bytes32 gold,uint64 goldCount,uint64 createdAt)",
    true,
  ],
  [
    "Matching(bytes32 campaign,bytes32 inputs,bytes32 model,bytes32 prices,uint64 assignments,int256 primal," +
      "int256 dual,bytes32 seed,uint64 madeAt)",
    false,
  ],
  [
    "Assignment(bytes32 campaign,bytes32 item,address worker,bytes32 run,uint64 assignedAt,uint64 dueAt)",
    false,
  ],
  [
    "Suggestion(bytes32 campaign,bytes32 item,address worker,bytes32 model,bytes32 answer,uint64 shownAt)",
    false,
  ],
  [
    "Label(bytes32 campaign,bytes32 item,address worker,bytes32 answer,bytes32 suggestion,uint64 madeAt)",
    true,
  ],
  ["Review(bytes32 label,uint8 verdict,bytes32 reason,bytes32 reviewer,uint64 madeAt)", false],
  [
    "InferenceRun(bytes32 campaign,uint64 logSize,bytes32 method,bytes32 parameters,uint64 labels," +
      "uint32 iterations,uint32 residual)",
    false,
  ],
  ["Truth(bytes32 campaign,bytes32 item,bytes32 answer,uint32 confidence,bytes32 run)", false],
  ["Reputation(address worker,bytes32 domain,uint32 score,uint32 standardError,bytes32 run)", false],
  ["Payout(bytes32 campaign,address worker,uint256 amount,bytes32 statement,bytes32 run)", false],
  ["Settlement(bytes32 campaign,uint256 total,bool last,bytes32 run)", false],
  ["Dispute(bytes32 campaign,bytes32 subject,address disputer,bytes32 reason,uint64 madeAt)", true],
  ["Ruling(bytes32 dispute,bool upheld,address arbiter,bytes32 reason,uint64 madeAt)", true],
  [
    "Dataset(bytes32 dataset,bytes32 campaign,uint32 version,bytes32 root,bytes32 manifest,address owner," +
      "uint64 madeAt)",
    true,
  ],
  [
    "UsageGrant(bytes32 dataset,address owner,address licensee,bytes32 licence,uint64 validUntil," +
      "uint64 madeAt)",
    true,
  ],
  ["Access(bytes32 dataset,address licensee,bytes32 content,uint64 madeAt)", false],
  ["Erasure(bytes32 subject,uint64 madeAt)", false],
  ["PrivacySpend(bytes32 campaign,bytes32 mechanism,uint64 epsilon,uint64 delta,uint64 madeAt)", false],
];

/** What the operator signs besides: promises to workers, which are no entries. */
export const RECEIPT = layout("Receipt(bytes32 leaf,uint64 index,uint64 deadline)", true);
export const STATEMENT = layout(
  "Statement(bytes32 campaign,address worker,uint256 amount,uint32 epoch,bytes32 run)",
  true,
);

/** The entry types, by name. @type {ReadonlyMap<string, Layout>} */
export const ENTRY_TYPES = new Map();
const BY_HASH = new Map();
for (const kind of TYPES.map(([text, signed]) => layout(text, signed))) {
  ENTRY_TYPES.set(kind.name, kind);
  BY_HASH.set(kind.typeHash, kind);
}

/**
 * @typedef {{name: string, typeString: string, typeHash: string, signed: boolean,
 *     fields: readonly {name: string, type: string}[]}} Layout  typeHash: 32 bytes in hex
 * @typedef {Record<string, string | bigint | boolean>} Struct  bytes32 and addresses in hex
 * @typedef {{kind: string, struct: Struct, signature: Uint8Array, preimage: Uint8Array, leaf: string}} Entry
 * @typedef {{chainId: number, verifyingContract: string}} Domain
 */

/** Read EIP-712's text of a type. @param {string} typeString @param {boolean} signed @returns {Layout} */
function layout(typeString, signed) {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(typeString);
  const fields = list.split(",").map((field) => field.split(" ")).map(([type, called]) => ({ name: called, type }));
  return { name, typeString, typeHash: toHex(keccak256(utf8(typeString))), signed, fields };
}

/**
 * Read an entry; every byte is accounted for.
 *
 * @param {Uint8Array} raw
 * @returns {Entry}
 * @throws {Refusal} unknown type, truncated, a word that its type does not allow, or a signature where none
 *     belongs or none where one does
 */
export function decode(raw) {
  const kind = raw.length >= WORD ? BY_HASH.get(toHex(raw.subarray(0, WORD))) : undefined;
  if (kind === undefined) throw new Refusal("unknown entry type");
  const end = WORD * (1 + kind.fields.length);
  if (raw.length < end || raw.length > MAX_ENTRY_BYTES) {
    throw new Refusal(`a ${kind.name} entry of ${raw.length} bytes`);
  }
  const struct = {};
  kind.fields.forEach(({ name, type }, at) => {
    struct[name] = decodeWord(type, raw.subarray(WORD * (at + 1), WORD * (at + 2)));
  });
  const signature = raw.subarray(end);
  if (signature.length > 0 !== kind.signed) {
    throw new Refusal(`a ${kind.name} entry is ${kind.signed ? "signed" : "not signed"}`);
  }
  return { kind: kind.name, struct, signature, preimage: raw.subarray(0, end), leaf: toHex(leafHash(raw)) };
}

/**
 * The value of one EIP-712 word.
 *
 * @param {string} type bytes32, address, bool, uint8 to uint256, int256
 * @param {Uint8Array} word 32 bytes
 * @returns {string | bigint | boolean}
 * @throws {Refusal} bits that the type does not have are set
 */
export function decodeWord(type, word) {
  const hex = toHex(word);
  if (type === "bytes32") return hex;
  if (type === "int256") return BigInt.asIntN(256, BigInt(hex));
  if (type === "address" && hex.startsWith(ZEROES, 2)) return "0x" + hex.slice(26);
  if (type === "bool" && BigInt(hex) < 2n) return BigInt(hex) === 1n;
  const bits = type.startsWith("uint") ? BigInt(type.slice(4)) : 0n;
  if (bits > 0n && BigInt(hex) < 1n << bits) return BigInt(hex);
  throw new Refusal(`${hex.slice(2)} is not a ${type}`);
}

/**
 * One value as its 32-byte word.
 *
 * @param {string} type bytes32, address, uint8 to uint256
 * @param {unknown} value hex text, or an integer
 * @returns {Uint8Array}
 * @throws {Refusal} the value does not fit the type
 */
export function encodeWord(type, value) {
  if (type === "bytes32" && /^0x[0-9a-f]{64}$/.test(value)) return fromHex(value);
  if (type === "address" && /^0x[0-9a-f]{40}$/.test(value)) return fromHex("0x" + ZEROES + value.slice(2));
  const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
  if (type.startsWith("uint") && isInteger) {
    const number = BigInt(value);
    if (number >= 0n && number < 1n << BigInt(type.slice(4))) return bigEndian(number, WORD);
  }
  throw new Refusal(`${String(value).slice(0, 80)} is not a ${type}`);
}

/**
 * What a struct's signer hashes: typeHash ‖ encodeData. For structs that are no entries.
 *
 * @param {Layout} kind
 * @param {Record<string, unknown>} struct
 * @returns {Uint8Array}
 * @throws {Refusal} a value does not fit its type
 */
export function preimage(kind, struct) {
  return concat(fromHex(kind.typeHash), ...kind.fields.map(({ name, type }) => encodeWord(type, struct[name])));
}

/**
 * The digest that a signer signs.
 *
 * @param {Uint8Array} structPreimage
 * @param {Domain} domain
 * @returns {Uint8Array} 32 bytes
 */
export function digest(structPreimage, domain) {
  return keccak256(concat(Uint8Array.of(0x19, 0x01), separator(domain), keccak256(structPreimage)));
}

function separator({ chainId, verifyingContract }) {
  return keccak256(
    concat(
      keccak256(utf8(DOMAIN)),
      keccak256(utf8("crowdledger")),
      keccak256(utf8("1")),
      encodeWord("uint256", chainId),
      encodeWord("address", verifyingContract),
    ),
  );
}
