/**
 * What every bundle needs proved, whatever it is about: log, checkpoint, entries, campaign.
 *
 * @module evidence
 */

import { fromHex, toHex } from "./bytes.mjs";
import { readRules } from "./contents.mjs";
import { decode, digest } from "./entries.mjs";
import { Refusal } from "./errors.mjs";
import { commitment, documentDigest } from "./hashes.mjs";
import { isObject } from "./json.mjs";
import { COSIGNER, cosignedAt, isSigned, LOG, parseBody, parseKey, parseNote } from "./note.mjs";
import { checkPolicy } from "./policy.mjs";
import { parseProof, verifyInclusion } from "./proof.mjs";
import * as shape from "./shape.mjs";
import { recover } from "./signatures.mjs";
import { campaignId, readTerms } from "./terms.mjs";

const ROLE_TYPES = {
  campaign: "Campaign",
  grant: "SessionGrant",
  matching: "Matching",
  assignment: "Assignment",
  label: "Label",
  review: "Review",
  run: "InferenceRun",
  truth: "Truth",
  payout: "Payout",
  settlement: "Settlement",
};

/**
 * @typedef {import("./note.mjs").Key} Key
 * @typedef {{log: Key, witnesses: Key[]}} Keys  whose signatures stand on the checkpoint, line by line
 * @typedef {import("./entries.mjs").Entry & {index: bigint, hex: string}} Proved  an entry that is in the log
 * @typedef {{bundle: import("./bundle.mjs").Bundle, memory: import("./memory.mjs").Memory,
 *     checkpoint: import("./note.mjs").Checkpoint, cosigned: {key: Key, time: bigint}[],
 *     proved: Map<string, Proved>}} Case  one bundle under verification
 */

/** The struct of a role. @param {Case} known @param {string} role */
export const structOf = (known, role) => known.proved.get(role).struct;

/** An opening of the bundle, or undefined where there is none. @param {Case} known @param {string} name */
export function opening(known, name) {
  return Object.hasOwn(known.bundle.openings, name) ? known.bundle.openings[name] : undefined;
}

/**
 * The bundle speaks of a log that the caller trusts, where the caller named any; its keys are keys. Step 2.
 *
 * @param {import("./bundle.mjs").Bundle} bundle
 * @param {{logKey?: string, logAddress?: string, policy?: import("./policy.mjs").Policy}} trusted
 * @returns {Keys}
 * @throws {Refusal} it names another key or another contract, or a witness twice
 * @throws {import("./errors.mjs").Unusable} a key of it is no verifier key
 */
export function checkLog(bundle, { logKey, logAddress, policy }) {
  if (logKey !== undefined) shape.same("log key", logKey, bundle.logKey);
  if (logAddress !== undefined) {
    const found = bundle.domain.verifyingContract;
    shape.same("address of the log's contract", logAddress.toLowerCase(), found);
  }
  const log = parseKey(bundle.logKey, LOG);
  const witnesses = bundle.witnesses.map((key) => parseKey(key, COSIGNER));
  const different = new Set(witnesses.map((key) => toHex(key.public)));
  shape.same("different keys of witnesses", witnesses.length, different.size);
  const known = policy?.logs.map((key) => key.vkey) ?? [];
  if (known.length && !known.includes(log.vkey)) {
    const expected = known.join(", ").slice(0, 300);
    throw new Refusal("log key among the policy's logs", { expected, found: log.vkey });
  }
  return { log, witnesses };
}

/**
 * All proofs carry one checkpoint; the log's signature stands on it, then those of the witnesses, and no other;
 * and the policy, where there is one, is content with them. Step 3.
 *
 * @param {string[]} texts the checkpoint of each proof
 * @param {Keys} keys
 * @param {import("./policy.mjs").Policy | undefined} policy
 * @returns {{checkpoint: import("./note.mjs").Checkpoint, cosigned: {key: Key, time: bigint}[]}}
 * @throws {Refusal} they differ, the signatures are others, or they are too few for the policy
 */
export function checkCheckpoint(texts, keys, policy) {
  const different = new Set(texts);
  shape.same("checkpoints in one bundle", 1, different.size);
  const note = parseNote(texts[0]);
  const checkpoint = openExactly(note, keys);
  const cosigned = keys.witnesses.map((key) => ({ key, time: cosignature(note, key) }));
  if (policy) checkPolicy(note, policy, keys.log);
  return { checkpoint, cosigned };
}

/** The note has the log's line, then one of each witness, in their order, and nothing else. */
function openExactly(note, { log, witnesses }) {
  const keys = [log, ...witnesses];
  shape.same("signatures on the checkpoint", keys.length, note.signatures.length);
  if (!isSigned(note, log)) throw new Refusal("checkpoint is not signed by the log", { expected: log.vkey });
  const checkpoint = parseBody(note.text);
  shape.same("origin of the checkpoint", log.name, checkpoint.origin);
  const names = (lines) => lines.map(({ name, keyId }) => `${name}+${keyId}`).join(", ");
  shape.same("order of the signatures on the checkpoint", names(keys), names(note.signatures));
  return checkpoint;
}

