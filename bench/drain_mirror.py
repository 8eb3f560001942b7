"""A mirror that waits for its start: `python -m bench.drain_mirror`, settings in the environment.

Says `ready` when everything is loaded; then for each line `go` on its input it mirrors until nothing is dirty, for each
`stay` until the next line, and says `done`.
"""

from __future__ import annotations

import sys
import threading

from sync.mirror.mirror import Mirror
from workers.interpreter import tune
from workers.mirror_process import mirror_deps


def main() -> None:
    with mirror_deps() as deps:
        tune()
        print("ready", flush=True)
        for line in sys.stdin:
            mirror = Mirror(deps)
            if line == "stay\n":
                working = threading.Thread(target=mirror.run)
                working.start()
                sys.stdin.readline()
                mirror.stop()
                working.join()
            else:
                mirror.run(until_clean=True)
            print("done", flush=True)


if __name__ == "__main__":
    main()
