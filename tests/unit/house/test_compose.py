"""docker-compose.yml can rot in silence; each command, port and variable in it is held against what exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync import settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
MODULES = {
    name: service["command"] for name, service in OURS.items() if service.get("command", [""])[:2] == ["python", "-m"]
}


def test_every_service_of_the_demo_is_there():
    expected = {"postgres", "redis", "auth", "firestore", "plaid", "api", "worker", "beat", "mirror", "frontend"}

    assert expected <= SERVICES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_command_accepts_its_options(name: str):
    command = MODULES[name]
    help_text = subprocess.run(
        [sys.executable, "-m", command[2], "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert help_text.returncode == 0, help_text.stderr
    for option in (word for word in command if word.startswith("--")):
        assert option in help_text.stdout


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_celery_command_names_the_app_and_known_options(name: str):
    command = SERVICES[name]["command"]
    help_text = subprocess.run(
        [sys.executable, "-m", "celery", *command[1:4], "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert command[:3] == ["celery", "-A", "workers.app"]
    assert help_text.returncode == 0, help_text.stderr
    for option in (word for word in command[4:] if word.startswith("--")):
        assert option in help_text.stdout


def test_the_operator_commands_exist():
    from workers.cli import livespend

    assert SERVICES["mirror"]["command"] == ["livespend", "mirror"]
    for used in re.findall(r"livespend ([a-z-]+)", SERVICES["migrate"]["command"][-1]):
        assert used in livespend.commands


def test_every_variable_is_a_setting():
    known = set(settings.names())
    for name in ("api", "worker", "beat", "mirror", "migrate"):
        assert set(SERVICES[name]["environment"]) <= known, name


def test_every_published_port_is_bound_to_this_machine_and_is_the_one_listened_on():
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            address, outside, inside = port.split(":")

            assert address == "127.0.0.1", name
            assert inside in service["command"], name
            assert outside == inside, name


def test_server_side_addresses_name_services_and_browser_side_ones_this_machine():
    environment = SERVICES["api"]["environment"]
    for name, value in environment.items():
        for host, port in re.findall(r"(?:@|//|^)([a-z0-9.]+):(\d+)", str(value)):
            if name.startswith("BROWSER_"):
                assert host == "127.0.0.1", name
                assert any(f"127.0.0.1:{port}:" in p for s in SERVICES.values() for p in s.get("ports", [])), name
            else:
                assert host in SERVICES, name


def test_every_build_target_is_a_stage_of_the_dockerfile():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.M))

    for name, service in OURS.items():
        assert service["build"]["target"] in stages, name


def test_every_folder_that_the_dockerfile_copies_exists():
    for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_the_page_has_the_script_that_the_frontend_service_runs():
    import json

    scripts = json.loads((ROOT / "frontend" / "package.json").read_text())["scripts"]

    assert SERVICES["frontend"]["command"][:3] == ["npm", "run", "dev"]
    assert "dev" in scripts


def test_the_page_reads_the_variables_that_the_frontend_service_sets():
    configuration = (ROOT / "frontend" / "vite.config.ts").read_text()

    for name in SERVICES["frontend"]["environment"]:
        assert f'process.env["{name}"]' in configuration
