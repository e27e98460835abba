"""PostgreSQL: connections with bounded waits, and transactions that depend on no setting of a session."""
