/**
 * secp256k1 signatures of wallets (EIP-2098, low s) and Ed25519 signatures of logs and witnesses (RFC 8032).
 *
 * @module signatures
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { bigEndian, concat, equal, toHex, toInteger } from "./bytes.mjs";
import { Refusal } from "./errors.mjs";
import { keccak256 } from "./hashes.mjs";

export const SIGNATURE_BYTES = 64;
const { Point: Edwards } = ed25519;
const { Point: Secp } = secp256k1;
const HALF_ORDER = Secp.Fn.ORDER >> 1n;
const PARITY = 1n << 255n;

/**
 * The address that signed a digest with an EIP-2098 signature: r, then s with the parity of y in its top bit.
 *
 * The key is r⁻¹ (s R − z G), with R the point whose x is r (SEC 1, 4.1.6); x = r + n is never tried, since
 * the 64 bytes cannot say so.
 *
 * @param {Uint8Array} digest 32 bytes
 * @param {Uint8Array} signature
 * @returns {string} the address, lower-case hex after 0x
 * @throws {Refusal} not 64 bytes, s in the upper half of the order, or no such key
 */
export function recover(digest, signature) {
  if (signature.length !== SIGNATURE_BYTES) {
    throw new Refusal(`a signature has ${SIGNATURE_BYTES} bytes, this one has ${signature.length}`);
  }
  const r = signature.subarray(0, 32);
  const last = toInteger(signature.subarray(32));
  const s = last & (PARITY - 1n);
  if (s > HALF_ORDER) throw new Refusal("the signature's s is in the upper half of the order");
  const parity = Uint8Array.of(Number(last >> 255n));
  let key;
  try {
    const given = secp256k1.Signature.fromBytes(concat(parity, r, bigEndian(s, 32)), "recovered");
    key = given.recoverPublicKey(digest);
  } catch {
    throw new Refusal("the signature recovers to no key");
  }
  return toHex(keccak256(key.toBytes(false).subarray(1)).subarray(12));
}

/**
 * Whether this is the key's Ed25519 signature of the message.
 *
 * RFC 8032, 5.1.7, without the cofactor: S < L, and [S]B − [k]A encodes to R byte for byte. The key is taken
 * as it is: of small order, or with y not reduced, it is not refused. The library's own `verify` multiplies by
 * the cofactor, and so takes signatures that others refuse.
 *
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 * @returns {boolean}
 */
export function holdsEd25519(key, signature, message) {
  if (key.length !== 32 || signature.length !== SIGNATURE_BYTES) return false;
  const r = signature.subarray(0, 32);
  const s = bytesToNumberLE(signature.subarray(32));
  if (s >= Edwards.Fn.ORDER) return false;
  let a;
  try {
    a = Edwards.fromBytes(key, true); // true: y need not be reduced
  } catch {
    return false; // no point of the curve
  }
  const k = Edwards.Fn.create(bytesToNumberLE(sha512(concat(r, key, message))));
  const found = Edwards.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return equal(found.toBytes(), r);
}
