/**
 * The verifier, in browsers and in Node.js alike: one bundle in, a verdict or the first step that fails out.
 *
 * It does what `crowdledger verify` does, in the same steps (docs/formats.md, section 11), from cryptography
 * alone; but for the last step, which asks a chain.
 *
 *     import { verifyBundle } from "./verifier.mjs";
 *     const verdict = verifyBundle(bytes, { logKey, policy });
 *     if (verdict.ok) …
 *
 * @module verifier
 */

import { LABEL, parseBundle } from "./bundle.mjs";
import { toHex } from "./bytes.mjs";
import { Refusal, step, Unusable } from "./errors.mjs";
import { checkCheckpoint, checkIncluded, checkLog, decodePart, parseProof } from "./evidence.mjs";
import { LABEL_STEPS, verifyLabel } from "./label.mjs";
import { Memory } from "./memory.mjs";
import { LOG, parseKey } from "./note.mjs";
import { PAYMENT_STEPS, verifyPayment } from "./payment.mjs";
import { parsePolicy } from "./policy.mjs";

export { looksLikeBundle, splitLines } from "./bundle.mjs";
export { Memory } from "./memory.mjs";
export { parsePolicy } from "./policy.mjs";

export const COMMON_STEPS = [
  [1, "the file is one bundle in canonical form, and nothing else"],
  [2, "it is of the log and the contract that were asked for"],
  [3, "all proofs carry one checkpoint, signed by the log and its witnesses, enough for the policy"],
  [4, "every entry decodes to the type of its role, nothing left over"],
  [5, "every entry is included under the checkpoint"],
];
export const NOTES = {
  key: "the log key was taken from the bundle: pin the one that you trust",
  policy: "no policy says which witnesses have to have cosigned the checkpoint",
  chain: "not compared with a chain: `crowdledger verify --rpc` does that",
  unjudged: "the label is not judged yet: no review, run and truth in the bundle",
};

/**
 * @typedef {{logKey?: string, logAddress?: string, policy?: string | Uint8Array | import("./policy.mjs").Policy,
 *     memory?: Memory}} Options  the log's vkey, its contract's address, a policy file (or what `parsePolicy`
 *     made of it); a memory that the bundles of one run share
 * @typedef {{ok: boolean | null, step: number, what: string, expected: string, found: string, kind: string | null,
 *     facts: Record<string, unknown>, steps: [number, string][], notes: string[]}} Verdict
 *     ok: true, it holds; false, it is refused at `step`, for `what`; null, it is no bundle, or an option is
 *     unusable, and `what` says why. facts: what is proved, by name, integers as bigint. steps: those taken
 */

/**
 * Prove one bundle.
 *
 *  1. The file is one bundle: canonical JSON of the known format and kind, with the roles and openings of its
 *     kind and nothing else.
 *  2. It names the log key and the ProvenanceLog address that the caller trusts, where the caller named any, as
 *     option or in the policy; its witnesses are different keys.
 *  3. All its proofs carry one checkpoint, which the log's key signed, then the witnesses it names, and no
 *     other; and which the policy accepts.
 *  4. Every entry decodes to the type of its role, with nothing left over.
 *  5. Every entry is included under the checkpoint (RFC 9162, 2.1.3.2).
 *  6. and on: `verifyLabel` (to 13) or `verifyPayment` (to 11).
 *
 * @param {Uint8Array} raw the bundle, without a newline at its end
 * @param {Options} [options]
 * @returns {Verdict}
 */
export function verifyBundle(raw, options = {}) {
  try {
    const trusted = prepare(options);
    const bundle = parseBundle(raw);
    const known = proveLog(bundle, trusted, options.memory ?? new Memory());
    const verify = bundle.kind === LABEL ? verifyLabel : verifyPayment;
    const facts = { ...logFacts(known, trusted.policy), ...verify(known) };
    const verdict = { ok: true, step: 0, what: "", expected: "", found: "", kind: bundle.kind };
    return { ...verdict, facts, steps: stepsOf(bundle), notes: notesOn(bundle, trusted) };
  } catch (error) {
    if (error instanceof Refusal) return failed(false, error.step, error.what, error);
    if (error instanceof Unusable) return failed(null, 0, error.message);
    throw error;
  }
}

