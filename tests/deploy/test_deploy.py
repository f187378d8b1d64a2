"""Deployment files: what they name exists, they agree with the settings, nothing in them is open or secret.

Where they were written no container could be built: these tests parse what was not run.
"""

import configparser
import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mia_ml.settings import load
from pipelines import compose as composing

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
UNIT = (DEPLOY / "mia-serve.service").read_text()
SERVE = yaml.safe_load((REPOSITORY / "conf" / "serve" / "default.yaml").read_text())
ALL = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture
def composed(tmp_path, monkeypatch):
    """The settings in the image."""
    monkeypatch.chdir(REPOSITORY)
    composing.compose(tmp_path / "params.yaml", "experiment=container")
    return load(tmp_path / "params.yaml")


def instructions(name):
    """What follows an instruction of the Containerfile, continued lines joined."""
    whole = re.sub(r"\\\n", " ", CONTAINERFILE)
    return [line.split(None, 1)[1].strip() for line in whole.splitlines() if line.startswith(f"{name} ")]


def unit():
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read_string(UNIT)
    return parsed


def copied():
    """Files and folders that the image takes from the repository."""
    return [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]


def test_what_is_copied_exists_and_is_sent_to_the_builder():
    patterns = (DEPLOY / "Containerfile.dockerignore").read_text().split()
    assert patterns[0] == "*"
    sent = {pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")}
    assert sent == set(copied())
    assert all((REPOSITORY / name).exists() for name in sent)


def test_the_image_is_made_in_stages_and_compiles_before_it_runs():
    assert len(instructions("FROM")) == 2
    _, built, final = CONTAINERFILE.split("\nFROM ")
    assert "python -m mia_ml.single.warm" in built
    assert "RUN" in final
    assert "pip" not in final
    version = re.search(r"UV_VERSION := (\S+)", (REPOSITORY / "Makefile").read_text())
    assert version is not None
    assert f"uv=={version[1]}" in built


def test_the_image_runs_as_nobody_in_particular():
    final = CONTAINERFILE.split("\nFROM ")[-1]
    assert instructions("USER") == ["mia:mia"]
    assert final.index("USER mia") < final.index("ENTRYPOINT")
    assert instructions("HEALTHCHECK")[0].count("/health'") == 1


def test_ports_agree(compose, composed):
    port = SERVE["port"]
    assert composed.serve.port == port
    assert instructions("EXPOSE") == [str(port)]
    assert f"http://127.0.0.1:{port}/health" in CONTAINERFILE
    assert compose["services"]["scorer"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    mlflow = "\n".join(compose["services"]["mlflow"]["entrypoint"])
    inside = composed.tracking.uri.rpartition(":")[2]
    assert f"--port {inside} " in mlflow
    assert f"mlflow:{inside}" in mlflow.partition("--allowed-hosts")[2]
    assert composed.tracking.uri == f"http://mlflow:{inside}"


def test_nothing_is_published_beyond_loopback(compose):
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), f"{name}: {port}"
        assert service.get("network_mode") is None
        assert not service.get("privileged")
    assert "ports" not in compose["services"]["postgres"]
    assert compose["networks"]["store"]["internal"] is True
    assert SERVE["host"] == "127.0.0.1"


def test_every_service_is_watched_or_watches_itself(compose):
    services = compose["services"]
    assert set(services) == {"postgres", "mlflow", "scorer"}
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"scorer"}
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        for needed in service.get("depends_on", {}):
            assert needed in services
        assert "no-new-privileges:true" in service["security_opt"]
    for name in ("mlflow", "scorer"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["build"]["dockerfile"] == "deploy/Containerfile"


def test_volumes_and_secrets_are_declared_and_are_where_the_settings_look(compose, composed):
    held = {}
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            source, target = volume.split(":")[:2]
            held[name, target] = source
            if not source.startswith("."):
                assert source in compose["volumes"], f"{name}: {source}"
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
    assert held["scorer", f"/srv/mia/{composed.serve.state}"] == "live"
    assert held["scorer", f"/srv/mia/{composed.serve.tables}"] == f"../{composed.serve.tables}"
    assert held["scorer", re.search(r"MIA_CACHE_DIR=(/var/\S+)", CONTAINERFILE)[1]] == "kernels"
    artifacts = re.search(r"--artifacts-destination (\S+)", "\n".join(compose["services"]["mlflow"]["entrypoint"]))
    assert held["mlflow", artifacts[1]] == "artifacts"
    assert compose["secrets"] == {"postgres_password": {"file": "./secrets/postgres_password"}}
    assert (DEPLOY / ".gitignore").read_text().split() == ["/secrets/"]


def test_settings_in_the_image_are_those_of_a_container(composed):
    assert composed.serve.host == "0.0.0.0"
    assert composed.serve.tls_cert is None
    assert "--insecure" in instructions("CMD")[0]


SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key)\w*[ \t]*[=:][ \t]*[\"']?([\w$./{-][^\s\"']*)")


