/**
 * The bundle: everything that proves one label or one payment, in one line of canonical JSON (RFC 8785).
 *
 * @module bundle
 */

import { Refusal, step, Unusable } from "./errors.mjs";
import { parseCanonical } from "./json.mjs";
import * as shape from "./shape.mjs";

export const FORMAT = "crowdledger-bundle@v1";
export const LABEL = "label";
export const PAYMENT = "payment";
export const MAX_BUNDLE_BYTES = 8 << 20;

/** A single changed byte can spoil one of these two, never both. */
const BEGINS = '{"domain":{"chainId":';
const HOLDS = `"format":"${FORMAT}"`;

const TOP = ["format", "kind", "domain", "logKey", "entries", "openings"];
/** The roles of every bundle of a kind, and those that come with a label's judgement. */
const ROLES = {
  [LABEL]: ["campaign", "grant", "matching", "assignment", "label"],
  [PAYMENT]: ["campaign", "run", "payout", "settlement"],
};
const JUDGED = { [LABEL]: ["review", "run", "truth"], [PAYMENT]: [] };
const OPENINGS = {
  [LABEL]: ["specification", "terms", "escrow", "item", "answer", "reason", "truth"],
  [PAYMENT]: ["specification", "terms", "escrow", "statement", "payroll", "signed_statement"],
};
/** What an opening cannot be checked without. */
const NEEDS = { terms: "escrow", escrow: "terms", payroll: "terms", signed_statement: "terms" };

/**
 * @typedef {{entry: string, proof: string}} Part  the entry in hex, a tlog-proof's text
 * @typedef {{kind: string, domain: import("./entries.mjs").Domain, logKey: string, witnesses: string[],
 *     parts: Map<string, Part>, openings: Record<string, unknown>, judged: boolean}} Bundle
 */

/**
 * Whether bytes are, or were before they were tampered with, one of our bundles.
 *
 * @param {Uint8Array} raw
 * @returns {boolean}
 */
export function looksLikeBundle(raw) {
  const text = new TextDecoder("latin1").decode(raw); // the marks are ASCII, which this leaves as it is
  return text.startsWith(BEGINS) || text.includes(HOLDS);
}

/**
 * Read a bundle; every byte has to be where the canonical form has it. Step 1.
 *
 * @param {Uint8Array} raw one line, without its newline
 * @returns {Bundle} a bundle whose form is right, and nothing else known about it
 * @throws {Unusable} no bundle, and not recognisable as one that was tampered with
 * @throws {Refusal} recognisable as a bundle, and not one
 */
export function parseBundle(raw) {
  if (!looksLikeBundle(raw)) throw new Unusable("this is no crowdledger bundle");
  return step(1, () => {
    shape.atMost("length of the bundle", MAX_BUNDLE_BYTES, raw.length);
    return read(parseCanonical(raw));
  });
}

function read(value) {
  const body = shape.members(value, TOP, "the bundle", ["witnesses"]);
  shape.same("format", FORMAT, body.format);
  const kind = shape.text(body.kind, "kind");
  if (!Object.hasOwn(ROLES, kind)) {
    throw new Refusal("kind", { expected: `${LABEL} or ${PAYMENT}`, found: kind.slice(0, 80) });
  }
  const parts = readParts(kind, body.entries);
  return {
    kind,
    domain: readDomain(body.domain),
    logKey: shape.text(body.logKey, "logKey"),
    witnesses: Object.hasOwn(body, "witnesses") ? readWitnesses(body.witnesses) : [],
    parts,
    openings: readOpenings(kind, body.openings),
    judged: parts.has("review"),
  };
}

function readDomain(value) {
  const body = shape.members(value, ["chainId", "verifyingContract"], "domain");
  return {
    chainId: shape.integer(body.chainId, "chainId"),
    verifyingContract: shape.address(body.verifyingContract, "verifyingContract"),
  };
}

function readWitnesses(value) {
  if (!Array.isArray(value) || value.length === 0) {
    const pair = { expected: "a list of verifier keys, or none", found: shape.kindOf(value) };
    throw new Refusal("witnesses", pair);
  }
  return value.map((key) => shape.text(key, "a witness"));
}

function readParts(kind, value) {
  const optional = JUDGED[kind];
  const entries = shape.members(value, ROLES[kind], "entries", optional);
  const given = optional.filter((role) => Object.hasOwn(entries, role));
  if (given.length !== 0 && given.length !== optional.length) {
    throw new Refusal("review, run and truth come together", { found: Object.keys(entries).sort().join(", ") });
  }
  return new Map(Object.keys(entries).map((role) => [role, readPart(role, entries[role])]));
}

function readPart(role, value) {
  const body = shape.members(value, ["entry", "proof"], `the entry of the ${role}`);
  return {
    entry: shape.hex(body.entry, `the entry of the ${role}`),
    proof: shape.text(body.proof, `the proof of the ${role}`),
  };
}

function readOpenings(kind, value) {
  const openings = shape.members(value, [], "openings", OPENINGS[kind]);
  for (const name of Object.keys(openings)) {
    if (openings[name] === null) {
      throw new Refusal(`the opening ${name}`, { expected: "a value", found: "null" });
    }
    if (Object.hasOwn(NEEDS, name) && !Object.hasOwn(openings, NEEDS[name])) {
      throw new Refusal(`the opening ${name} needs ${NEEDS[name]}`);
    }
  }
  return openings;
}

/**
 * The bundles of a file: one a line, the last newline optional. No other byte is taken away.
 *
 * @param {Uint8Array} raw
 * @returns {Uint8Array[]}
 * @throws {Unusable} the file is empty
 */
export function splitLines(raw) {
  const lines = [];
  let begin = 0;
  for (let end = raw.indexOf(10); end >= 0; end = raw.indexOf(10, begin)) {
    lines.push(raw.subarray(begin, end));
    begin = end + 1;
  }
  if (begin < raw.length) lines.push(raw.subarray(begin));
  if (lines.every((line) => line.length === 0) && lines.length < 2) throw new Unusable("the file is empty");
  return lines;
}
