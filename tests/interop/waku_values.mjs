// Values of js-waku's packages. Reads one JSON object on standard input, writes one JSON answer.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { messageHash } from "@waku/message-hash";
import { contentTopicToShardIndex } from "@waku/utils";

const write = process.stdout.write.bind(process.stdout);
console.log = () => {}; // @waku/rln prints the secret of an identity
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (array) => Buffer.from(array).toString("hex");

// @waku/rln leaves out the endings of imports, as a bundler allows and node does not.
const hooks = `export async function resolve(name, context, next) {
  for (const ending of ["", ".js", "/index.js"]) {
    try {
      return await next(name + ending, context);
    } catch (error) {
      if (ending === "/index.js") throw error;
    }
  }
}`;
register("data:text/javascript," + encodeURIComponent(hooks));
const { Keystore } = await import(new URL("./node_modules/@waku/rln/dist/keystore/keystore.js", import.meta.url));

const answers = {
  hashes: ({ messages }) =>
    messages.map(({ topic, payload, contentTopic, meta, timestamp }) =>
      hex(
        messageHash(topic, {
          payload: bytes(payload),
          contentTopic,
          meta: meta === null ? undefined : bytes(meta),
          timestamp: timestamp === null ? undefined : BigInt(timestamp),
          version: undefined,
        }),
      ),
    ),
  shards: ({ topics, shards }) => topics.map((topic) => contentTopicToShardIndex(topic, shards)),
  lock: async ({ identity, membership, password }) => {
    const keystore = Keystore.create();
    const values = Object.fromEntries(Object.entries(identity).map(([name, value]) => [name, bytes(value)]));
    await keystore.addCredential({ identity: values, membership }, password);
    return JSON.parse(keystore.toString());
  },
  unlock: async ({ keystore, password }) => {
    const opened = Keystore.fromString(JSON.stringify(keystore));
    const [label] = opened.keys();
    try {
      const { identity, membership } = await opened.readCredential(label, password);
      return { secret: hex(identity.IDSecretHash), commitment: String(identity.IDCommitmentBigInt), membership };
    } catch (error) {
      return { error: String(error) };
    }
  },
};
const { ask, ...more } = JSON.parse(readFileSync(0, "utf8"));
write(JSON.stringify(await answers[ask](more)));
process.exit(0);
