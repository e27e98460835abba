"""URIs that are malformed around a password: what a user types who forgot to quote it, or mistyped the rest.

Each pattern has {s}, the scheme, and {p}, the password.
"""

WORDS = ("hunter", "sesame")
"""The two parts of each password; no message may have either."""

SERVERS = (
    "postgresql", "redis", "rediss", "redis+sentinel", "redis+cluster", "valkey", "valkeys",
    "valkey+sentinel", "valkey+cluster",
)  # fmt: skip

MARKS = "@/#?:%&=,;[]\\ +$é~^|\"'"
"""Characters that stand within a password."""

PATTERNS = (
    "{s}://user:{p}@127.0.0.1:1/0",
    "{s}://:{p}@127.0.0.1:1/0",
    "{s}://{p}@127.0.0.1:1/0",
    "{s}://user:{p}@127.0.0.1:port/0",
    "{s}://user:{p}@127.0.0.1:99999/0",
    "{s}://user:{p}@/0",
    "{s}://user:{p}@127.0.0.1:1/not a number",
    "{s}://user:{p}@127.0.0.1:1/0/1/2",
    "{s}://user:{p}@@127.0.0.1:1/0",
    "{s}://user:{p}127.0.0.1:1/0",
    "{s}://user:{p}",
    "{s}://user:1/{p}@127.0.0.1:1/0",
    "{s}://user:1?{p}@127.0.0.1:1/0",
    "{s}://user:1?min_replicas={p}@127.0.0.1:1/0",
    "{s}://user:{p}@127.0.0.1:1/0?{p}",
    "{s}://user:{p}@127.0.0.1:1/0?min_replicas={p}",
    "{s}://user:{p}@127.0.0.1:1/0?password={p}&password={p}",
    "{s}://127.0.0.1:1/d?password={p}",
    "{s}://127.0.0.1:1/d?pass_word={p}",
    "{s}://127.0.0.1:1/d?sslpassword={p}&sslmode=none",
    "{s}://127.0.0.1:1/d?user=u&password={p}&connect_timeout=x",
    "{s}://user:{p}@[::1/0",
    "{s}://user:{p}@a..b:1/0",
    "{s}://user:{p}%@127.0.0.1:1/0",
    "{s}://user:{p}%zz@127.0.0.1:1/0",
    "{s}://user:{p}%00@127.0.0.1:1/0",
    "{s}://user:{p}%ff@127.0.0.1:1/0",
    "{s}://user:{p}\x00@127.0.0.1:1/0",
    "{s}://user:{p}\ud800@127.0.0.1:1/0",
    "{s}://user:{p}\n@127.0.0.1:1/0",
    "{s}://user:{p}@127.0.0.1:1,user:{p}@127.0.0.1:2/0",
    "{s}://user:{p}@127.0.0.1:1\\{p}/0",
    "{s}://user:{p}@127.0.0.1:1#{p}",
    "{s}:/user:{p}@127.0.0.1:1/0",
    "{s}:///user:{p}@127.0.0.1:1/0",
    "{s}//user:{p}@127.0.0.1:1/0",
    " {s}://user:{p}@127.0.0.1:1/0",
    "{s}s://user:{p}@127.0.0.1:1/0",
    "{p}://127.0.0.1:1/0",
)
