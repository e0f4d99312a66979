"""The alert rules and the dashboard use only metrics and labels that `/metrics` returns."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from authapp import ROOT, metrics
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event

TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u"
RULES = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())
DASHBOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text())

NOT_OURS = {"instance", "job"}
"""Labels that Prometheus adds."""

_SELECTOR = re.compile(r"\b(authapp_\w+)(?:\{([^}]*)\})?")
_SAMPLE = re.compile(r"_(sum|count|bucket|created)$")
_GROUPING = re.compile(r"\b(?:by|without) \(([^)]*)\)")


@pytest.fixture
def returned(make_app: Callable[..., Flask]) -> dict[str, set[str]]:
    """Each metric that `/metrics` returns, with its labels."""
    metrics.SIGN_INS.labels("refused", "credentials_refused")
    metrics.LIMITS_REACHED.labels("request_budget")
    app = make_app(METRICS_TOKENS=TOKEN)
    app.test_client().get("/healthz")
    with app.app_context():
        token_cache.assembly.counters.count(Event.HIT, "token")
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> Iterator[str]:
    for group in RULES["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_metric_and_label_is_returned(returned: dict[str, set[str]]) -> None:
    used = {name for expression in expressions() for name, _ in _SELECTOR.findall(expression)}

    assert used
    assert used - set(returned) == set()
    for expression in expressions():
        selectors = _SELECTOR.findall(expression)
        known = NOT_OURS.union(*(returned[name] for name, _ in selectors))
        conditions = ",".join(part for _, part in selectors)
        matched = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", conditions)
        grouped = re.findall(r"\w+", " ".join(_GROUPING.findall(expression)))
        assert set(matched) | set(grouped) <= known, expression


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_metric_is_on_the_dashboard(returned: dict[str, set[str]]) -> None:
    shown = " ".join(target["expr"] for p in DASHBOARD["panels"] for target in p["targets"])
    ours = {_SAMPLE.sub("", name) for name in returned}

    assert [name for name in sorted(ours) if name not in shown] == []


def test_every_alert_says_what_happened_and_how_urgent_it_is() -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_metric_is_in_the_documentation_with_its_labels(
    returned: dict[str, set[str]],
) -> None:
    table = (ROOT / "docs" / "metrics.md").read_text()
    documented = {
        name: set(labels.replace(" ", "").split(",")) - {""}
        for names, labels in re.findall(r"^\| (`authapp_[^|]+) \|([^|]*)\|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }

    expected: dict[str, set[str]] = {}
    for name, labels in returned.items():
        if not name.endswith("_created"):
            expected.setdefault(_SAMPLE.sub("", name), set()).update(labels - {"le"})
    assert documented == expected


def test_every_alert_is_explained() -> None:
    named = re.findall(
        r"^      - alert: (\w+)$", (ROOT / "deploy" / "alerts.yml").read_text(), re.M
    )
    page = (ROOT / "docs" / "incidents.md").read_text()

    assert re.findall(r"^\| `(Authapp\w+)` \|", page, re.MULTILINE) == named
