"""What must be so: a plain model of the server, written from the design and not from the code.

Lists, dicts and loops, slow and obvious; nothing of ours but the messages and the limits. It takes
the entries of a log and answers what any account's queues hold and how much of them is unread.
`covey verify` asks it of a sample, the tests of everything (`tests/oracle.py` adds what may be done
at all, and what live streams carry). So it shares no code with what it judges, and never may.
"""

from covey.oracle.model import Model

__all__ = ["Model"]
