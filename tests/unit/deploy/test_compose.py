"""docker-compose.yml and what it mounts: accepted by the real Compose, closed to others, and without a secret."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose import write
from services.cli.settings import loads
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests import deploy_tools

ROOT = deploy_tools.ROOT
COMPOSE = ROOT / "docker-compose.yml"
KEYS = dict.fromkeys(("TASUKI_API_KEY", "TASUKI_FEED_KEY_DASHBOARD"), "0123456789abcdef")
OURS = {"sync", "kpi", "hubspot", "salesforce"}
PAGES_ONLY = {"hubspot", "salesforce"}
"""Containers that have no /health."""


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    """What the real Compose makes of the file, with all profiles."""
    done = deploy_tools.run(
        deploy_tools.tool("docker-compose"), "--profile", "*", "config", "--format", "json", **KEYS
    )
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.mark.parametrize("missing", sorted(KEYS))
def test_it_refuses_to_start_without_a_key(missing: str) -> None:
    """Else anybody who reaches the port could read leads; the message says where it belongs."""
    rest = {name: value for name, value in KEYS.items() if name != missing}
    done = deploy_tools.run(deploy_tools.tool("docker-compose"), "config", "--quiet", **rest)
    assert done.returncode != 0
    assert missing in done.stderr
    assert ".env" in done.stderr


def test_only_this_machine_reaches_what_is_opened(composed: dict[str, Any]) -> None:
    """Each published port is bound to loopback; log and store are not published at all."""
    published = {
        (name, port["host_ip"])
        for name, each in composed["services"].items()
        for port in each.get("ports", ())
    }
    assert {name for name, _ in published} == OURS | {"prometheus", "grafana"}
    assert {address for _, address in published} == {"127.0.0.1"}
    assert composed["networks"]["inside"]["internal"] is True
    assert all(list(composed["services"][name]["networks"]) == ["inside"] for name in ("kafka", "valkey"))


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_have_no_rights(composed: dict[str, Any], name: str) -> None:
    """A read-only file system, no capabilities, none to gain, and more time to stop than they need."""
    service = composed["services"][name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 -- in the container
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "20s"


def test_every_image_is_pinned_and_every_service_is_watched(composed: dict[str, Any]) -> None:
    """By a tag that names a version; with a health check, but for the sandboxes."""
    for name, each in composed["services"].items():
        assert re.search(r":(v?\d+\.\d+[\w.-]*|local)$", each["image"]), name
        assert bool(each["healthcheck"].get("disable")) is (name in PAGES_ONLY), name


def test_what_must_stay_lies_in_volumes(composed: dict[str, Any]) -> None:
    """Log, store, figures: each where its image keeps it."""
    kept = {
        name: [each["target"] for each in service["volumes"] if each["type"] == "volume"]
        for name, service in composed["services"].items()
        if name not in OURS
    }
    assert kept == {
        "kafka": ["/var/lib/kafka/data"],
        "valkey": ["/data"],
        "prometheus": ["/prometheus"],
        "grafana": ["/var/lib/grafana"],
    }
    assert composed["services"]["kafka"]["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    assert "--appendonly yes" in composed["services"]["valkey"]["command"]


def test_everything_that_is_mounted_is_there(composed: dict[str, Any]) -> None:
    """Docker makes a folder of a missing file without a word."""
    sources = [
        Path(each["source"])
        for service in composed["services"].values()
        for each in service.get("volumes", ())
        if each["type"] == "bind"
    ]
    assert len(sources) > 6
    assert [each for each in sources if not each.exists()] == []


def test_secrets_come_from_outside_alone() -> None:
    """Each variable that holds one is passed on, or demanded; the KPIs get none of the two systems."""
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    given = {name: services[name]["environment"] for name in ("sync", "kpi")}
    for each in (*given["sync"], *given["kpi"]):
        assert re.fullmatch(r"(TASUKI_[A-Z_]+)(=\$\{\1:\?[^}]+\})?", each)
    assert not [each for each in given["kpi"] if "HUBSPOT" in each or "SALESFORCE" in each]
    assert "PASSWORD" not in COMPOSE.read_text(encoding="utf-8")


def test_the_sandboxes_secrets_are_those_that_open_nothing_else() -> None:
    """The file may stand here, since the same words stand in the code."""
    lines = (ROOT / "deploy" / "compose" / "sandbox.env").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert given.pop("COMPOSE_PROFILES") == "sandbox"
    assert given == dict(DEMO_ENVIRONMENT)


def test_the_configuration_is_what_its_writer_writes() -> None:
    """`python -m deploy.compose.write > deploy/compose/tasuki.toml` writes it."""
    assert (ROOT / "deploy" / "compose" / "tasuki.toml").read_text(encoding="utf-8") == write.text()


def test_the_configuration_is_accepted() -> None:
    """With the sandboxes' secrets and the two keys; the KPIs alone need only theirs."""
    found = loads(write.text(), {**DEMO_ENVIRONMENT, **KEYS}, file="tasuki.toml", folder=ROOT)
    assert found.sync.log.kind == "kafka"
    only_kpi = {"TASUKI_FEED_KEY_DASHBOARD": KEYS["TASUKI_FEED_KEY_DASHBOARD"]}
    assert loads(write.text(), only_kpi, file="tasuki.toml", folder=ROOT, need_secrets=["kpi"])


