/**
 * What was proved, in sentences.
 *
 * @module words
 */

/** @typedef {import("../verifier/verifier.mjs").Verdict} Verdict */

/**
 * The headline of a verdict.
 *
 * @param {Verdict} verdict
 * @returns {string}
 */
export function headline({ ok, kind, step, facts }) {
  if (ok === null) return "This is no bundle";
  if (!ok) return `Refused at step ${step}`;
  if (kind === "payment") return `A payment of ${facts.amount} holds`;
  return "A label holds";
}

/**
 * What a bundle that holds proves, in plain sentences.
 *
 * @param {Verdict} verdict
 * @returns {string[]}
 */
export function proved(verdict) {
  const { kind, facts } = verdict;
  const place = `It is entry ${facts.index} of the ${facts.log_size} in the log ${originOf(facts.log_key)}.`;
  return [...(kind === "payment" ? payment(facts) : label(facts)), place, cosigned(facts.witnesses)].filter(Boolean);
}

function label(facts) {
  const answer = facts.answer ? `answered ${quoted(facts.answer)}` : "gave an answer, which is not opened here,";
  const where = `to an item of campaign ${facts.campaign}`;
  const said = `The worker ${facts.worker} ${answer} ${where}, at ${time(facts.made_at)}.`;
  if (facts.verdict === null) return [said, "It is not judged yet."];
  const reason = facts.reason ? ` by the rule “${facts.reason.rule}”` : "";
  const inferred = facts.truth ? `is ${quoted(facts.truth)}` : "is not opened here";
  const truth = `The answer inferred for the item ${inferred}; its confidence is ${percent(facts.confidence_ppm)}.`;
  return [said, `It was ${facts.verdict}${reason}.`, truth];
}

function payment(facts) {
  const last = facts.final ? "the last run of the campaign" : "this run";
  const amount = `${facts.amount} (in the token's minor units)`;
  const owed = `The worker ${facts.worker} has earned ${amount} in campaign ${facts.campaign}, as of ${last}.`;
  const labels = facts.labels === null ? "" : `The statement lists ${facts.labels} labels, which add up to it.`;
  const payroll = facts.payroll_root ? `The payroll with the root ${facts.payroll_root} owes exactly this.` : "";
  return [owed, labels, payroll];
}

function cosigned(witnesses) {
  if (!witnesses.length) return "";
  const named = witnesses.map(({ key, time: at, trusted }) => {
    return `${originOf(key)} at ${time(at)}${trusted ? " (in your policy)" : ""}`;
  });
  return `Its head was cosigned by ${named.join(", ")}.`;
}

const originOf = (vkey) => vkey.split("+")[0];

/** An answer as it is, where it is a label; else all of it. */
function quoted(content) {
  return typeof content.label === "string" ? `“${content.label}”` : JSON.stringify(content);
}

const percent = (ppm) => `${(Number(ppm) / 10_000).toFixed(1)} %`;

/** @param {bigint} seconds since 1970 @returns {string} */
function time(seconds) {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `second ${seconds}`;
  return date.toISOString().replace("T", " ").replace(".000Z", " UTC");
}
