/**
 * Which checkpoints to trust: a policy (C2SP tlog-policy) of logs, witnesses, groups and a quorum.
 *
 *     log <vkey> [<url>]
 *     witness <name> <vkey> [<url>]
 *     group <name> all|any|<k> <name>...
 *     quorum <name>|none
 *
 * @module policy
 */

import { fromUtf8, toHex, utf8 } from "./bytes.mjs";
import { Refusal, Unusable } from "./errors.mjs";
import { COSIGNER, cosignedAt, isSigned, LOG, parseBody, parseKey } from "./note.mjs";

const NONE = "none";
const MAX_POLICY_BYTES = 1 << 20;
const BAD_OCTET = /[^\x09\x20-\x7e\x80-\xff]/;

/**
 * @typedef {import("./note.mjs").Key} Key
 * @typedef {{name: string, threshold: number, members: string[]}} Group
 * @typedef {{logs: Key[], witnesses: {name: string, key: Key}[], groups: Group[], quorum: string, id: string}} Policy
 *     names are octets, one character each; `id` is the file's text
 */

/**
 * Read a policy file.
 *
 * @param {string | Uint8Array} raw
 * @returns {Policy}
 * @throws {Unusable} not a policy; the line is named
 */
export function parsePolicy(raw) {
  const bytes = typeof raw === "string" ? utf8(raw) : raw;
  if (bytes.length > MAX_POLICY_BYTES) throw new Unusable(`a policy has at most ${MAX_POLICY_BYTES} bytes`);
  const reader = new Reader();
  const lines = octets(bytes).split("\n");
  lines.forEach((line, at) => {
    try {
      if (at === lines.length - 1 && line) throw new Unusable("the last line does not end in a newline");
      reader.line(line);
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      throw new Unusable(`line ${at + 1} of the policy: ${error.message}`);
    }
  });
  if (reader.quorum === null) {
    throw new Unusable("the policy has no quorum line; `quorum none` asks for no cosignature");
  }
  const { logs, witnesses, groups, quorum } = reader;
  return { logs, witnesses, groups, quorum, id: octets(bytes) };
}

/** One character for each byte: names are octets, whatever they may mean. @param {Uint8Array} bytes */
function octets(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** What the lines so far have defined. */
class Reader {
  logs = [];
  witnesses = [];
  groups = [];
  quorum = null;
  #names = new Set([NONE]);
  #grouped = new Set();
  #publicKeys = { log: new Set(), witness: new Set() };

  /** Take in one line, without its newline. @param {string} line */
  line(line) {
    const bad = BAD_OCTET.exec(line);
    if (bad) throw new Unusable(`the octet 0x${bad[0].charCodeAt(0).toString(16).padStart(2, "0")} is not allowed`);
    const [keyword, ...items] = line.split(/[ \t]+/).filter(Boolean);
    if (keyword === undefined || keyword.startsWith("#")) return;
    if (keyword === "log") this.#log(items);
    else if (keyword === "witness") this.#witness(items);
    else if (keyword === "group") this.#group(items);
    else if (keyword === "quorum") this.#quorum(items);
    else throw new Unusable(`${words(keyword)} is none of log, witness, group and quorum`);
  }

  #log(items) {
    if (items.length < 1 || items.length > 2) throw new Unusable("a log is `log <vkey> [<url>]`");
    this.logs.push(this.#key("log", items[0], LOG));
  }

  #witness(items) {
    if (items.length < 2 || items.length > 3) throw new Unusable("a witness is `witness <name> <vkey> [<url>]`");
    const key = this.#key("witness", items[1], COSIGNER);
    this.#define(items[0]);
    this.witnesses.push({ name: items[0], key });
  }

  #group(items) {
    const [name, count, ...members] = items;
    if (members.length === 0) throw new Unusable("a group is `group <name> all|any|<k> <name>...`");
    for (const member of members) {
      if (!this.#names.has(member) || member === NONE) {
        throw new Unusable(`no line before defines the member ${words(member)}`);
      }
      if (this.#grouped.has(member)) {
        throw new Unusable(`${words(member)} is a member already, here or of another group`);
      }
      this.#grouped.add(member);
    }
    this.#define(name);
    this.groups.push({ name, threshold: threshold(count, members.length), members });
  }

  #quorum(items) {
    if (items.length !== 1) throw new Unusable("the quorum is `quorum <name>` or `quorum none`");
    if (this.quorum !== null) throw new Unusable("a second quorum line");
    if (!this.#names.has(items[0])) throw new Unusable(`no line before defines ${words(items[0])}`);
    this.quorum = items[0];
  }

  /** A key; two lines with one public key are one twice, whatever the names are. */
  #key(what, item, kind) {
    const text = fromUtf8(Uint8Array.from(item, (sign) => sign.charCodeAt(0)));
    if (text === null) throw new Unusable("a verifier key's name is UTF-8");
    const key = parseKey(text, kind);
    const known = this.#publicKeys[what];
    if (known.has(toHex(key.public))) throw new Unusable(`another ${what} line has this public key`);
    known.add(toHex(key.public));
    return key;
  }

  #define(name) {
    if (this.#names.has(name)) throw new Unusable(`the name ${words(name)} is taken`);
    this.#names.add(name);
  }
}

