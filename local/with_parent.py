"""`python with_parent.py PARENT [USER:GROUP] -- COMMAND…`: becomes the command, which the kernel ends with its parent.

A program of its own, started by processes.with_parent, instead of code that subprocess runs in the child between fork
and exec: gRPC restarts its threads in a forked child, and they abort it when its files are closed under them.
"""

import ctypes
import grp
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, owner: str, command: list[str]) -> None:
    """Changes to the owner (`USER:GROUP`, empty: stays), ties this process to its parent (Linux), runs the command."""
    if owner:
        user, group = owner.split(":")
        os.setgroups([])
        os.setgid(grp.getgrnam(group).gr_gid)
        os.setuid(pwd.getpwnam(user).pw_uid)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before the kernel was told
            sys.exit(128 + signal.SIGTERM)
    os.execvp(command[0], command)  # noqa: S606 - what our own caller asked for


if __name__ == "__main__":
    before, after = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    main(int(before[0]), "".join(before[1:]), after)
