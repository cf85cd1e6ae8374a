/**
 * Verdicts as elements. Everything that came from a bundle goes in as text, never as markup.
 *
 * @module view
 */

import { COMMON_STEPS } from "../verifier/verifier.mjs";
import { LABEL_STEPS } from "../verifier/label.mjs";
import { PAYMENT_STEPS } from "../verifier/payment.mjs";
import { headline, proved } from "./words.mjs";

/** @typedef {import("../verifier/verifier.mjs").Verdict} Verdict */

const IMAGE = /^data:image\/(?:png|jpeg|webp);base64,[A-Za-z0-9+/=]+$/;
const MARKS = { true: "✓", false: "✗", null: "?" };
const CLASSES = { true: "holds", false: "refused", null: "unusable" };

/**
 * An element with attributes and children.
 *
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

/**
 * One verdict: what it is, what was proved or why not, and each step.
 *
 * @param {Verdict} verdict
 * @param {string} where the file and line it came from
 * @param {string | null} kind what the bundle says it is, where it could be read
 * @returns {HTMLElement}
 */
export function article(verdict, where, kind) {
  const mark = element("span", { class: "mark", "aria-hidden": "true" }, MARKS[verdict.ok]);
  const title = element("h2", {}, mark, ` ${headline(verdict)}`);
  const source = element("p", { class: "hint" }, where);
  const body = verdict.ok ? holding(verdict) : refusal(verdict);
  const steps = verdict.ok === null ? [] : [stepList(verdict, kind)];
  return element("article", { class: CLASSES[verdict.ok] }, title, source, ...body, ...steps);
}

function holding(verdict) {
  const sentences = proved(verdict).map((sentence) => element("p", {}, sentence));
  const { item_content: item } = verdict.facts;
  const isPicture = typeof item?.image === "string" && IMAGE.test(item.image);
  const shown = isPicture ? [element("img", { src: item.image, alt: "The item that was labelled" })] : [];
  const text = typeof item?.text === "string" ? [element("p", {}, `The item: ${item.text}`)] : [];
  const notes = verdict.notes.map((note) => element("li", {}, note));
  const open = element("details", {}, element("summary", {}, "All that is proved"), factList(verdict.facts));
  return [...sentences, ...text, ...shown, element("ul", { class: "hint notes" }, ...notes), open];
}

function refusal({ what, expected, found }) {
  const pair = [["Expected", expected], ["Found", found]].filter(([, value]) => value);
  const values = pair.flatMap(([name, value]) => [element("dt", {}, name), element("dd", { class: "mono" }, value)]);
  return [element("p", { class: "error what" }, what), ...(values.length ? [element("dl", {}, ...values)] : [])];
}

function factList(facts) {
  const rows = Object.entries(facts).filter(([, value]) => value !== null && typeof value !== "object");
  return element(
    "dl",
    {},
    ...rows.flatMap(([name, value]) => [
      element("dt", {}, name.replaceAll("_", " ")),
      element("dd", { class: "mono" }, String(value)),
    ]),
  );
}

/** Every step: taken, failed, or not reached. */
function stepList(verdict, kind) {
  const own = { label: LABEL_STEPS, payment: PAYMENT_STEPS }[kind] ?? [];
  const steps = verdict.ok ? verdict.steps : [...COMMON_STEPS, ...own];
  const rows = steps.map(([number, words]) => {
    const state = verdict.ok || number < verdict.step ? "done" : number === verdict.step ? "failed" : "skipped";
    const [mark, said] = { done: ["✓", "holds"], failed: ["✗", "fails"], skipped: ["–", "not reached"] }[state];
    const sign = element("span", { role: "img", "aria-label": said }, mark);
    const at = element("span", { class: "number" }, String(number));
    return element("li", { class: state }, sign, at, element("span", {}, words));
  });
  return element("ol", { class: "steps" }, ...rows);
}
