"""Low level: the functions of the C core, with bytes in and bytes out.

Look for what you need in `rln` first. This package checks lengths and canonical forms and nothing else: not
the epoch, not the limit, not the root, not what was revealed before. If you use one message id for two
signals, you reveal the identity secret, and nothing here prevents it. Names and signatures may change with
any release.

Field elements are 32 bytes, little-endian, canonical; points and proofs as `native/include/rln.h` describes
them. Importing any of the modules imports `engine` first, which reads RLN_ENGINE.
"""

from rln.lowlevel import engine

__all__ = ["engine"]