def test_the_configuration_leads_to_the_other_containers(composed: dict[str, Any]) -> None:
    """Each host that it names is a service; the ports are those that the services listen at."""
    found = tomllib.loads(write.text())
    services = composed["services"]
    addresses = [found["ma"]["base_url"], found["sfa"]["login_url"], found["sfa"]["pubsub"]]
    addresses += [found["store"]["url"], *found["log"]["bootstrap_servers"], found["firm"]["public_url"]]
    pairs = [re.fullmatch(r"(?:\w+://)?([a-z]+):(\d+)(?:/0)?", each) for each in addresses]
    for pair in pairs:
        assert pair is not None
        assert pair[1] in services
    ports = {pair[1]: pair[2] for pair in pairs if pair is not None and pair[2] != "8103"}
    assert ports == {
        "hubspot": "8101",
        "salesforce": "8102",
        "valkey": "6379",
        "kafka": "9092",
        "sync": "8080",
    }
    for name in PAGES_ONLY:
        command = services[name]["command"]
        assert command[command.index("--port") + 1] == ports[name]
    assert services["salesforce"]["command"][-2:] == ["--grpc-port", "8103"]
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"


def test_prometheus_asks_both_services_and_knows_the_alerts(composed: dict[str, Any]) -> None:
    """By the names and ports of the containers; the rules lie where its configuration looks."""
    asked = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = {
        (name, each["port"])
        for job in asked["scrape_configs"]
        for each in job["dns_sd_configs"]
        for name in each["names"]
    }
    assert targets == {("sync", 8080), ("kpi", 8081)}
    mounted = {each["target"] for each in composed["services"]["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in ("prometheus.yml", *asked["rule_files"])} <= mounted


def test_grafana_finds_what_is_provisioned(composed: dict[str, Any]) -> None:
    """The dashboards lie where the provider looks, and its source is Prometheus as it is named here."""
    grafana = composed["services"]["grafana"]
    mounted = {each["target"]: each["source"] for each in grafana["volumes"] if each["type"] == "bind"}
    provisioning = Path(mounted["/etc/grafana/provisioning"])
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "tasuki.yml").read_text())["providers"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    folder = provider["options"]["path"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (Path(mounted[folder]) / Path(home).name).is_file()
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in composed["services"]


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    """Nothing is ignored, neither in the file nor by a configuration."""
    done = deploy_tools.run(deploy_tools.tool("hadolint"), "--no-color", "deploy/Dockerfile")
    assert done.returncode == 0, done.stdout
    assert "hadolint" not in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
