/**
 * The page that verifies bundles: files in, verdicts out, nothing sent anywhere.
 *
 * @module page
 */

import { Memory, prepare, splitLines, verifyBundle } from "../verifier/verifier.mjs";
import { article } from "./view.mjs";

const SHOWN = 200; // verdicts in full; beyond, only those that do not hold, and as many of them
const PAUSE_MS = 40; // the browser gets its turn after this long
const LEAF = /^0x[0-9a-f]{64}$/;

const find = (id) => document.getElementById(id);
const summary = find("summary");
const progress = find("progress");
const verdicts = find("verdicts");

/** The files that were given, kept so that they can be verified anew under other trust. */
let given = [];
/** Number of the run in progress; an older one stops when it sees that it is no longer this. */
let run = 0;

/** What the visitor trusts, or null where a field cannot be used; the field says so. */
function readTrust() {
  const fields = { logKey: "log-key", logAddress: "log-address", policy: "policy" };
  const trusted = {};
  for (const [name, id] of Object.entries(fields)) {
    const text = name === "policy" ? find(id).value : find(id).value.trim();
    if (text.trim()) trusted[name] = name === "policy" && !text.endsWith("\n") ? `${text}\n` : text;
  }
  const names = Object.keys(trusted);
  const words = { logKey: "log key", logAddress: "contract", policy: "policy" };
  find("trust-state").textContent = names.length ? names.map((name) => words[name]).join(", ") : "nothing is pinned";
  try {
    find("trust-error").textContent = "";
    return prepare(trusted);
  } catch (error) {
    find("trust").open = true;
    find("trust-error").textContent = error.message;
    return null;
  }
}

/** All bundles of all files, one after another; the browser draws in between. */
async function verifyAll() {
  run += 1;
  const mine = run;
  verdicts.replaceChildren();
  summary.textContent = "";
  const trusted = readTrust();
  if (trusted === null || !given.length) return;
  const lines = given.flatMap(({ name, bytes }) => linesOf(name, bytes));
  const counts = { true: 0, false: 0, null: 0 };
  const memory = new Memory();
  const shown = { all: 0, bad: 0 };
  let rested = performance.now();
  progress.max = lines.length;
  progress.hidden = lines.length < 20;
  for (const [at, { where, bytes }] of lines.entries()) {
    const verdict = verifyBundle(bytes, { ...trusted, memory });
    counts[verdict.ok] += 1;
    if (isShown(verdict, shown)) verdicts.append(article(verdict, where, kindOf(bytes)));
    if (performance.now() - rested > PAUSE_MS) {
      progress.value = at + 1;
      await new Promise((resume) => setTimeout(resume));
      if (mine !== run) return; // other files or other trust: that run says what is so
      rested = performance.now();
    }
  }
  progress.hidden = true;
  const unshown = lines.length - shown.all - shown.bad;
  const more = unshown ? ` ${unshown} of them are counted and not shown.` : "";
  summary.textContent = `${counts.true} hold, ${counts.false} refused, ${counts.null} unusable.${more}`;
}

function isShown(verdict, shown) {
  if (shown.all < SHOWN) return Boolean((shown.all += 1));
  return !verdict.ok && shown.bad < SHOWN && Boolean((shown.bad += 1));
}

function linesOf(name, bytes) {
  if (bytes.length < 2) return [{ where: `${name}, which is empty`, bytes }];
  const lines = splitLines(bytes);
  return lines.map((line, at) => ({ where: lines.length > 1 ? `${name}, line ${at + 1}` : name, bytes: line }));
}

/** What a bundle says it is, for the list of steps; not a word of it is trusted. */
function kindOf(bytes) {
  return /"kind":"(label|payment)"/.exec(new TextDecoder("latin1").decode(bytes))?.[1] ?? null;
}

/** @param {Iterable<File>} files */
async function take(files) {
  const read = [...files].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }));
  try {
    given = await Promise.all(read);
  } catch (error) {
    summary.textContent = `A file cannot be read: ${error.message}`;
    return;
  }
  await verifyAll();
  find("results").focus({ preventScroll: true });
}

/** Ask the service that served this page for a label's bundle. Nobody else is ever asked. */
async function fetchLabel(leaf) {
  const headers = { Authorization: `Bearer ${find("token").value.trim()}` };
  try {
    const answer = await fetch(`/v1/labels/${leaf}/bundle`, { headers });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (!answer.ok) {
      const problem = JSON.parse(new TextDecoder().decode(bytes));
      throw new Error(problem.detail ?? problem.title ?? `status ${answer.status}`);
    }
    given = [{ name: `label ${leaf}`, bytes }];
  } catch (error) {
    summary.textContent = `The bundle cannot be fetched: ${error.message}`;
    return;
  }
  await verifyAll();
}

function start() {
  find("files").addEventListener("change", ({ target }) => take(target.files));
  for (const id of ["log-key", "log-address", "policy"]) find(id).addEventListener("change", verifyAll);
  const dragging = (on) => document.body.classList.toggle("dragging", on);
  document.addEventListener("dragover", (event) => (event.preventDefault(), dragging(true)));
  document.addEventListener("dragleave", () => dragging(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(false);
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });
  const leaf = new URLSearchParams(location.search).get("label");
  if (leaf === null) return;
  if (!LEAF.test(leaf)) summary.textContent = "The address names no label: label=0x and 64 hex digits.";
  else {
    find("fetch-leaf").textContent = leaf;
    find("fetch").hidden = false;
    find("fetch").addEventListener("submit", (event) => (event.preventDefault(), fetchLabel(leaf)));
  }
}

start();
