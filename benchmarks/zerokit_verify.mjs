// Times verifications of @waku/zerokit-rln-wasm (from tests/interop/node_modules). Answers JSON lines.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../tests/interop/", import.meta.url));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const zerokit = await import(pathToFileURL(require.resolve("@waku/zerokit-rln-wasm")));
await zerokit.default({ module_or_path: readFileSync(require.resolve("@waku/zerokit-rln-wasm/rln_wasm_bg.wasm")) });

let context, messages, roots;
const asked = {
  load: (more) => {
    context = zerokit.newRLN(new Uint8Array(readFileSync(more.key)));
    messages = more.messages.map(bytes);
    roots = bytes(more.roots);
    return {};
  },
  verify: ({ count }) => {
    let valid = 0;
    const start = performance.now();
    for (let number = 0; number < count; number++)
      valid += zerokit.verifyWithRoots(context, messages[number % messages.length], roots) === true;
    return { seconds: (performance.now() - start) / 1000, valid };
  },
};
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { ask, ...more } = JSON.parse(line);
  try {
    process.stdout.write(JSON.stringify(asked[ask](more)) + "\n");
  } catch (error) {
    process.stdout.write(JSON.stringify({ error: String(error) }) + "\n");
  }
}
process.exit(0); // otherwise worker threads keep the process alive
