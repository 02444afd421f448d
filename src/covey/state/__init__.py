"""The read model: rows that are a function of the log. `check` (may it?), `apply` (message → rows),
both beside each other in a file an area of `messages`; `queries` (rows → what edges show)."""
