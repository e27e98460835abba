"""RLN in plain Python integers: slow, short, and independent of the library. Read it beside the spec."""
