"""Children of the stack: they begin whatever threads their parent has, and end with it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import local
from local.processes import with_parent

STARTS = 150


@pytest.fixture
def speaking() -> Iterator[None]:
    """This process calls a gRPC server of its own without a pause."""
    done = threading.Event()
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def speak() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            while not done.is_set():
                with contextlib.suppress(grpc.RpcError):  # the server has no methods
                    channel.unary_unary("/nobody/Home")(b"", timeout=5)

    speakers = [threading.Thread(target=speak) for _ in range(2)]
    for speaker in speakers:
        speaker.start()
    yield
    done.set()
    for speaker in speakers:
        speaker.join()
    server.stop(None)


@pytest.mark.usefixtures("speaking")
def test_no_child_is_lost_while_its_parent_speaks_grpc() -> None:
    """Code run between fork and exec lost one start in a hundred: gRPC's threads, begun anew in the child, abort it."""
    codes = [subprocess.run(with_parent(["true"]), timeout=30).returncode for _ in range(STARTS)]

    assert codes == [0] * STARTS


def test_nothing_of_ours_runs_between_fork_and_exec() -> None:
    """The starts above lose one in a hundred, so most runs of them would show a relapse, not each."""
    ours = [path for path in Path(local.__file__).parent.rglob("*.py") if "preexec_fn=" in path.read_text()]

    assert ours == []


def test_a_child_that_outlived_its_parents_start_ends_at_once() -> None:
    python, *options, script, _me, end, command = with_parent(["true"])

    orphan = subprocess.run([python, *options, script, "1", end, command], timeout=30)

    assert orphan.returncode == 128 + signal.SIGTERM


def test_a_child_ends_when_its_parent_is_killed() -> None:
    begin = (
        "import subprocess; from local.processes import with_parent;"
        "subprocess.run(with_parent(['sh', '-c', 'echo up; exec sleep 600']))"
    )
    with subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"

        parent.kill()

        assert parent.wait(10) == -signal.SIGKILL
        assert parent.stdout.read() == b""  # the end of the pipe: nobody holds it any more
