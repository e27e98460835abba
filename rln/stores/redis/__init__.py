"""Redis and Valkey: the nullifier log for several machines. It needs the extra `redis`."""

from rln.base.extras import require

require("redis", "redis")