function failed(ok, number, what, { expected = "", found = "" } = {}) {
  return { ok, step: number, what, expected, found, kind: null, facts: {}, steps: [], notes: [] };
}

/**
 * Refuse options that could never match, before a single bundle is blamed for them.
 *
 * @param {Options} options
 * @returns {{logKey?: string, logAddress?: string, policy?: import("./policy.mjs").Policy}}
 * @throws {Unusable} not a log's key, not an address, not a policy
 */
export function prepare({ logKey, logAddress, policy }) {
  if (logKey !== undefined) parseKey(logKey, LOG);
  if (logAddress !== undefined && !/^0x[0-9a-f]{40}$/.test(logAddress.toLowerCase())) {
    throw new Unusable(`${logAddress.slice(0, 80)} is not an address`);
  }
  const isFile = typeof policy === "string" || policy instanceof Uint8Array;
  return { logKey, logAddress, policy: isFile ? parsePolicy(policy) : policy };
}

/** Steps 2 to 5. @returns {import("./evidence.mjs").Case} */
function proveLog(bundle, trusted, memory) {
  const keys = step(2, () => checkLog(bundle, trusted));
  const roles = [...bundle.parts];
  const { proofs, checkpoint, cosigned } = step(3, () => {
    const parse = (proof) => memory.recall(`proof ${proof}`, () => parseProof(proof));
    const read = new Map(roles.map(([role, { proof }]) => [role, parse(proof)]));
    const texts = [...read.values()].map((proof) => proof.checkpoint);
    const check = () => checkCheckpoint(texts, keys, trusted.policy);
    const same = texts.every((text) => text === texts[0]);
    const names = [trusted.policy?.id ?? "", bundle.logKey, ...bundle.witnesses];
    const key = `checkpoint ${JSON.stringify([texts[0], ...names])}`;
    return { proofs: read, ...(same ? memory.recall(key, check) : check()) };
  });
  const entries = step(4, () =>
    roles.map(([role, { entry }]) => [role, memory.recall(`${role} ${entry}`, () => decodePart(role, entry))]),
  );
  const proved = step(5, () => entries.map(([role, entry]) => [role, include(role, entry)]));
  return { bundle, memory, checkpoint, cosigned, proved: new Map(proved) };

  function include(role, entry) {
    const part = bundle.parts.get(role);
    const proof = proofs.get(role);
    const key = `included ${part.entry} ${part.proof}`;
    memory.recall(key, () => checkIncluded(entry, proof, checkpoint) ?? true);
    return { ...entry, hex: part.entry, index: proof.index };
  }
}

function stepsOf(bundle) {
  const own = bundle.kind === LABEL ? LABEL_STEPS : PAYMENT_STEPS;
  return [...COMMON_STEPS, ...(bundle.kind === LABEL && !bundle.judged ? own.slice(0, -2) : own)];
}

function notesOn(bundle, { logKey, policy }) {
  return [
    ...(logKey !== undefined || policy?.logs.length ? [] : [NOTES.key]),
    ...(policy ? [] : [NOTES.policy]),
    NOTES.chain,
    ...(bundle.kind === LABEL && !bundle.judged ? [NOTES.unjudged] : []),
  ];
}

/** What is known of the log. A witness is `trusted` where the policy names it. */
function logFacts({ bundle, checkpoint, cosigned }, policy) {
  const trusted = new Set(policy?.witnesses.map(({ key }) => key.vkey));
  return {
    chain_id: bundle.domain.chainId,
    log: bundle.domain.verifyingContract,
    log_key: bundle.logKey,
    log_size: checkpoint.size,
    log_root: toHex(checkpoint.root),
    witnesses: cosigned.map(({ key, time }) => ({ key: key.vkey, time, trusted: trusted.has(key.vkey) })),
  };
}
