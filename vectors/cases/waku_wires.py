"""Two messages of a Waku network, and what they are made of.

`WIRE` was made by js-waku (@waku/core 0.0.40) with a proof by zerokit (@waku/zerokit-rln-wasm 0.2.1) on
2026-11-30. `SHIFTED` is the same message after the last byte of its payload was moved into its topic.
"""

from oracle.waku import fields

PUBSUB = "/waku/2/rs/1/4"
WIRE = bytes.fromhex(
    "0a1968656c6c6f2066726f6d2061206a732d77616b75206e6f646512112f6170702f312f636861742f70726f746f1800"
    "5080a4e8bae1bae5ec31aa01cf020a8001d6ea916497ca4a184c5433ab19699fa03d84bcf47d51adbbf91bae28588a29"
    "a392562e6b05c86d7ee83cf8f1aa16c85230d6ff0088cd89d834a4a4d20d4cd0110c0226b85675d814bbefe9bea72e1d"
    "e1c157fbf2f5bcb72237ffb3fafeb95f21feae6fb8462a1395dcec81d3e7c6d2d791b7ae0e17112875b6de33611cf01d"
    "8b1220c9af33102065384a9ad74aedf4bba132852bb65e5b430352094d0f3ce360210d1a20edac2d0000000000000000"
    "000000000000000000000000000000000000000000222019d39cb55f24995f10a39b244e2b678b3812af5b6941b89fb1"
    "0aadaa315563072a202800397f24209be11a86541974571b6ca9ff161a36672d282237f459d0cc7a2f3220b65ea3d622"
    "dbfa6e94e5540ec3abcfc3b39220396b0563cea17878a4188ccf173a20726c6e2f77616b752d726c6e2d72656c61792f"
    "76322e302e3000000000000000f80100"
)
VALUES = {number: value for number, _, value in fields(WIRE)}
PAYLOAD, TOPIC, TIME, PROOF = (VALUES[number] for number in (1, 2, 10, 21))
