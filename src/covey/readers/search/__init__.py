"""Search: the reader that keeps an index of what posts say, in `search.db`. Edges read it
(`edge/search.py`)."""