def test_no_file_holds_a_secret():
    for path in ALL:
        for name, value in SECRET.findall(path.read_text()):
            assert value.startswith(("/run/secrets/", "$", "...")), f"{path.name}: {name} is {value}"
        assert not re.search(r"://[^/\s:@]+:[^/\s@]+@", path.read_text()), f"{path.name}: a password in an address"
        assert not re.search(r"\bmia_[A-Za-z0-9_-]{20,}", path.read_text()), f"{path.name}: a token"


def test_a_secret_would_be_seen():
    assert SECRET.findall("POSTGRES_PASSWORD: hunter2") == [("PASSWORD", "hunter2")]


def test_a_missing_variable_is_empty_and_no_default_is_a_secret(compose):
    text = (DEPLOY / "compose.yaml").read_text()
    for _, default in re.findall(r"(?<!\$)\$\{(\w+)(?::?-([^}]*))?\}", text):
        assert default == ""


def test_nothing_is_taken_from_a_named_index_or_piped_into_a_shell():
    for path in ALL:
        text = path.read_text()
        assert not re.search(r"--(extra-)?index(-url)?\b|--find-links|\bcurl\b|\bwget\b", text), path.name
        for host in re.findall(r"https?://([^/:\s'\"]+)", text):
            assert host in ("127.0.0.1", "mlflow"), f"{path.name}: {host}"
    for image in instructions("FROM"):
        assert re.match(r"python:3\.11-\S+", image), image


def test_the_unit_is_hardened_and_writes_only_its_own_folders():
    service = unit()["Service"]
    wanted = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "Restart": "on-failure",
        "StateDirectory": "mia",
        "CacheDirectory": "mia",
        "LimitNOFILE": "65536",
        "CapabilityBoundingSet": "",
        "User": "mia",
    }
    assert {name: service[name] for name in wanted} == wanted
    assert "ReadWritePaths" not in service
    assert "MIA_CACHE_DIR=%C/mia" in service["Environment"]
    assert unit()["Install"]["WantedBy"] == "multi-user.target"


def test_systemd_itself_accepts_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    copy = tmp_path / "mia-serve.service"
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT))  # it must exist where it is verified
    found = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False, timeout=60)
    about = [line for line in found.stderr.splitlines() if "mia-serve" in line]
    assert (found.returncode, about) == (0, [])


def commands():
    """Every call of `mia` in the files, as its arguments."""
    yield instructions("CMD")[0].strip("[]").replace('"', "").replace(",", " ").split()
    yield unit()["Service"]["ExecStart"].partition("/bin/mia ")[2].split()
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    yield compose["services"]["scorer"]["command"]
    for line in (DEPLOY / "README.md").read_text().splitlines():
        called = re.search(r"(?:run --rm scorer|/bin/mia) (.*)", line)
        if called and line.startswith("    "):
            yield called[1].split()


def test_commands_and_options_exist():
    import typer.main

    from mia_ml import cli
    from mia_ml.cli import serve, token  # noqa: F401, doors register themselves

    known = typer.main.get_command(cli.app).commands
    given = list(commands())
    assert len(given) >= 6
    for command, *rest in given:
        options = {name for parameter in known[command].params for name in parameter.opts}
        for option in (word for word in rest if word.startswith("--")):
            assert option in options, f"mia {command} {option}"


def test_files_named_in_the_readme_exist():
    text = (DEPLOY / "README.md").read_text()
    named = set(re.findall(r"deploy/([\w.-]+)", text)) | set(re.findall(r"^\| `([\w.-]+)`", text, re.MULTILINE))
    for name in named - {"secrets"}:
        assert (DEPLOY / name).exists(), name
    rest = {path.name for path in ALL} - named - {"README.md", "Containerfile.dockerignore", ".gitignore"}
    assert not rest


def test_nothing_of_the_repository_that_is_private_is_sent():
    sent = [line.removeprefix("!") for line in (DEPLOY / "Containerfile.dockerignore").read_text().split()[1:]]
    for private in ("live", "data", "ledger", "deploy", ".git", "mlflow.db"):
        assert not any(fnmatch.fnmatch(private, pattern) for pattern in sent), private
