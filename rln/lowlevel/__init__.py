"""Bytes in, bytes out: the functions of the C core, one module a noun.

Look for what you need in `rln` first. Here lengths and canonical forms are checked and nothing else is: no
epoch, no budget, no root, no memory of what was revealed. One message id used for two signals gives your
secret away, and nothing on this floor stops you. Names and signatures may change with any release.

Field elements are 32 bytes, little-endian, canonical; points and proofs as `native/include/rln.h` describes
them. Importing any of the modules imports `engine` first, where RLN_ENGINE takes effect.
"""

from rln.lowlevel import engine

__all__ = ["engine"]
