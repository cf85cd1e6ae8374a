// A Hardhat chain whose every change is in a journal, so that it comes back the same after any end.
//
// Requests are answered one at a time. One that changes the chain is first executed in memory, then journalled, then
// answered: nobody has seen a block that a crash can take back. Blocks come back with the same hashes because all
// that goes into them is in the journal: the requests, their order and the time of each block.
import { createHardhatRuntimeEnvironment } from "hardhat/hre";
import { JournalError } from "./journal.js";

export const CHAIN_ID = 31337;

/** Requests that may mine blocks, and requests that change state or pool without a block. */
const CHANGES = new Set([
  "eth_sendRawTransaction", "eth_sendTransaction", "evm_mine", "hardhat_mine",
  "evm_revert", "evm_setAutomine", "evm_setBlockGasLimit", "evm_snapshot",
  "hardhat_dropTransaction", "hardhat_impersonateAccount", "hardhat_setBalance", "hardhat_setCode",
  "hardhat_setCoinbase", "hardhat_setMinGasPrice", "hardhat_setNextBlockBaseFeePerGas", "hardhat_setNonce",
  "hardhat_setPrevRandao", "hardhat_setStorageAt", "hardhat_stopImpersonatingAccount",
]);
/** The clock is kept here, so that it survives a restart. */
const CLOCK = new Set(["evm_increaseTime", "evm_setNextBlockTimestamp"]);
const READS = /^(eth|net|web3|debug)_|^hardhat_(getAutomine|metadata)$/;
const NOT_SUPPORTED = /^eth_(subscribe|unsubscribe)$/;

export class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export class Chain {
  #provider;
  #journal;
  #latest;
  #offset = 0; // seconds that the chain's clock is ahead of the computer's
  #next; // timestamp asked for the next block
  #queue = Promise.resolve();

  /** Starts a chain from its journal. Throws JournalError when a replayed block differs from the journalled one. */
  static async open(journal) {
    const chain = new Chain();
    chain.#journal = journal;
    const config = { networks: { local: network(journal.header) } };
    const runtime = await createHardhatRuntimeEnvironment(config, {}, import.meta.dirname);
    chain.#provider = (await runtime.network.create("local")).provider;
    await chain.#readLatest();
    for (const [i, entry] of journal.entries.entries()) await chain.#replay(entry, i + 1);
    return chain;
  }

  /** Answers one request; throws RpcError. */
  request(method, params) {
    const answer = this.#queue.then(() => this.#answer(method, params));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** Resolves when the requests that were accepted so far have been answered. */
  idle() {
    return this.#queue;
  }

  async #answer(method, params) {
    if (CLOCK.has(method)) return this.#setClock(method, params);
    const time = this.#time(method, params);
    await this.#forward("evm_setNextBlockTimestamp", [time]); // also what `pending` and gas estimates see
    if (!CHANGES.has(method)) {
      if (!READS.test(method) || NOT_SUPPORTED.test(method)) {
        throw new RpcError(-32601, `the local chain does not support ${method}`);
      }
      return this.#forward(method, params);
    }
    const result = await this.#change(method, params, time);
    this.#record({ method, params, time, block: this.#latest.hash });
    return result;
  }

  async #change(method, params, time) {
    // The time is given already; a second one (evm_mine's parameter) would count as a change of it.
    const result = await this.#forward(method, method === "evm_mine" ? [] : params);
    const before = this.#latest.hash;
    await this.#readLatest();
    if (this.#latest.hash !== before && this.#latest.timestamp >= time) this.#next = undefined;
    return result;
  }

  /** A failed append means the memory is ahead of the disk, so the process must not answer anything any more. */
  #record(entry) {
    try {
      this.#journal.append(entry);
    } catch (error) {
      console.error(`the journal cannot be written (${error.message}); the chain stops`);
      process.exit(1);
    }
  }

  /** Timestamp of a block mined now: the asked one, or the clock's, never before the latest block's. */
  #time(method, params) {
    if (method === "evm_mine" && params.length > 0) this.#next = this.#future(toNumber(params[0]));
    return this.#next ?? Math.max(Math.floor(Date.now() / 1000) + this.#offset, this.#latest.timestamp);
  }

  #setClock(method, params) {
    const value = toNumber(params[0]);
    this.#applyClock(method, value);
    this.#record({ method, params: [value], block: this.#latest.hash, offset: this.#offset });
    return method === "evm_increaseTime" ? String(this.#offset) : value;
  }

  #applyClock(method, value) {
    if (method === "evm_increaseTime") {
      this.#offset += value;
    } else {
      this.#next = this.#future(value);
      this.#offset = value - Math.floor(Date.now() / 1000);
    }
  }

  #future(time) {
    if (time >= this.#latest.timestamp) return time;
    throw new RpcError(-32000, `timestamp ${time} lies before the latest block's, ${this.#latest.timestamp}`);
  }

  async #replay(entry, number) {
    if (CLOCK.has(entry.method)) {
      this.#applyClock(entry.method, entry.params[0]);
      this.#offset = entry.offset;
    } else {
      await this.#forward("evm_setNextBlockTimestamp", [entry.time]);
      await this.#change(entry.method, entry.params, entry.time);
    }
    if (this.#latest.hash === entry.block) return;
    throw new JournalError(
      `entry ${number} of the journal (${entry.method}) led to block ${entry.block}, but now leads to ${this.#latest.hash}: ` +
        `it was written by Hardhat ${this.#journal.header.hardhat}, or was changed. Use that version, or remove the state folder to start a new chain`,
    );
  }

  async #readLatest() {
    const block = await this.#forward("eth_getBlockByNumber", ["latest", false]);
    this.#latest = { hash: block.hash, timestamp: Number(block.timestamp) };
  }

  async #forward(method, params) {
    try {
      return await this.#provider.request({ method, params });
    } catch (error) {
      throw new RpcError(error.code ?? -32603, error.message, error.data);
    }
  }
}

function network(header) {
  return {
    type: "edr-simulated",
    chainType: "l1",
    chainId: header.chainId,
    hardfork: "prague",
    initialDate: new Date(header.genesis * 1000).toISOString(),
    allowBlocksWithSameTimestamp: true, // many transactions in one second must not push the clock ahead
    throwOnTransactionFailures: false, // as on any other chain: the receipt says that it failed
  };
}

function toNumber(value) {
  const number = Number(value);
  if (value === undefined || value === null || !Number.isSafeInteger(number) || number < 0) {
    throw new RpcError(-32602, `${JSON.stringify(value)} is not a number of seconds`);
  }
  return number;
}
