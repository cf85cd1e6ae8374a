// The journal of the local chain: one JSON object a line; a line that was acknowledged is on the disk.
//
//   {"journal":"crowdledger-chain@v1","chainId":31337,"genesis":1700000000,"hardhat":"3.18.0"}
//   {"method":"eth_sendRawTransaction","params":["0x…"],"time":1700000042,"block":"0x…"}
//
// `time` is the timestamp that the next block was given, `block` the hash of the latest block afterwards.
// A crash may leave half of a last line: it was never acknowledged, and is cut off when the journal is opened.
import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export class JournalError extends Error {}

export class Journal {
  #descriptor;

  /** Opens or creates the journal at `path`; `header` is written if it is new. Entries are in `entries`. */
  constructor(path, header) {
    this.#descriptor = openSync(path, "a+");
    const bytes = readFileSync(path);
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end !== bytes.length) ftruncateSync(this.#descriptor, end);
    const lines = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
    const [first, ...rest] = lines.map((line, i) => parse(line, i + 1, path));
    this.header = first ?? header;
    this.entries = rest;
    if (this.header.journal !== header.journal || this.header.chainId !== header.chainId) {
      throw new JournalError(`${path} is not a journal of chain ${header.chainId} that this version can read`);
    }
    if (first === undefined) {
      this.append(header);
      syncFolder(dirname(path));
    }
  }

  /** Returns once `record` is on the disk. */
  append(record) {
    const line = Buffer.from(JSON.stringify(record) + "\n");
    for (let written = 0; written < line.length; ) {
      written += writeSync(this.#descriptor, line, written);
    }
    fdatasyncSync(this.#descriptor);
  }

  close() {
    closeSync(this.#descriptor);
  }
}

function parse(line, number, path) {
  try {
    return JSON.parse(line);
  } catch {
    throw new JournalError(`line ${number} of ${path} is damaged; put the file back from a copy, or remove it to start a new chain`);
  }
}

function syncFolder(path) {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
