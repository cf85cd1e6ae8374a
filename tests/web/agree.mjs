// Answers for the tests: one JSON question a line in, one JSON answer a line out, by the verifier's modules.
//
//   {"ask": "bundle", "raw": base64, "logKey", "logAddress", "policy": base64}   → {"ok", "step", "what"}
//   {"ask": "recover", "digest": base64, "signature": base64}                    → address, or null
//   {"ask": "ed25519", "key": base64, "signature": base64, "message": base64}    → true or false
//   {"ask": "canonical", "raw": base64}                                          → true or false
//   {"ask": "key", "text": string, "kind": 1 or 4}                               → whether it is a verifier key
//   {"ask": "policy", "raw": base64, "cosigned": [vkey]}                         → whether it is satisfied, or null
//   {"ask": "entry", "raw": base64, "domain": {…}}     → {"kind", "struct", "leaf", "digest", "signer"}, or null
//   {"ask": "note", "text": string, "logKey", "witnesses"}                       → {"size", "root", "times"}, or null
//   {"ask": "proof", "text": string, "leaf": hex, "size": decimal, "root": hex}  → whether it is included
//   {"ask": "commitment", "content", "salt": hex}                                → hex
//   {"ask": "payroll", …}                                                        → whether the path leads to the root

import "../../api/web/verifier/node.mjs";
import { createInterface } from "node:readline";

const at = (name) => import(`../../api/web/verifier/${name}.mjs`);
const { Memory, verifyBundle } = await at("verifier");
const { Refusal, Unusable } = await at("errors");
const { holdsEd25519, recover } = await at("signatures");
const { parseCanonical } = await at("json");
const { parsePolicy, satisfied } = await at("policy");
const { decode, digest } = await at("entries");
const { checkCheckpoint } = await at("evidence");
const { COSIGNER, LOG, parseKey } = await at("note");
const { parseProof, verifyInclusion } = await at("proof");
const { commitment } = await at("hashes");
const { fromHex, toHex } = await at("bytes");
const { verifyPayrollPath } = await at("terms");

const memory = new Memory();
const bytes = (text) => (text === undefined ? undefined : new Uint8Array(Buffer.from(text, "base64")));

/** The result, or another one where the verifier refuses; whatever else goes wrong ends this program. */
function unless(refused, run) {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal || error instanceof Unusable) return refused;
    throw error;
  }
}

const answers = {
  bundle({ raw, logKey, logAddress, policy }) {
    const { ok, step, what } = verifyBundle(bytes(raw), { logKey, logAddress, policy: bytes(policy), memory });
    return { ok, step, what };
  },
  recover: (q) => unless(null, () => recover(bytes(q.digest), bytes(q.signature))),
  ed25519: ({ key, signature, message }) => holdsEd25519(bytes(key), bytes(signature), bytes(message)),
  canonical: ({ raw }) => unless(false, () => parseCanonical(bytes(raw)) !== undefined),
  key: ({ text, kind }) => unless(false, () => Boolean(parseKey(text, kind))),
  policy: ({ raw, cosigned }) => unless(null, () => satisfied(parsePolicy(bytes(raw)), new Set(cosigned))),
  entry: ({ raw, domain }) =>
    unless(null, () => {
      const { kind, struct, leaf, preimage, signature } = decode(bytes(raw));
      const signed = digest(preimage, domain);
      const signer = signature.length ? unless(null, () => recover(signed, signature)) : null;
      return { kind, struct, leaf, digest: toHex(signed), signer };
    }),
  note: ({ text, logKey, witnesses, policy }) =>
    unless(null, () => {
      const keys = { log: parseKey(logKey, LOG), witnesses: witnesses.map((key) => parseKey(key, COSIGNER)) };
      const asked = policy === undefined ? undefined : parsePolicy(bytes(policy));
      const { checkpoint, cosigned } = checkCheckpoint([text], keys, asked);
      const times = cosigned.map(({ time }) => time);
      return { origin: checkpoint.origin, size: checkpoint.size, root: toHex(checkpoint.root), times };
    }),
  proof: ({ text, leaf, size, root }) =>
    unless(false, () => {
      const { index, path } = parseProof(text);
      verifyInclusion(fromHex(leaf), index, BigInt(size), path, fromHex(root));
      return true;
    }),
  commitment: ({ content, salt }) => toHex(commitment(content, fromHex(salt))),
  payroll: ({ campaign, index, account, amount, path, root }) =>
    unless(false, () => {
      verifyPayrollPath(campaign, index, account, BigInt(amount), path.map(fromHex), fromHex(root));
      return true;
    }),
};

const shown = (_, value) => (typeof value === "bigint" ? String(value) : value);

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const question = JSON.parse(line);
  process.stdout.write(JSON.stringify(answers[question.ask](question), shown) + "\n");
}
