"""The membership tree: levels of nodes, plans of changes, and its packed state."""
