// A relay node of js-waku on loopback. Reads one JSON object as argument and JSON lines on standard input; writes JSON lines.
import readline from "node:readline";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import { mplex } from "@libp2p/mplex";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { multiaddr } from "@multiformats/multiaddr";
import { createDecoder, createEncoder } from "@waku/core";
import { messageHashStr } from "@waku/message-hash";
import { wakuGossipSub, wakuRelay } from "@waku/relay";
import { createLibp2p } from "libp2p";

const { topic, contentTopic, shard, muxer, transport } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (array) => Buffer.from(array).toString("hex");

const node = await createLibp2p({
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0" + (transport === "ws" ? "/ws" : "")] },
  transports: [tcp(), webSockets()],
  connectionEncrypters: [noise()],
  streamMuxers: [{ yamux, mplex }[muxer]()],
  connectionGater: { denyDialMultiaddr: () => false },
  services: { identify: identify(), pubsub: wakuGossipSub({ allowPublishToZeroTopicPeers: true }) },
});
const { pubsub } = node.services;
const relay = wakuRelay([topic])(node);
if (!pubsub.isStarted()) await relay.start();
const routing = { clusterId: 1, shardId: shard, pubsubTopic: topic };
const decoder = createDecoder(contentTopic, routing);
pubsub.addEventListener("gossipsub:message", async ({ detail }) => {
  const read = await decoder.fromWireToProtoObj(detail.msg.data);
  say({
    event: "message",
    type: detail.msg.type,
    payload: Buffer.from(read.payload).toString(),
    contentTopic: read.contentTopic,
    timestamp: String(read.timestamp),
    proof: Object.fromEntries(Object.entries(read.rateLimitProof ?? {}).map(([name, value]) => [name, hex(value)])),
    hash: messageHashStr(topic, read),
  });
});
const commands = {
  dial: async ({ address }) => void (await node.dial(multiaddr(address))),
  state: () => ({ mesh: pubsub.getMeshPeers(topic), scores: pubsub.getSubscribers(topic).map((one) => pubsub.score.score(one.toString())) }),
  publish: async ({ payload, timestamp, proof }) => {
    const encoder = createEncoder({ contentTopic, routingInfo: routing });
    const rateLimitProof = proof && Object.fromEntries(Object.entries(proof).map(([name, value]) => [name, bytes(value)]));
    const message = { payload: new TextEncoder().encode(payload), timestamp: new Date(timestamp), rateLimitProof };
    const wire = await encoder.toWire(message);
    await pubsub.publish(topic, wire);
    return { wire: hex(wire) };
  },
  stop: async () => {
    await node.stop();
    process.exit(0);
  },
};
say({ event: "ready", addresses: node.getMultiaddrs().map(String), peer: node.peerId.toString() });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { command, ...more } = JSON.parse(line);
  try {
    say({ event: command, ...(await commands[command](more)) });
  } catch (error) {
    say({ event: "error", error: String(error) });
  }
}
