/**
 * What the documents that a bundle opens have to look like, as far as a verifier reads them.
 *
 * @module contents
 */

import { Refusal } from "./errors.mjs";
import { isObject } from "./json.mjs";
import * as shape from "./shape.mjs";

const SPECIFICATION_FORMAT = "crowdledger-specification@v1";
const FIGURES = new Map([
  ["accepted", []],
  ["schema", ["answers"]],
  ["speed", ["seconds", "min_seconds"]],
  ["gold", ["answers", "correct", "min_answers", "min_accuracy_ppm"]],
]);

/**
 * @typedef {{count: number, root: string}} Collection
 * @typedef {{items: Collection, gold: Collection}} Part
 * @typedef {{parts: Part[], labels: string[], perLabel: bigint, agreementBonus: bigint}} Rules
 */

/**
 * What a verifier reads in a specification: items and gold answers of each of its campaigns, the answers that
 * are allowed, and prices. All else in it is bound by its digest and means nothing to a proof.
 *
 * @param {unknown} document
 * @returns {Rules}
 * @throws {Refusal} not of the known format, or one of these members is missing or of another form
 */
export function readRules(document) {
  if (!isObject(document)) {
    throw new Refusal("specification", { expected: "an object", found: shape.kindOf(document) });
  }
  shape.same("format of the specification", SPECIFICATION_FORMAT, document.format);
  const prices = shape.members(document.payment, ["per_label", "agreement_bonus"], "payment");
  return {
    parts: readParts(document),
    labels: readLabels(document.schema),
    perLabel: shape.amount(prices.per_label),
    agreementBonus: shape.amount(prices.agreement_bonus),
  };
}

/** What the document has itself, or lists as `parts`; never both. */
function readParts(document) {
  if (!Object.hasOwn(document, "parts")) return [readPart(document)];
  for (const name of ["items", "gold"]) {
    if (Object.hasOwn(document, name)) {
      throw new Refusal("specification in parts", { expected: `no ${name} of its own`, found: name });
    }
  }
  const { parts } = document;
  if (!Array.isArray(parts) || parts.length < 2) {
    throw new Refusal("parts of the specification", { expected: "a list of at least 2" });
  }
  return parts.map((part) => readPart(shape.members(part, ["items", "gold"], "a part")));
}

const readPart = (body) => ({ items: readCollection(body, "items"), gold: readCollection(body, "gold") });

function readCollection(document, name) {
  const body = shape.members(document[name], ["count", "root"], `${name} of the specification`);
  const root = shape.hex(body.root, `root of the ${name}`, 32);
  return { count: shape.integer(body.count, `number of the ${name}`), root };
}

function readLabels(schema) {
  const { type, labels } = shape.members(schema, ["type", "labels"], "the schema");
  shape.same("type of the schema", "categorical", type);
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === "string" && label)) {
    throw new Refusal("labels of the schema", { expected: "a list of texts" });
  }
  if (labels.length < 2 || new Set(labels).size !== labels.length) {
    throw new Refusal("labels of the schema", { expected: "at least 2, all different" });
  }
  return labels;
}

/**
 * The label in an answer's content, `{"label": "…"}`.
 *
 * @param {Record<string, unknown>} content
 * @param {string} what
 * @returns {string}
 * @throws {Refusal} it has another form
 */
export function readAnswer(content, what) {
  const whole = Object.keys(content).length === 1 && Object.hasOwn(content, "label");
  if (!whole || typeof content.label !== "string") {
    const found = JSON.stringify(content).slice(0, 80);
    throw new Refusal(`form of the ${what}`, { expected: '{"label": a text}', found });
  }
  return content.label;
}

/**
 * The rule that a reason names. Its figures have to be there; whether they are right, an audit says.
 *
 * @param {Record<string, unknown>} content
 * @returns {string}
 * @throws {Refusal} an unknown rule, or other members than the rule's
 */
export function readReason(content) {
  const rule = Object.hasOwn(content, "rule") ? content.rule : undefined;
  const figures = FIGURES.get(rule);
  if (figures === undefined) {
    const found = String(JSON.stringify(rule)).slice(0, 80);
    throw new Refusal("rule of the reason", { expected: [...FIGURES.keys()].join(", "), found });
  }
  shape.members(content, [...figures, "rule"], "the reason");
  figures.forEach((name) => shape.integer(content[name], `${name} of the reason`));
  return rule;
}
