"""Groups: the members, their tree and the acceptable roots."""
