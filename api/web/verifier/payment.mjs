/**
 * Proving one payment: that what a worker is owed follows from its labels and stands in the payroll.
 *
 * @module payment
 */

import { fromHex, toHex } from "./bytes.mjs";
import { readRules } from "./contents.mjs";
import { digest, preimage, STATEMENT } from "./entries.mjs";
import { Refusal, step } from "./errors.mjs";
import { checkCampaign, checkOrder, opening, structOf } from "./evidence.mjs";
import { documentDigest } from "./hashes.mjs";
import * as shape from "./shape.mjs";
import { recover, SIGNATURE_BYTES } from "./signatures.mjs";
import { readTerms, verifyPayrollPath } from "./terms.mjs";

/** @typedef {import("./evidence.mjs").Case} Case */

const STATEMENT_FORMAT = "crowdledger-statement@v1";
const MAX_AMOUNT = (1n << 64n) - 1n;

export const PAYMENT_STEPS = [
  [6, "the entries stand in the log in the order in which things happened"],
  [7, "the campaign is signed by its requester; specification and terms are those it commits to"],
  [8, "payout and settlement are of this campaign and of one run"],
  [9, "the statement is the one committed to, and its labels add up to the amount"],
  [10, "the payroll owes the worker exactly this amount"],
  [11, "the operator signed for this amount"],
];

/**
 * Prove one payment from a bundle alone, once its log is proved (steps 1 to 5).
 *
 * @param {Case} known
 * @returns {Record<string, unknown>} what is proved, by name
 * @throws {Refusal} the first step that fails, by number, with the two values that differ
 */
export function verifyPayment(known) {
  step(6, () => {
    checkOrder(known, "campaign", "run", "payout");
    checkOrder(known, "run", "settlement");
  });
  step(7, () => checkCampaign(known));
  step(8, () => checkRun(known));
  const labels = step(9, () => checkStatement(known));
  const payrollRoot = step(10, () => checkPayroll(known));
  step(11, () => checkSignedStatement(known));
  return { ...facts(known), labels, payroll_root: payrollRoot };
}

function facts(known) {
  const payout = structOf(known, "payout");
  const { leaf, index } = known.proved.get("payout");
  return {
    campaign: payout.campaign,
    worker: payout.worker,
    amount: String(payout.amount),
    leaf,
    index,
    final: structOf(known, "settlement").last,
  };
}

function checkRun(known) {
  const [run, payout, settlement] = ["run", "payout", "settlement"].map((role) => structOf(known, role));
  const { campaign } = structOf(known, "campaign");
  const { leaf, index } = known.proved.get("run");
  shape.same("campaign of the run", campaign, run.campaign);
  shape.same("campaign of the payout", campaign, payout.campaign);
  shape.same("campaign of the settlement", campaign, settlement.campaign);
  shape.same("run of the payout", leaf, payout.run);
  shape.same("run of the settlement", leaf, settlement.run);
  shape.atMost("amount of the payout", settlement.total, payout.amount);
  shape.atMost("entries that the run read", index, run.logSize);
}

function checkStatement(known) {
  const statement = opening(known, "statement");
  if (statement === undefined) return null;
  const payout = structOf(known, "payout");
  shape.same("statement", payout.statement, toHex(documentDigest(statement)));
  const top = ["format", "campaign", "worker", "run", "labels", "amount"];
  const body = shape.members(statement, top, "the statement");
  shape.same("format of the statement", STATEMENT_FORMAT, body.format);
  shape.same("campaign of the statement", payout.campaign, body.campaign);
  shape.same("worker of the statement", payout.worker, body.worker);
  shape.same("run of the statement", payout.run, body.run);
  shape.same("amount of the statement", payout.amount, shape.decimal(body.amount, "amount"));
  return checkLabels(body.labels, payout.amount, allowedAmounts(known));
}

/** The labels are distinct, earn amounts that are allowed, and add up; how many they are. */
function checkLabels(labels, total, allowed) {
  if (!Array.isArray(labels)) throw new Refusal("labels of the statement", { expected: "a list" });
  const seen = new Set();
  let earned = 0n;
  for (const entry of labels) {
    const body = shape.members(entry, ["label", "amount"], "a label of the statement");
    seen.add(shape.hex(body.label, "a label of the statement", 32));
    const amount = shape.decimal(body.amount, "amount of a label");
    if (allowed !== null && !allowed.includes(amount)) {
      throw new Refusal("amount of a label", { expected: allowed.join(", "), found: String(amount) });
    }
    earned += amount;
  }
  shape.same("distinct labels in the statement", labels.length, seen.size);
  shape.same("sum over the labels", total, earned);
  return labels.length;
}

/** What one label can earn under the specification: nothing, the price, or the price and the bonus. */
function allowedAmounts(known) {
  const specification = opening(known, "specification");
  if (specification === undefined) return null;
  const { perLabel, agreementBonus } = readRules(specification);
  return [0n, perLabel, perLabel + agreementBonus];
}

function checkPayroll(known) {
  const given = opening(known, "payroll");
  if (given === undefined) return null;
  const { index, path, root, evidence } = readPayroll(given);
  const payout = structOf(known, "payout");
  shape.atMost("amount in the payroll", MAX_AMOUNT, payout.amount);
  verifyPayrollPath(payout.campaign, index, payout.worker, payout.amount, path, fromHex(root));
  if (evidence !== undefined) {
    shape.same("evidence of the payroll", known.checkpoint.size, BigInt(evidence));
  }
  return root;
}

function readPayroll(value) {
  const body = shape.members(value, ["index", "path", "root"], "the opening payroll", ["evidence"]);
  if (!Array.isArray(body.path) || body.path.length > 64) {
    throw new Refusal("path in the payroll", { expected: "at most 64 hashes" });
  }
  return {
    index: shape.integer(body.index, "index in the payroll"),
    path: body.path.map((hash) => shape.hexBytes(hash, "path in the payroll", 32)),
    root: shape.hex(body.root, "root of the payroll", 32),
    evidence: Object.hasOwn(body, "evidence") ? shape.integer(body.evidence, "evidence") : undefined,
  };
}

function checkSignedStatement(known) {
  const given = opening(known, "signed_statement");
  if (given === undefined) return;
  const body = shape.members(given, ["epoch", "signature", "operator"], "the signed statement");
  const { operator } = readTerms(opening(known, "terms")).json;
  shape.same("operator", operator, shape.address(body.operator, "operator"));
  const epoch = shape.integer(body.epoch, "epoch");
  if (epoch === 0) throw new Refusal("epoch", { expected: "1 or more", found: "0" });
  const { campaign, worker, amount, run } = structOf(known, "payout");
  const signature = shape.hexBytes(body.signature, "signature of the statement", SIGNATURE_BYTES);
  const signed = digest(preimage(STATEMENT, { campaign, worker, amount, epoch, run }), known.bundle.domain);
  shape.same("signer of the statement", operator, recover(signed, signature));
}
