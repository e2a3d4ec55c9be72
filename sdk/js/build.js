// `node leadhook-plugin/build.js PLUGIN.wasm`: makes a component of the plugin.js beside this folder.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const EXPORTS = ["filter", "transform", "receipt"];

// Which of the three functions a module has.
export const exportsOf = (plugin) => EXPORTS.filter((name) => typeof plugin[name] === "function");

// The interface's text with a world that exports these.
export async function world(names) {
  const wit = await readFile(join(HERE, "wit/plugin.wit"), "utf8");
  const lines = names.map((name) => `  export ${name};\n`);
  return `${wit}\nworld built {\n  include plugin;\n${lines.join("")}}\n`;
}

// The component of the plugin in a folder.
async function build(folder) {
  const { componentize } = createRequire(join(folder, "package.json"))("componentize-qjs");
  const names = exportsOf(await import(pathToFileURL(join(folder, "plugin.js"))));
  if (names.length === 0) throw new Error(`plugin.js has none of the functions ${EXPORTS.join(", ")}`);
  const temporary = await mkdtemp(join(tmpdir(), "leadhook-plugin-"));
  try {
    const [witPath, jsPath] = [join(temporary, "plugin.wit"), join(HERE, "entry.js")];
    await writeFile(witPath, await world(names));
    const jsSource = await readFile(jsPath, "utf8");
    const options = { witPath, jsSource, jsPath, moduleRoot: folder, world: "built", stubWasi: true, sync: true };
    return (await componentize(options)).component;
  } finally {
    await rm(temporary, { recursive: true });
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  if (argv.length !== 3) throw new Error("usage: node leadhook-plugin/build.js PLUGIN.wasm");
  await writeFile(argv[2], await build(dirname(HERE)));
}
