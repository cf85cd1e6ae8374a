/**
 * Where Node.js finds the verifier's two packages inside this repository: `hardhat_local` has them all.
 *
 *     node --import ./api/web/verifier/node.mjs program.mjs
 *
 * Outside, `npm install` beside `package.json` puts them where Node looks by itself, and this does nothing.
 *
 * @module node
 */

import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const parentURL = pathToFileURL(join(root, "hardhat_local", "package.json")).href;

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith("@noble/")) return next(specifier, context);
    try {
      return next(specifier, context);
    } catch (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
      return next(specifier, { ...context, parentURL });
    }
  },
});
