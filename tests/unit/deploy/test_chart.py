"""The Helm chart, rendered and linted by Helm's own code, and held against Kubernetes' schemas and the services."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from deploy import healthcheck
from deploy.compose import write
from services.runtime.lifecycle import STOP_WITHIN_MS
from tests import deploy_tools, promql
from tests.deploy_tools import ROOT

CHART = ROOT / "deploy" / "helm" / "tasuki"
CONFIG = {"config": write.text()}
EVERYTHING: dict[str, Any] = {
    **CONFIG,
    "files": "tasuki-files",
    "image": {"repository": "registry.example/tasuki", "pullSecrets": ["pull"]},
    "sync": {"ingress": {"enabled": True, "host": "door.example", "tlsSecret": "door", "className": "nginx"}},
    "kpi": {"ingress": {"enabled": True, "host": "kpi.example", "annotations": {"a": "b"}}},
    "autoscaling": {"kind": "hpa"},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    "monitoring": {
        "serviceMonitor": True,
        "alerts": True,
        "runbook": "https://wiki.example/runbook.md",
        "dashboard": (ROOT / "deploy/grafana/dashboards/tasuki.json").read_text(encoding="utf-8"),
        "labels": {"release": "prometheus"},
    },
    "podAnnotations": {"team": "sales"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
}
KEDA = {**CONFIG, "autoscaling": {"kind": "keda", "prometheus": "http://prometheus:9090"}}
CUSTOM = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds that Kubernetes itself doesn't know."""
PARTS = ("sync", "kpi")

Manifest = dict[str, Any]


def rendered(values: Mapping[str, Any], name: str = "prod") -> list[Manifest]:
    """Return what Helm makes of the chart with *values*."""
    helm = deploy_tools.module("helm_python")
    with helm.Chart.load(str(CHART)) as chart:
        files: dict[str, str] = chart.render(dict(values), name=name, namespace="sales")
    texts = [text for path, text in files.items() if not path.endswith("NOTES.txt")]
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def of(manifests: list[Manifest], kind: str, part: str = "") -> Manifest:
    """Return the one manifest of that kind, of that part."""
    (found,) = (
        each
        for each in manifests
        if each["kind"] == kind and each["metadata"]["name"].endswith(f"-{part}" if part else "")
    )
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield each part with what its pods are."""
    for part in PARTS:
        yield part, of(manifests, "Deployment", part)["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def usual() -> list[Manifest]:
    """The manifests with nothing but a configuration."""
    return rendered(CONFIG)


@pytest.fixture(scope="module")
def full() -> list[Manifest]:
    """The manifests with everything switched on."""
    return rendered(EVERYTHING)


@pytest.mark.parametrize("values", [CONFIG, EVERYTHING, KEDA], ids=["usual", "everything", "keda"])
def test_helm_lints_it(values: dict[str, Any]) -> None:
    """Nothing but that it has no icon."""
    found = deploy_tools.module("helm_python").lint(str(CHART), values, strict=True)
    assert found["errors"] == []
    assert [each["error"] for each in found["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("values", [CONFIG, EVERYTHING, KEDA], ids=["usual", "everything", "keda"])
def test_kubernetes_accepts_it(values: dict[str, Any]) -> None:
    """Each manifest fits Kubernetes' own schema, with no key that it doesn't know."""
    kubernetes = deploy_tools.module("kubernetes_validate")
    for each in rendered(values):
        if each["kind"] not in CUSTOM:
            kubernetes.validate(each, "1.33", strict=True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "--set-file config=tasuki.toml"),
        ({**CONFIG, "replicas": 3}, "replicas"),
        ({**CONFIG, "terminationGracePeriodSeconds": 10}, "terminationGracePeriodSeconds"),
        ({**CONFIG, "autoscaling": {"kind": "keda"}}, "autoscaling.prometheus is missing"),
        ({**CONFIG, "sync": {"ingress": {"enabled": True}}}, "sync.ingress.host is missing"),
    ],
    ids=["no configuration", "misspelt", "too little time", "no prometheus", "no host"],
)
def test_values_that_cant_work_are_refused(values: dict[str, Any], told: str) -> None:
    """With what is wrong; a misspelt value would silently do nothing."""
    with pytest.raises(deploy_tools.module("helm_python").HelmError, match=re.escape(told)):
        rendered(values)


def test_every_value_has_a_schema() -> None:
    """And nothing has one that isn't in values.yaml."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert paths(values) == schema_paths(schema) - {"global"}


