#!/usr/bin/env node
// A `solc` command on top of npm's WebAssembly compiler: what forge, slither and py-solc-x need of it, no more.
// `--version`, or `--standard-json` with JSON on stdin. Imports that are not inlined in the request come from
// node_modules beside this file. solc's own command line is not used: it refuses forge's `--allow-paths` and
// writes a notice before the JSON.
const { readFileSync } = require("node:fs");
const compiler = require("solc");

function importFrom(path) {
  try {
    return { contents: readFileSync(require.resolve(path, { paths: [__dirname] }), "utf8") };
  } catch (error) {
    return { error: error.message };
  }
}

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${compiler.version()}`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(compiler.compile(readFileSync(0, "utf8"), { import: importFrom }) + "\n");
} else {
  console.error("solc.cjs: only --version and --standard-json");
  process.exitCode = 1;
}
