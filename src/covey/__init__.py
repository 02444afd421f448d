"""Covey: a self-hosted microblog built as a messaging system.

Everything a person does is a message; everything a person reads is a queue; the log of messages
is the database. `docs/architecture.md` draws the path of a post through the folders beside this
file.
"""

__version__ = "0.2.0"
