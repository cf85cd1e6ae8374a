#!/usr/bin/env node
/**
 * `crowdledger verify` without Python and without a chain: bundles in, one JSON verdict a line out.
 *
 *     node cli.mjs [--log-key VKEY] [--log-address 0x…] [--policy FILE] [FILE…]
 *
 * Files hold one bundle a line; without files, or as `-`, standard input does. The exit status is 0 when every
 * bundle holds, 1 when one is refused, 2 when none is refused but some input could not be used.
 *
 * @module cli
 */

import "./node.mjs";
import { createReadStream, readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { Memory, prepare, verifyBundle } = await import("./verifier.mjs");
const options = {
  "log-key": { type: "string" },
  "log-address": { type: "string" },
  policy: { type: "string" },
  help: { type: "boolean" },
};
const HELP = `usage: node cli.mjs [--log-key VKEY] [--log-address 0x...] [--policy FILE] [FILE...]

Verifies bundles (one a line; standard input where no file is named) and prints one JSON verdict a line.
Exit status: 0 all hold, 1 one is refused, 2 none is refused but some input could not be used.
`;

/** Integers beyond 2^53 - 1 as decimal strings, others as numbers. */
function plain(_, value) {
  if (typeof value !== "bigint") return value;
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}

/** The lines of a stream as bytes, as they come, without their newlines. */
async function* linesOf(stream) {
  let parts = [];
  for await (const chunk of stream) {
    let begin = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      yield Buffer.concat([...parts, chunk.subarray(begin, end)]);
      parts = [];
      begin = end + 1;
    }
    if (begin < chunk.length) parts.push(chunk.subarray(begin));
  }
  if (parts.length) yield Buffer.concat(parts);
}

/** Something could not be used at all: a sentence on standard error. */
function complain(file, error) {
  if (error.name !== "Unusable" && error.code === undefined) throw error;
  process.stderr.write(`${file}${file && ": "}${error.message}\n`);
}

/** Verify every line of a file. @returns {Promise<Set<boolean | null>>} what came out */
async function verifyFile(file, trusted) {
  const seen = new Set();
  try {
    for await (const line of linesOf(file === "-" ? process.stdin : createReadStream(file))) {
      const verdict = verifyBundle(line, trusted);
      seen.add(verdict.ok);
      process.stdout.write(JSON.stringify({ file, ...verdict }, plain) + "\n");
    }
    if (!seen.size) process.stderr.write(`${file}: the file is empty\n`);
  } catch (error) {
    complain(file, error);
    seen.add(null);
  }
  return seen.size ? seen : seen.add(null);
}

/** @returns {Promise<number>} the exit status */
async function main() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const policy = values.policy === undefined ? undefined : readFileSync(values.policy);
  const pinned = prepare({ logKey: values["log-key"], logAddress: values["log-address"], policy });
  const trusted = { ...pinned, memory: new Memory() };
  const seen = new Set();
  for (const file of positionals.length ? positionals : ["-"]) {
    for (const ok of await verifyFile(file, trusted)) seen.add(ok);
  }
  return seen.has(false) ? 1 : seen.has(null) ? 2 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  complain("", error);
  process.exitCode = 2;
}
