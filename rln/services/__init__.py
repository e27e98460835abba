"""Services: what runs around a group and its messages."""
