// The light node of @waku/sdk, as its users make it. Reads one JSON object as argument; writes JSON lines:
// what it is connected to, what was pushed, what the filter and the store gave it.
import { createLightNode } from "@waku/sdk";
import { multiaddr } from "@multiformats/multiaddr";

const { address, contentTopic, messages } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const textOf = (payload) => Buffer.from(payload).toString();

const node = await createLightNode({
  networkConfig: { clusterId: 1, numShardsInCluster: 8 },
  defaultBootstrap: false,
  discovery: { dns: false, peerExchange: false, peerCache: false },
  numPeersToUse: 1,
  libp2p: { filterMultiaddrs: false, hideWebSocketInfo: true, connectionGater: { denyDialMultiaddr: () => false } },
});
await node.start();
await node.dial(multiaddr(address));
while ((await node.getConnectedPeers()).length === 0) await new Promise((done) => setTimeout(done, 50));
const [peer] = await node.getConnectedPeers();
say({ event: "connected", protocols: peer.protocols.filter((name) => name.includes("/waku/")) });

const encoder = node.createEncoder({ contentTopic });
const decoder = node.createDecoder({ contentTopic });
const waiting = new Set(messages.filter((one) => one.arrives).map((one) => one.payload));
let arrived;
const all = new Promise((done) => (arrived = done));
const subscribed = await node.filter.subscribe(decoder, (message) => {
  const payload = textOf(message.payload);
  say({ event: "filter", payload, proof: message.rateLimitProof !== undefined, hash: message.hashStr });
  waiting.delete(payload);
  if (waiting.size === 0) arrived();
});
say({ event: "subscribed", ok: subscribed });

for (const { payload, timestamp, proof } of messages) {
  const rateLimitProof =
    proof && Object.fromEntries(Object.entries(proof).map(([name, value]) => [name, bytes(value)]));
  const message = { payload: new TextEncoder().encode(payload), timestamp: new Date(timestamp), rateLimitProof };
  const result = await node.lightPush.send(encoder, message, { autoRetry: false });
  const { successes, failures } = result;
  say({ event: "pushed", payload, successes: successes.length, failures: failures.map((one) => one.error) });
}
await all;
for await (const page of node.store.queryGenerator([decoder])) {
  for (const one of await Promise.all(page)) {
    say({ event: "stored", payload: textOf(one.payload), proof: one.rateLimitProof !== undefined, hash: one.hashStr });
  }
}
say({ event: "done" });
await node.stop();
process.exit(0);
