"""Web push: what an account is told of goes to its devices too, encrypted for each."""
