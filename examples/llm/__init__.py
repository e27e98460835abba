"""A real chat model behind the gateway, and its demonstration."""