/** The time of a witness's line; should two lines have its name and id, both have to hold. */
function cosignature(note, key) {
  const mine = note.signatures.filter((line) => line.name === key.name && line.keyId === key.keyId);
  return mine.map((line) => cosignedAt(note.text, line, key)).reduce((a, b) => (a > b ? a : b));
}

/**
 * The entry of a role, which has to be of the role's type. Step 4.
 *
 * @param {string} role
 * @param {string} hex
 * @returns {import("./entries.mjs").Entry}
 * @throws {Refusal} no entry, or of another type
 */
export function decodePart(role, hex) {
  const entry = decode(fromHex(hex));
  shape.same(`type of the ${role}`, ROLE_TYPES[role], entry.kind);
  return entry;
}

/**
 * The entry is in the log, where its proof says (RFC 9162, 2.1.3.2). Step 5.
 *
 * @throws {Refusal} it is not
 */
export function checkIncluded(entry, { index, path }, { size, root }) {
  verifyInclusion(fromHex(entry.leaf), index, size, path, root);
}

/**
 * The entries of these roles stand in the log in this order.
 *
 * @param {Case} known
 * @param {...string} roles
 * @throws {Refusal} two of them do not
 */
export function checkOrder(known, ...roles) {
  const indices = roles.map((role) => known.proved.get(role).index);
  for (let at = 1; at < roles.length; at += 1) {
    if (indices[at - 1] >= indices[at]) {
      const pair = { expected: `before ${indices[at]}`, found: String(indices[at - 1]) };
      throw new Refusal(`the ${roles[at - 1]} stands before the ${roles[at]}`, pair);
    }
  }
}

/**
 * The entry of a role is signed by this address.
 *
 * @param {Case} known
 * @param {string} role
 * @param {string} expected
 * @throws {Refusal} by another one; by none; or not by a key (contract wallets cannot be checked offline)
 */
export function checkSigned(known, role, expected) {
  const { domain } = known.bundle;
  const { hex, preimage, signature } = known.proved.get(role);
  const key = `signer ${domain.chainId} ${domain.verifyingContract} ${hex}`;
  const signer = known.memory.recall(key, () => recover(digest(preimage, domain), signature));
  shape.same(`signer of the ${role}`, expected, signer);
}

/**
 * The campaign is the requester's; its specification and terms, where given, are those it commits to. Step 7.
 *
 * @param {Case} known
 * @throws {Refusal} they are not
 */
export function checkCampaign(known) {
  const campaign = structOf(known, "campaign");
  checkSigned(known, "campaign", campaign.requester);
  const specification = opening(known, "specification");
  if (specification !== undefined) {
    shape.same("specification", campaign.specification, toHex(documentDigest(specification)));
  }
  const terms = opening(known, "terms") === undefined ? null : checkTerms(known, campaign);
  if (specification !== undefined) {
    checkRoots(campaign, choosePart(campaign, readRules(specification).parts, terms));
  }
}

/** The escrow's terms hash to the campaign's id, and name its requester and specification. */
function checkTerms(known, campaign) {
  const { json, encoded } = readTerms(opening(known, "terms"));
  const escrow = shape.address(opening(known, "escrow"), "escrow");
  const id = campaignId(encoded, known.bundle.domain.chainId, escrow);
  shape.same("campaign of the terms", campaign.campaign, id);
  shape.same("requester in the terms", campaign.requester, json.requester);
  shape.same("brief in the terms", campaign.specification, json.brief);
  return json;
}

/** The part that the terms name; without them, the one that has the campaign's items. */
function choosePart(campaign, parts, terms) {
  if (terms !== null) {
    if (terms.part >= parts.length) {
      throw new Refusal("part in the terms", { expected: `one of ${parts.length}`, found: String(terms.part) });
    }
    return parts[terms.part];
  }
  if (parts.length === 1) return parts[0];
  const having = parts.filter((part) => part.items.root === campaign.items);
  shape.same("parts of the specification with the campaign's items", 1, having.length);
  return having[0];
}

function checkRoots(campaign, part) {
  for (const [name, count, root, found] of [
    ["items", campaign.itemCount, campaign.items, part.items],
    ["gold answers", campaign.goldCount, campaign.gold, part.gold],
  ]) {
    shape.same(`number of ${name} in the specification`, count, BigInt(found.count));
    shape.same(`root of the ${name} in the specification`, root, found.root);
  }
}

/**
 * The content of an opening, if it is given and is what was committed to; null if it is not given.
 *
 * @param {Case} known
 * @param {string} name
 * @param {string} committed 32 bytes in hex
 * @returns {Record<string, unknown> | null}
 * @throws {Refusal} it is something else
 */
export function checkCommitment(known, name, committed) {
  const given = opening(known, name);
  if (given === undefined) return null;
  const { content, salt } = shape.members(given, ["content", "salt"], `the opening ${name}`);
  const bytes = shape.hexBytes(salt, `salt of the ${name}`, 32);
  if (!isObject(content)) {
    throw new Refusal(`content of the ${name}`, { expected: "an object", found: shape.kindOf(content) });
  }
  shape.same(`commitment of the ${name}`, committed, toHex(commitment(content, bytes)));
  return content;
}

/** Read a proof. @see parseProof */
export { parseProof };
