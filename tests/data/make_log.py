"""Write tests/data/log-VERSION.db: the log of tests/entries.py as this release writes it.

    PYTHONPATH=src:. python tests/data/make_log.py

Once a release: the file is then kept for good, and tests/log/test_old_logs.py replays it with every
later version. The test compares this release's file with the entries too, so a change of the format
that needs a new file can't go unnoticed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import apsw
from tests.entries import entries

import covey
from covey.log import Log

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        log = Log(path, write=True)
        log.append(entries())
        log.close()
        connection = apsw.Connection(str(path))
        # a log's id is made by chance; a file that is kept has one that says what it is
        connection.execute("update facts set value = 'kept log' where name = 'id'").fetchall()
        connection.execute("vacuum").fetchall()
        connection.close()  # the last one brings the write-ahead file home
        kept = Path(__file__).parent / f"log-{covey.__version__}.db"
        kept.write_bytes(path.read_bytes())
        print(f"{kept.name}: {kept.stat().st_size} bytes")
