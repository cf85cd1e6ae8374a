// Verifies bundles and says how long it took, as one JSON object:
//   node verify.mjs VERIFIER FILE LOG_KEY LOG_ADDRESS SECONDS
// VERIFIER is the module's URL, FILE has one bundle a line. Alone: each bundle by itself. Together: with one
// memory for all, so that what they share is checked once. The first bundles of each warm the compiler up.

import { readFileSync } from "node:fs";

const [module, file, logKey, logAddress, seconds] = process.argv.slice(2);
const { Memory, splitLines, verifyBundle } = await import(module);
const bundles = splitLines(readFileSync(file));

/** Bundles per second, over whole passes until the time is over. `fresh` makes the options of a pass. */
function rate(fresh, limit) {
  let count = 0;
  const begun = performance.now();
  while (performance.now() - begun < limit * 1000) {
    const options = fresh();
    for (const bundle of bundles) {
      const verdict = verifyBundle(bundle, options());
      if (!verdict.ok) throw new Error(`a bundle is refused at step ${verdict.step}: ${verdict.what}`);
      if (++count % 16 === 0 && performance.now() - begun > limit * 1000) break;
    }
  }
  return count / ((performance.now() - begun) / 1000);
}

const trusted = { logKey, logAddress };
const ways = {
  alone: () => () => ({ ...trusted, memory: new Memory() }),
  together: () => {
    const memory = new Memory();
    return () => ({ ...trusted, memory });
  },
};
const found = {};
for (const [name, fresh] of Object.entries(ways)) {
  rate(fresh, Number(seconds) / 8);
  found[name] = rate(fresh, Number(seconds));
}
console.log(JSON.stringify({ node: process.version, ...found }));
