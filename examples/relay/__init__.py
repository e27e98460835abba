"""Three relays of a Waku network, and what happens to a member who sends too much."""