/** How many of a group's members are asked for. */
function threshold(count, members) {
  if (count === "all") return members;
  if (count === "any") return 1;
  if (!/^[1-9][0-9]{0,8}$/.test(count) || Number(count) > members) {
    throw new Unusable(`${words(count)} is none of all, any and a number from 1 to ${members}`);
  }
  return Number(count);
}

/** A name for people. */
function words(name) {
  const text = fromUtf8(Uint8Array.from(name, (sign) => sign.charCodeAt(0)));
  return `\`${(text ?? name).slice(0, 80)}\``;
}

/**
 * Whether the quorum is reached when these keys have cosigned.
 *
 * @param {Policy} policy
 * @param {ReadonlySet<string>} cosigned vkeys
 * @returns {boolean}
 */
export function satisfied(policy, cosigned) {
  const reached = new Map([[NONE, true]]);
  for (const { name, key } of policy.witnesses) reached.set(name, cosigned.has(key.vkey));
  for (const { name, threshold: least, members } of policy.groups) {
    reached.set(name, members.filter((member) => reached.get(member)).length >= least);
  }
  return reached.get(policy.quorum);
}

/**
 * Check a signed checkpoint against a policy: signed by one of its logs, cosigned by its quorum.
 *
 * Every line of a key that the policy knows is verified; lines of other keys are ignored. A policy that lists
 * no log takes the one that is given; one that lists some has to have it among them.
 *
 * @param {{text: string, signatures: import("./note.mjs").Signature[]}} note
 * @param {Policy} policy
 * @param {Key} log the log that it has to be
 * @throws {Refusal} a known key's line does not hold, it is signed by no such log, or by too few witnesses
 */
export function checkPolicy(note, policy, log) {
  const logs = policy.logs.length ? policy.logs : [log];
  const signers = logs.filter((key) => isSigned(note, key));
  const { origin } = parseBody(note.text);
  if (!signers.some((key) => key.name === origin && key.vkey === log.vkey)) {
    const pair = { expected: log.vkey, found: origin };
    throw new Refusal("the checkpoint is signed by no log of the policy", pair);
  }
  const cosigned = policy.witnesses.map(({ key }) => key).filter((key) => isCosigned(note, key));
  if (!satisfied(policy, new Set(cosigned.map((key) => key.vkey)))) {
    const found = cosigned.map((key) => key.name).sort().join(", ") || "none of its witnesses'";
    const expected = `the quorum ${words(policy.quorum)}`;
    throw new Refusal("cosignatures that the policy asks for", { expected, found });
  }
}

/** Whether a witness's lines stand on the note; all that do have to hold. */
function isCosigned(note, key) {
  const mine = note.signatures.filter((line) => line.name === key.name && line.keyId === key.keyId);
  mine.forEach((line) => cosignedAt(note.text, line, key));
  return mine.length > 0;
}
