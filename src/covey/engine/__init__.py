"""The single writer: the loop of the seven steps, and the socket that edges submit to."""
