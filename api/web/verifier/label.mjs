/**
 * Proving one label: who was asked what, who answered, and how the answer was judged.
 *
 * @module label
 */

import { readAnswer, readReason, readRules } from "./contents.mjs";
import { Refusal, step } from "./errors.mjs";
import { digest } from "./entries.mjs";
import { checkCampaign, checkCommitment, checkOrder, checkSigned, opening, structOf } from "./evidence.mjs";
import * as shape from "./shape.mjs";
import { recover } from "./signatures.mjs";

/** @typedef {import("./evidence.mjs").Case} Case */

const ZERO32 = "0x" + "00".repeat(32);
const ACCEPTED = 1n;
const REJECTED = 2n;

export const LABEL_STEPS = [
  [6, "the entries stand in the log in the order in which things happened"],
  [7, "the campaign is signed by its requester; specification and terms are those it commits to"],
  [8, "the grant is signed by the worker's wallet"],
  [9, "the label is signed by the session key that the grant names, within the grant's scope and time"],
  [10, "the matching run gave this item to this worker, and the label came in time"],
  [11, "item and answer are those committed to"],
  [12, "the review judges this label, for the reason committed to"],
  [13, "the truth is of this item, inferred by a run that read this label"],
];

/**
 * Prove one label from a bundle alone, once its log is proved (steps 1 to 5).
 *
 * @param {Case} known
 * @returns {Record<string, unknown>} what is proved, by name
 * @throws {Refusal} the first step that fails, by number, with the two values that differ
 */
export function verifyLabel(known) {
  step(6, () => checkLabelOrder(known));
  step(7, () => checkCampaign(known));
  step(8, () => checkSigned(known, "grant", structOf(known, "grant").worker));
  step(9, () => checkSession(known));
  step(10, () => checkAssignment(known));
  const { item, answer } = step(11, () => checkContent(known));
  const judged = known.bundle.judged ? checkJudgement(known, answer) : checkUnjudged(known);
  return { ...facts(known), item_content: item, answer, ...judged };
}

function facts(known) {
  const label = structOf(known, "label");
  const { leaf, index } = known.proved.get("label");
  return {
    campaign: label.campaign,
    worker: label.worker,
    item: label.item,
    leaf,
    index,
    made_at: label.madeAt,
  };
}

function checkLabelOrder(known) {
  checkOrder(known, "campaign", "matching", "assignment", "label");
  checkOrder(known, "grant", "label");
  if (known.bundle.judged) {
    checkOrder(known, "label", "review");
    checkOrder(known, "label", "run", "truth");
  }
}

function checkSession(known) {
  const [label, grant] = [structOf(known, "label"), structOf(known, "grant")];
  const { preimage, signature } = known.proved.get("label");
  const signer = recover(digest(preimage, known.bundle.domain), signature);
  shape.same("signer of the label", grant.sessionKey, signer);
  shape.same("worker of the grant", label.worker, grant.worker);
  if (grant.scope !== ZERO32) shape.same("scope of the grant", label.campaign, grant.scope);
  shape.within("time of the label, within the grant", label.madeAt, grant.validFrom, grant.validUntil);
}

function checkAssignment(known) {
  const [label, assignment] = [structOf(known, "label"), structOf(known, "assignment")];
  const { campaign } = structOf(known, "campaign");
  shape.same("campaign of the label", campaign, label.campaign);
  shape.same("campaign of the assignment", campaign, assignment.campaign);
  shape.same("campaign of the matching", campaign, structOf(known, "matching").campaign);
  shape.same("item of the assignment", label.item, assignment.item);
  shape.same("worker of the assignment", label.worker, assignment.worker);
  shape.same("matching run of the assignment", known.proved.get("matching").leaf, assignment.run);
  const what = "time of the label, within the assignment";
  shape.within(what, label.madeAt, assignment.assignedAt, assignment.dueAt);
}

function checkContent(known) {
  const label = structOf(known, "label");
  const item = checkCommitment(known, "item", label.item);
  return { item, answer: checkCommitment(known, "answer", label.answer) };
}

function checkUnjudged(known) {
  for (const [number, name] of [[12, "reason"], [13, "truth"]]) {
    if (opening(known, name) !== undefined) {
      throw new Refusal(`the ${name} of a label that is not judged`, {}, number);
    }
  }
  return { verdict: null };
}

function checkJudgement(known, answer) {
  const { accepted, reason } = step(12, () => checkReview(known, answer));
  const truth = step(13, () => checkTruth(known));
  return {
    verdict: accepted ? "accepted" : "rejected",
    reason,
    truth,
    confidence_ppm: structOf(known, "truth").confidence,
  };
}

function checkReview(known, answer) {
  const review = structOf(known, "review");
  shape.same("label of the review", known.proved.get("label").leaf, review.label);
  if (review.verdict !== ACCEPTED && review.verdict !== REJECTED) {
    throw new Refusal("verdict", { expected: "1 or 2", found: String(review.verdict) });
  }
  const accepted = review.verdict === ACCEPTED;
  const reason = checkCommitment(known, "reason", review.reason);
  if (reason !== null) shape.same("whether the reason accepts", accepted, readReason(reason) === "accepted");
  if (accepted && answer !== null) checkAllowed(known, "answer", answer);
  return { accepted, reason };
}

function checkTruth(known) {
  const [label, truth, run] = [structOf(known, "label"), structOf(known, "truth"), structOf(known, "run")];
  shape.same("campaign of the truth", label.campaign, truth.campaign);
  shape.same("item of the truth", label.item, truth.item);
  shape.same("run of the truth", known.proved.get("run").leaf, truth.run);
  shape.same("campaign of the run", label.campaign, run.campaign);
  const [first, last] = [known.proved.get("label").index + 1n, known.proved.get("run").index];
  shape.within("entries that the run read", run.logSize, first, last);
  const answer = checkCommitment(known, "truth", truth.answer);
  if (answer !== null) checkAllowed(known, "truth", answer);
  return answer;
}

/** The content is an answer, and one that the specification allows, where the specification is given. */
function checkAllowed(known, what, answer) {
  const found = readAnswer(answer, what);
  const specification = opening(known, "specification");
  if (specification === undefined) return;
  const { labels } = readRules(specification);
  if (!labels.includes(found)) {
    const pair = { expected: [...labels].sort().join(", ").slice(0, 200), found: found.slice(0, 80) };
    throw new Refusal(`${what} within the schema`, pair);
  }
}
