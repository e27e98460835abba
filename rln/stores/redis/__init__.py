"""Redis and Valkey: the nullifier log for several machines."""