def paths(values: Mapping[str, Any], before: str = "") -> set[str]:
    """Return the paths of all keys of *values*, down to what is free."""
    found: set[str] = set()
    for key, value in values.items():
        found.add(f"{before}{key}")
        if isinstance(value, dict) and key != "resources":
            found |= paths(value, f"{before}{key}.")  # pyright: ignore[reportUnknownArgumentType]
    return found


def schema_paths(schema: Mapping[str, Any], before: str = "") -> set[str]:
    """Return the paths of all keys that *schema* names."""
    found: set[str] = set()
    for key, value in schema.get("properties", {}).items():
        found |= {f"{before}{key}"} | schema_paths(value, f"{before}{key}.")
    return found


def test_containers_have_no_rights(usual: list[Manifest]) -> None:
    """Not root, nothing to write to but a small /tmp, no capability, the runtime's seccomp, no token."""
    for _, pod in pods(usual):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        writable = [each["name"] for each in container["volumeMounts"] if not each.get("readOnly")]
        assert writable == ["tmp"]
        assert "memory" in container["resources"]["limits"]
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])


def test_a_container_runs_as_the_image_s_user(usual: list[Manifest]) -> None:
    """The number of deploy/Dockerfile."""
    (user,) = re.findall(
        r"^USER (\d+):\1$", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {pod["securityContext"]["runAsUser"] for _, pod in pods(usual)} == {int(user)}


def test_no_secret_s_value_is_in_it(full: list[Manifest]) -> None:
    """Secrets are named, each part has its own, and nothing sets a variable."""
    assert not [each for each in full if each["kind"] == "Secret"]
    for part, pod in pods(full):
        (container,) = pod["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": f"tasuki-{part}"}}]
        assert "env" not in container


def test_probes_ask_what_the_services_answer(usual: list[Manifest]) -> None:
    """Paths of the status routes, components that are registered, ports of the configuration."""
    routes = (ROOT / "services" / "runtime" / "status_routes.py").read_text(encoding="utf-8")
    for port, (part, pod) in zip(healthcheck.PORTS, pods(usual), strict=True):
        (container,) = pod["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": port, "protocol": "TCP"}]
        assert container["args"][-1] == part
        source = (ROOT / "services" / part / "app" / "service.py").read_text(encoding="utf-8")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path, _, only = container[probe]["httpGet"]["path"].partition("?only=")
            assert f'"{path}"' in routes
            assert not only or f'health.register("{only}"' in source
            assert container[probe]["httpGet"]["port"] == "http"


def test_a_container_has_time_to_stop(usual: list[Manifest]) -> None:
    """The wait before the stop, then the services' own longest."""
    for _, pod in pods(usual):
        (container,) = pod["containers"]
        waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > waits + STOP_WITHIN_MS / 1000


def test_a_changed_configuration_rolls_out() -> None:
    """The pods' annotation changes with it."""
    first, second = (
        of(rendered({"config": text}), "Deployment", "sync")["spec"]["template"]["metadata"]["annotations"]
        for text in ("a = 1", "a = 2")
    )
    assert first != second


def test_an_existing_config_map_is_used(usual: list[Manifest]) -> None:
    """Then none is made."""
    named = rendered({"existingConfigMap": "mine"})
    assert not [each for each in named if each["kind"] == "ConfigMap"]
    for _, pod in pods(named):
        assert {"name": "config", "configMap": {"name": "mine"}} in pod["volumes"]
    assert of(usual, "ConfigMap", "config")["data"]["tasuki.toml"] == write.text()


