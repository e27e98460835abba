"""PostgreSQL: connections with bounded waits, and transactions that depend on no setting of a session.

It needs the extra `postgres`.
"""

from rln.base.extras import require

require("psycopg", "postgres")
