"""What follows the log with a durable cursor: side effects, and indexes with a file of their own.

`reader` says what a reader is, `following` how it is run, `cursors` where it stands; `all` lists
those that this server runs. docs/adding-a-reader.md tells how to write one.
"""
