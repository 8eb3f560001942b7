"""A mirror that waits for its start: `python -m bench.drain_mirror`, settings in the environment.

Says `ready` when everything is loaded; then for each line on its input it mirrors until nothing is dirty, and says so.
"""

from __future__ import annotations

import sys

from sync.mirror import Mirror
from workers.mirror_process import SWITCH_SECONDS, mirror_deps


def main() -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    with mirror_deps() as deps:
        print("ready", flush=True)
        for _ in sys.stdin:
            Mirror(deps).run(until_clean=True)
            print("done", flush=True)


if __name__ == "__main__":
    main()
