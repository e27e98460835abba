"""The member's side of anonymous rate limits over HTTP: joining, following the group, credentials."""
