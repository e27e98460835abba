// Runs the packaged peers. Reads one JSON object {"peer", "requests": [...]} on standard input; writes a JSON list of answers.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (array) => Buffer.from(array).toString("hex");

async function zerokit(requests, { key }) {
  const rln = await import("@waku/zerokit-rln-wasm");
  const wasm = readFileSync(require.resolve("@waku/zerokit-rln-wasm/rln_wasm_bg.wasm"));
  await rln.default({ module_or_path: wasm });
  const context = rln.newRLN(new Uint8Array(readFileSync(key)));
  const answers = {
    verify: ({ message, roots }) => rln.verifyWithRoots(context, bytes(message), bytes(roots)),
    prove: ({ wires, witness }) => hex(rln.generateRLNProofWithWitness(context, wires.map(BigInt), bytes(witness))),
    seeded: ({ seed }) => hex(rln.generateSeededMembershipKey(context, bytes(seed))),
    extended: ({ seed }) => hex(rln.generateSeededExtendedMembershipKey(context, bytes(seed))),
    recover: ({ first, second }) => hex(rln.recovedIDSecret(context, bytes(first), bytes(second))),
    hash: ({ message }) => hex(rln.hash(bytes(message))),
    poseidon: ({ inputs }) => hex(rln.poseidonHash(bytes(inputs))),
  };
  return requests.map((request) => answers[request.call](request));
}

async function snarkjs(requests) {
  const { groth16 } = await import("snarkjs");
  const read = (path) => JSON.parse(readFileSync(path, "utf8"));
  const answers = {
    verify: ({ key, inputs, proof }) => groth16.verify(read(key), read(inputs), read(proof)),
    prove: async ({ key, witness, proof, inputs }) => {
      const made = await groth16.prove(key, witness);
      writeFileSync(proof, JSON.stringify(made.proof));
      writeFileSync(inputs, JSON.stringify(made.publicSignals));
      return made.publicSignals;
    },
  };
  const results = [];
  for (const request of requests) results.push(await answers[request.call](request));
  return results;
}

async function circomlibjs(requests) {
  const { buildPoseidon, buildPoseidonReference } = await import("circomlibjs");
  const optimised = await buildPoseidon();
  const reference = await buildPoseidonReference();
  return requests.map(({ inputs }) =>
    [optimised, reference].map((poseidon) => poseidon.F.toString(poseidon(inputs.map(BigInt)))),
  );
}

const request = JSON.parse(readFileSync(0, "utf8"));
const answers = await { zerokit, snarkjs, circomlibjs }[request.peer](request.requests, request);
process.stdout.write(JSON.stringify(answers));
process.exit(0); // otherwise worker threads of the peers keep the process alive
