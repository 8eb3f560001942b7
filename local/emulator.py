"""The vendor's Firestore emulator where it is on the machine: a second opinion, never a requirement.

It comes with the Google Cloud CLI (component cloud-firestore-emulator) and needs Java. FIRESTORE_EMULATOR_JAR names
another place. It keeps nothing: documents are gone when it stops.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
MISSING = (
    "The vendor's Firestore emulator is not on this machine: it needs java, and the Google Cloud CLI's component "
    "cloud-firestore-emulator or its jar named by FIRESTORE_EMULATOR_JAR."
)


class NoEmulator(RuntimeError):
    """The emulator was asked for and is not here; the message says what is missing."""


def find() -> Path | None:
    """The emulator's jar, or None where it, or Java, is not on the machine."""
    given = os.environ.get("FIRESTORE_EMULATOR_JAR")
    jar = Path(given) if given else _beside_gcloud()
    return jar if jar is not None and jar.exists() and shutil.which("java") else None


def command(port: int, rules: Path) -> list[str]:
    """The command line that starts it on 127.0.0.1; raises NoEmulator."""
    jar = find()
    if jar is None:
        raise NoEmulator(MISSING)
    return [
        "java",
        "-Xmx512m",
        "-cp",
        str(jar),
        _CLASS,
        "start",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--rules={rules}",
    ]


def _beside_gcloud() -> Path | None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    found = sorted(Path(gcloud).resolve().parents[1].glob("platform/cloud-firestore-emulator/*.jar"))
    return found[-1] if found else None