def test_selectors_meet_their_pods(full: list[Manifest]) -> None:
    """Of services, disruption budgets, network policies and the monitor; and no part meets the other's."""
    for part in PARTS:
        labels = of(full, "Deployment", part)["spec"]["template"]["metadata"]["labels"]
        selectors = [
            of(full, "Service", part)["spec"]["selector"],
            of(full, "PodDisruptionBudget", part)["spec"]["selector"]["matchLabels"],
            of(full, "NetworkPolicy", part)["spec"]["podSelector"]["matchLabels"],
            of(full, "Deployment", part)["spec"]["selector"]["matchLabels"],
        ]
        assert all(each == labels for each in selectors)
        assert labels["app.kubernetes.io/component"] == part
        service = of(full, "Service", part)["metadata"]["labels"]
        assert of(full, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items() <= service.items()


def test_only_webhooks_are_opened_to_the_vendors(full: list[Manifest], usual: list[Manifest]) -> None:
    """What shows leads stays inside, unless the KPIs' page is opened on purpose; by default nothing is."""
    assert not [each for each in usual if each["kind"] == "Ingress"]
    (rule,) = of(full, "Ingress", "sync")["spec"]["rules"]
    assert [each["path"] for each in rule["http"]["paths"]] == ["/webhooks"]


def test_who_scales_sets_the_number(full: list[Manifest], usual: list[Manifest]) -> None:
    """Two would fight over it."""
    for part in PARTS:
        assert of(usual, "Deployment", part)["spec"]["replicas"] == 2
        assert "replicas" not in of(full, "Deployment", part)["spec"]
        assert (
            of(full, "HorizontalPodAutoscaler", part)["spec"]["scaleTargetRef"]["name"]
            == f"prod-tasuki-{part}"
        )


def test_keda_asks_for_the_lag_of_its_part() -> None:
    """By the job's name that the monitor's service gives."""
    manifests = rendered(KEDA)
    for part in PARTS:
        scaled, service = of(manifests, "ScaledObject", part), of(manifests, "Service", part)
        (trigger,) = scaled["spec"]["triggers"]
        assert promql.wrong(trigger["metadata"]["query"]) == []
        (series,) = promql.asked(trigger["metadata"]["query"]).series
        assert dict(series.matched)["job"] == service["metadata"]["name"]


def test_the_rules_are_those_of_the_file(full: list[Manifest]) -> None:
    """Word for word, but that they lead to where the runbook is read."""
    rules = of(full, "PrometheusRule")["spec"]
    text = (CHART / "alerts.yml").read_text(encoding="utf-8")
    assert rules == yaml.safe_load(text.replace("docs/runbook.md", "https://wiki.example/runbook.md"))
    assert "https://wiki.example/runbook.md#where-to-look" in json.dumps(rules)


@pytest.mark.parametrize("release", ["prod", "tasuki", "my-tasuki-2"])
def test_jobs_of_any_release_are_watched(release: str) -> None:
    """A release may have any name; `TasukiDown` finds its jobs by theirs."""
    down = next(
        rule
        for group in yaml.safe_load((CHART / "alerts.yml").read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if rule["alert"] == "TasukiDown"
    )
    (matcher,) = re.findall(r'job=~"([^"]+)"', down["expr"])
    for part in PARTS:
        assert re.fullmatch(matcher, of(rendered(CONFIG, release), "Service", part)["metadata"]["name"])


def test_the_dashboard_can_be_handed_to_grafana_s_sidecar(full: list[Manifest]) -> None:
    """As it is drawn."""
    held = of(full, "ConfigMap", "dashboard")
    assert held["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(held["data"]["tasuki.json"])["uid"] == "tasuki"
