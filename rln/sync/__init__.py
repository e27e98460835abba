"""Sync: a copy of the whole tree for each member: bulletins, mirrors, and the registrar's signature."""
