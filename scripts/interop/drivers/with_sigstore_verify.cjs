// @sigstore/verify (npm), whose verifier of log entries is driven as its own bundles do.
//
// Public: `toTrustMaterial`. Private: `verifyTLogInclusion` of dist/tlog, the step of `Verifier` that proves an entry's
// inclusion and its checkpoint; the steps around it are about certificates.
//
// Standard input: a JSON list of cases (scripts/interop/cases.py); standard output: {name: null or why refused}.
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const packages = path.join(__dirname, "..", "npm", "node_modules");
const load = createRequire(path.join(packages, "index.js"));
const { toTrustMaterial } = load("@sigstore/verify");
const { TrustedRoot } = load("@sigstore/protobuf-specs");
const { verifyTLogInclusion } = require(path.join(packages, "@sigstore/verify/dist/tlog/index.js"));

// RFC 8410: the header of an Ed25519 public key in DER.
const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex");

// A trust root that names our log, as Rekor v2's root names its own: the key, and the whole hash of its C2SP key id.
function trustMaterial(found) {
  const [name, , ...rest] = found.log_key.split("+");
  const key = Buffer.from(rest.join("+"), "base64").subarray(1);
  const log = {
    baseUrl: `https://${name}`,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: Buffer.concat([SPKI_ED25519, key]).toString("base64"),
      keyDetails: "PKIX_ED25519",
      validFor: { start: "2020-01-01T00:00:00Z" },
    },
    logId: { keyId: found.log_id },
  };
  return toTrustMaterial(TrustedRoot.fromJSON({ tlogs: [log] }));
}

function check(found) {
  const entry = {
    logIndex: String(found.index),
    logId: { keyId: Buffer.from(found.log_id, "base64") },
    kindVersion: { kind: "hashedrekord", version: "0.0.2" },
    integratedTime: "0",
    inclusionPromise: undefined,
    inclusionProof: {
      logIndex: String(found.index),
      rootHash: Buffer.from(found.root, "base64"),
      treeSize: String(found.size),
      hashes: found.hashes.map((value) => Buffer.from(value, "base64")),
      checkpoint: { envelope: found.checkpoint },
    },
    canonicalizedBody: Buffer.from(found.entry, "base64"),
  };
  verifyTLogInclusion(entry, trustMaterial(found).tlogs);
}

function answer(found) {
  try {
    check(found);
    return null;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

const cases = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(Object.fromEntries(cases.map((found) => [found.name, answer(found)]))));
