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
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { Memory, prepare, splitLines, verifyBundle } = await import("./verifier.mjs");
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
const plain = (_, value) => (typeof value !== "bigint" ? value : value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value));

/** What went wrong with the input, on standard error. */
function complain(text) {
  process.stderr.write(`${text}\n`);
  return 2;
}

function main() {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) return process.stdout.write(HELP) && 0;
  const policy = values.policy === undefined ? undefined : readFileSync(values.policy);
  const trusted = prepare({ logKey: values["log-key"], logAddress: values["log-address"], policy });
  const memory = new Memory();
  const seen = new Set();
  for (const file of positionals.length ? positionals : ["-"]) {
    for (const line of splitLines(readFileSync(file === "-" ? 0 : file))) {
      const verdict = verifyBundle(line, { ...trusted, memory });
      seen.add(verdict.ok);
      process.stdout.write(JSON.stringify({ file, ...verdict }, plain) + "\n");
    }
  }
  return seen.has(false) ? 1 : seen.has(null) || !seen.size ? 2 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  const expected = error.name === "Unusable" || /^(ERR_PARSE_ARGS|E[A-Z]+$)/.test(error.code ?? "");
  if (!expected) throw error;
  process.exitCode = complain(error.message);
}
