"""Sync: the whole tree at every member: bulletins, mirrors, and the registrar's signature."""
