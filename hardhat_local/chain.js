#!/usr/bin/env node
// The local chain: JSON-RPC on 127.0.0.1 over a Hardhat chain that survives restarts and crashes.
//
//   node chain.js --port 8545 --state FOLDER [--until-stdin-closes]
//
// Prints one line of JSON when it is ready, {"rpc":"http://127.0.0.1:8545","chainId":31337}; ends on SIGTERM or SIGINT,
// and with --until-stdin-closes also when whoever holds the other end of its standard input is gone.
import { mkdirSync, readFileSync, unlinkSync } from "node:fs";
import { connect, createServer as createSocketServer } from "node:net";
import { parseArgs } from "node:util";
import { Journal, JournalError } from "./journal.js";
import { Chain, CHAIN_ID } from "./replayed.js";
import { serve } from "./rpc.js";

class UsageError extends Error {}

function readArguments() {
  const { values } = parseArgs({
    options: { port: { type: "string" }, state: { type: "string" }, "until-stdin-closes": { type: "boolean" } },
  });
  const port = Number(values.port);
  if (!values.state || !values.port || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UsageError("usage: node chain.js --port PORT --state FOLDER [--until-stdin-closes] (port 0 takes a free one)");
  }
  return { port, state: values.state, untilStdinCloses: values["until-stdin-closes"] === true };
}

/** Only one process may have a state folder: whoever listens on its socket, which a crash cannot keep occupied. */
async function lock(state) {
  const name = "chain.socket"; // relative, because socket paths are short and folders may be deep
  if (await new Promise((done) => connect(name).once("connect", () => done(true)).once("error", () => done(false)))) {
    throw new UsageError(`another process already runs the chain in ${state}`);
  }
  try {
    unlinkSync(name);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  const server = createSocketServer((socket) => socket.destroy());
  await new Promise((done, fail) => server.once("error", fail).listen(name, done));
  return server;
}

function header() {
  const { version } = JSON.parse(readFileSync(new URL("node_modules/hardhat/package.json", import.meta.url)));
  return { journal: "crowdledger-chain@v1", chainId: CHAIN_ID, genesis: Math.floor(Date.now() / 1000), hardhat: version };
}

async function main() {
  const { port, state, untilStdinCloses } = readArguments();
  mkdirSync(state, { recursive: true });
  process.chdir(state);
  const held = await lock(state);
  const journal = new Journal("journal.jsonl", header());
  const chain = await Chain.open(journal);
  const server = await serve(chain, port);
  const stop = async () => {
    server.close();
    server.closeIdleConnections();
    await chain.idle();
    journal.close();
    held.close();
    process.exit(0);
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  if (untilStdinCloses) process.stdin.once("end", stop).once("error", stop).resume();
  console.log(JSON.stringify({ rpc: `http://127.0.0.1:${server.address().port}`, chainId: CHAIN_ID }));
}

process.env.HARDHAT_DISABLE_TELEMETRY_PROMPT = "true";
main().catch((error) => {
  const expected = error instanceof UsageError || error instanceof JournalError || typeof error.code === "string";
  console.error(`chain.js: ${expected ? error.message : error.stack}`);
  process.exit(1);
});
