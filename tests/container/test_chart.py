# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: what it renders is what Kubernetes takes, what the gateway
takes, and what it says it is."""

import ipaddress
import json
import shutil
import subprocess
import textwrap

import jsonschema
import pytest
import yaml
from conftest import ROOT, program, run
from lab.gateway import wait_for
from objects import TOOLS, faults_of, install

CHART = ROOT / "container/helm/sekisho"

# Values -> what they are about. Every branch of the templates is in one of them.
MATRIX = {
    "least": {"regions": ["us-1"]},
    "all-regions": {"regions": ["all"], "replicas": 1},
    "autoscaled": {
        "regions": ["jp-1", "us-1"], "autoscaling": {
            "enabled": True, "minReplicas": 3, "metrics": [{
                "type": "Pods", "pods": {
                    "metric": {"name": "sekisho_tunnels_active"},
                    "target": {"type": "AverageValue",
                               "averageValue": "2k"}}}]},
        "podDisruptionBudget": {"maxUnavailable": "25%"}},
    "lists": {
        "regions": ["de-1"], "allowlist": {
            "features": ["runtime", "images"], "sets": ["registry-cdn"],
            "extra": "[mirror]\nhost = registry.example.net:5000\n"
                     "host = *.blob.example.net\n"}},
    "own-lists": {"regions": ["de-1"],
                  "allowlist": {"existingConfigMap": "our-hosts"}},
    "auth": {
        "regions": ["us-1"], "auth": {"enabled": True,
                                      "existingSecret": "proxy-users"},
        "preflight": {"proxySecret": "proxy-url", "args": ["--deep"]},
        "watch": {"enabled": True},
        "containerSecurity": {"chart": "visionone"}},
    "tls": {"regions": ["us-1"], "tls": {
        "existingSecret": "gateway-tls", "port": 8443, "clientCA": True}},
    "parent": {
        "regions": ["us-1"],
        "parent": {"url": "http://gw@proxy.corp.example:8080",
                   "existingSecret": "parent-password"}},
    "parent-open": {"regions": ["us-1"],
                    "parent": {"url": "https://proxy.corp.example:8443"}},
    "listener": {
        "regions": ["us-1"], "listener": {
            "address": "[::]", "clients": ["10.0.0.0/8", "fd00::/8"],
            "protocols": ["connect"], "proxyProtocol": True},
        "service": {"type": "LoadBalancer", "port": 8080,
                    "annotations": {"a.example/b": "true"},
                    "externalTrafficPolicy": "Local",
                    "loadBalancerSourceRanges": ["10.0.0.0/8"]}},
    "keys": {
        "regions": ["us-1"], "admin": {"names": ["egress.example.com"]},
        "config": {
            "host public.ecr.aws": {"addresses": ["10.1.2.3"],
                                    "allow_addresses": ["10.1.2.3/32"]},
            "tunnel": {"idle_timeout": "35m", "sni": "require-tls"},
            "gateway": {"workers": 2},
            "dns": {"prefetch": False, "servers": ["10.0.0.53",
                                                   "[fd00::53]:5353"]},
            "limits": {"tunnels": 10000000, "header_bytes": "16k"},
            "upstream": {"warm": 4},
            "log": {"level": "debug"}}},
    "held": {
        "regions": ["us-1"], "networkPolicy": {
            "nodeCIDRs": ["10.10.0.0/16", "fd00:10::/64"],
            "egressPorts": [5000], "egressExcept": ["169.254.0.0/16",
                                                    "fe80::/10"],
            "extraClients": [{"podSelector": {}}],
            "dns": {"cidrs": ["169.254.20.10/32"]},
            "enforce": {"enabled": True,
                        "apiServerCIDRs": ["10.96.0.1/32"],
                        "extraEgress": [{"to": [{"ipBlock": {
                            "cidr": "10.9.9.9/32"}}]}]}}},
    "bare": {
        "regions": ["us-1"], "networkPolicy": {"enabled": False},
        "serviceAccount": {"create": False},
        "podDisruptionBudget": {"enabled": False},
        "preflight": {"enabled": False}},
    "monitored": {
        "regions": ["us-1"], "watch": {"enabled": True}, "monitoring": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "p"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "p"}},
            "dashboard": {"enabled": True}}},
    "placed": {
        "regions": ["us-1"], "fullnameOverride": "egress-gw",
        "image": {"repository": "registry.example/sekisho",
                  "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "pull"}],
        "nodeSelector": {"pool": "egress"},
        "tolerations": [{"key": "egress", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}}, "priorityClassName": "high",
        "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"},
        "lifecycle": {"preStop": {"httpGet": {"path": "/x", "port": 1}}},
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule"}],
        "serviceAccount": {"annotations": {"x": "y"}}},
}

# Values that must be refused, and a word of what is said.
REFUSED = {
    "no regions": ({}, "regions: must be set"),
    "a region's name": ({"regions": ["tokyo"]}, "regions"),
    "a misspelt value": ({"regions": ["us-1"], "replica": 2}, "replica"),
    "a misspelt feature": ({"regions": ["us-1"],
                            "allowlist": {"features": ["scan"]}}, "features"),
    "a drain as long as the grace": (
        {"regions": ["us-1"], "drainSeconds": 40}, "must be less than"),
    "auth without users": ({"regions": ["us-1"], "auth": {"enabled": True}},
                           "auth.existingSecret"),
    "auth that keeps the preflight out": (
        {"regions": ["us-1"],
         "auth": {"enabled": True, "existingSecret": "x"}}, "proxySecret"),
    "a password for nobody": (
        {"regions": ["us-1"], "parent": {"existingSecret": "x"}},
        "parent.url"),
    "a parent's password in the values": (
        {"regions": ["us-1"], "parent": {"url": "http://u:p@h:1"}}, "url"),
    "clients' certificates without TLS": (
        {"regions": ["us-1"], "tls": {"clientCA": True}},
        "tls.existingSecret"),
    "enforcement without an API server": (
        {"regions": ["us-1"], "networkPolicy": {"enforce": {"enabled": True}}},
        "apiServerCIDRs"),
    "two lists of extras": (
        {"regions": ["us-1"],
         "allowlist": {"extra": "x", "existingConfigMap": "y"}}, "exclude"),
    "a key that the chart sets": (
        {"regions": ["us-1"], "config": {"admin": {"address": "off"}}},
        "other values"),
    "an upside-down scale": (
        {"regions": ["us-1"], "autoscaling": {
            "enabled": True, "minReplicas": 9}}, "minReplicas"),
}


@pytest.fixture(scope="session")
def helm():
    """Runs helm."""
    install()

    def call(*argv, **kw):
        return run(TOOLS / "helm/helm", *argv, **kw)

    return call


def write_values(values, folder):
    path = folder / "values.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.fixture
def render(helm, tmp_path):
    """The objects that a case's values make."""
    def objects(values, namespace="egress"):
        done = helm("template", "sekisho", CHART, "--namespace", namespace,
                    "--values", write_values(values, tmp_path))
        return [o for o in yaml.safe_load_all(done.stdout) if o]

    return objects


def one(objects, kind, name=None):
    """The only object of its kind (and name)."""
    found = [o for o in objects if o["kind"] == kind and
             name in (None, o["metadata"]["name"])]
    assert len(found) == 1, (kind, name, [o["metadata"] for o in found])
    return found[0]


cases = pytest.mark.parametrize("case", MATRIX)


@cases
def test_lint_finds_nothing(helm, tmp_path, case):
    done = helm("lint", CHART, "--strict", "--values",
                write_values(MATRIX[case], tmp_path))
    assert "[WARNING]" not in done.stdout and "[ERROR]" not in done.stdout


@cases
def test_every_object_fits_its_schema(render, case):
    objects = render(MATRIX[case])
    assert objects and faults_of(objects) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_in_words(helm, tmp_path, name):
    values, word = REFUSED[name]
    done = helm("template", "sekisho", CHART, "--values",
                write_values(values, tmp_path), check=False)
    assert done.returncode != 0 and word in done.stdout


def test_the_schemas_find_faults(render):
    """Otherwise the test above would prove nothing."""
    objects = render(MATRIX["monitored"])
    pod = one(objects, "Deployment", "sekisho")["spec"]["template"]["spec"]
    pod["containers"][0]["imagePullpolicy"] = "Always"
    pod["volumes"] = "none"
    one(objects, "ServiceMonitor", "sekisho")["spec"]["endpoint"] = []
    objects.append({"apiVersion": "v2", "kind": "Gate", "metadata": {}})
    faults = "\n".join(faults_of(objects))
    for part in ("imagePullpolicy: no such field", "/spec/volumes: ",
                 "endpoint: no such field", "no schema for v2 Gate"):
        assert part in faults


def values_of_schema():
    """Names of every property in values.schema.json, as dotted paths."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def walk(node, path):
        for name, inner in node.get("properties", {}).items():
            yield from walk(inner, [*path, name])
        if "properties" not in node and path:
            yield ".".join(path)

    return set(walk(schema, [])) - {"global"}


def test_the_schema_has_every_value_and_no_other():
    def walk(node, path, known):
        if ".".join(path) not in known and isinstance(node, dict):
            for name, inner in node.items():
                yield from walk(inner, [*path, name], known)
        else:
            yield ".".join(path)

    known = values_of_schema()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(walk(values, [], known)) == known
    jsonschema.validate(values, json.loads(
        (CHART / "values.schema.json").read_text()))


# What the gateway takes

def certificate(folder):
    """The keys of a TLS Secret: a certificate that signs itself."""
    folder.mkdir()
    names = ("tls.crt", "tls.key")
    paths = [folder / name for name in names]
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=gateway", "-days",
        "365", "-out", paths[0], "-keyout", paths[1])
    texts = dict(zip(names, [p.read_text() for p in paths]))
    for path in paths:
        path.unlink()
    return {**texts, "ca.crt": texts["tls.crt"]}


def place(folder, objects, deployment):
    """Puts what the deployment mounts into folder/run/sekisho, as a kubelet
    would; Secrets and ConfigMaps that are not the chart's are made up."""
    made_up = {
        "users": "scanner:$2y$05$CCCCCCCCCCCCCCCCCCCCC."
                 "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n",
        "password": "secret\n",
        "extra.ini": "[ours]\nhost = ours.example.net\n",
        **certificate(folder),
    }
    pod = deployment["spec"]["template"]["spec"]
    mounts = {m["name"]: m["mountPath"]
              for m in pod["containers"][0]["volumeMounts"]}
    maps = {o["metadata"]["name"]: o["data"] for o in objects
            if o["kind"] == "ConfigMap"}
    for volume in pod["volumes"]:
        target = folder / mounts[volume["name"]].removeprefix("/run/")
        target.mkdir(parents=True)
        name = volume.get("configMap", {}).get("name")
        for key, text in maps.get(name, made_up).items():
            (target / key).write_text(text, encoding="utf-8")


def gateway_with(folder, deployment, *argv):
    """Runs the pod's command, with what folder holds at /run."""
    command = deployment["spec"]["template"]["spec"]["containers"][0]
    proxy = program("SEKISHO_PROXY", "build/dev/sekisho-proxy")
    script = 'mount --bind "$0" /run && exec "$@"'
    return run("unshare", "--mount", "--propagation", "private", "sh", "-c",
               script, folder, proxy, *command["command"][1:], *argv,
               check=False)


@cases
def test_the_gateway_takes_the_configuration(render, tmp_path, case):
    objects = render(MATRIX[case])
    deployment = one(objects, "Deployment",
                     MATRIX[case].get("fullnameOverride", "sekisho"))
    folder = tmp_path / "run"
    place(folder, objects, deployment)
    done = gateway_with(folder, deployment, "--check")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("ok: ")


def test_keys_arrive_as_they_were_meant(render, tmp_path):
    objects = render(MATRIX["keys"])
    deployment = one(objects, "Deployment", "sekisho")
    place(tmp_path / "run", objects, deployment)
    said = gateway_with(tmp_path / "run", deployment, "--dump-config").stdout
    for line in ("regions = us-1", "workers = 2", "watch_files = on",
                 "idle_timeout = 35m", "tunnels = 10000000",
                 "servers = 10.0.0.53:53, [fd00::53]:5353", "prefetch = off",
                 "warm = 4", "drain = 25s", "header_bytes = 16k"):
        assert f"\n{line}\n" in said, line


def test_extras_are_let_through(render, tmp_path):
    objects = render(MATRIX["lists"])
    deployment = one(objects, "Deployment", "sekisho")
    place(tmp_path / "run", objects, deployment)
    said = gateway_with(tmp_path / "run", deployment,
                        "--print-allowlist").stdout
    assert "registry.example.net:5000\t" in said
    assert "*.blob.example.net:443\t" in said
    assert "artifactscan." not in said  # a feature that was not chosen


def test_the_watch_takes_its_arguments(render):
    """In a network namespace of its own, as its port is a fixed one."""
    objects = render({**MATRIX["monitored"],
                      "allowlist": {"features": ["runtime", "images"]}})
    pod = one(objects, "Deployment", "sekisho-watch")["spec"]["template"][
        "spec"]["containers"][0]
    diag = program("SEKISHO_DIAG", "build/dev/sekisho-diag")
    watch = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"',
         "sh", diag, *pod["command"][1:], *pod["args"]],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    port = pod["ports"][0]["containerPort"]
    path = pod["livenessProbe"]["httpGet"]["path"]

    def healthy():
        assert watch.poll() is None, "it has ended"
        return run("nsenter", f"--target={watch.pid}", "--net", "curl", "-sf",
                   f"http://127.0.0.1:{port}{path}",
                   check=False).returncode == 0

    try:
        wait_for(healthy, "an answer to the kubelet's probe")
    finally:
        watch.terminate()
        assert watch.wait(60) == 0


# What it is

def pods(objects):
    for o in objects:
        if o["kind"] in ("Deployment", "Job"):
            yield o["spec"]["template"]["spec"]


@cases
def test_pods_have_no_privilege(render, case):
    for pod in pods(render(MATRIX[case])):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {
            "type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_a_changed_configuration_replaces_pods_and_a_changed_list_does_not(
        render):
    def checksum(values):
        deployment = one(render(values), "Deployment", "sekisho")
        return deployment["spec"]["template"]["metadata"]["annotations"]

    before = MATRIX["lists"]
    more = {**before, "allowlist": {**before["allowlist"],
                                    "extra": "[x]\nhost = other.example\n"}}
    assert checksum(before) == checksum(more)
    assert checksum(before) != checksum({**before, "drainSeconds": 20})


def test_no_secret_is_in_any_object(render):
    for case in MATRIX.values():
        assert not [o for o in render(case) if o["kind"] == "Secret"]


def test_replicas_are_the_autoscalers_business(render):
    objects = render(MATRIX["autoscaled"])
    assert "replicas" not in one(objects, "Deployment")["spec"]
    scaler = one(objects, "HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 6)
    assert one(objects, "PodDisruptionBudget")["spec"][
        "maxUnavailable"] == "25%"
    # A budget for one pod would block every drain of its node.
    assert not [o for o in render(MATRIX["all-regions"])
                if o["kind"] == "PodDisruptionBudget"]


def test_services_and_policies_choose_the_gateways(render):
    objects = render(MATRIX["monitored"])
    gateways = one(objects, "Deployment", "sekisho")["spec"]["template"][
        "metadata"]["labels"]
    watch = one(objects, "Deployment", "sekisho-watch")["spec"]["template"][
        "metadata"]["labels"]
    preflight = one(objects, "Job")["spec"]["template"]["metadata"]["labels"]

    def chosen(selector):
        return [p for p in (gateways, watch, preflight)
                if selector.items() <= p.items()]

    for name in ("sekisho", "sekisho-admin"):
        assert chosen(one(objects, "Service", name)["spec"]["selector"]) == [
            gateways]
    assert chosen(one(objects, "Service", "sekisho-watch")["spec"][
        "selector"]) == [watch]
    for kind in ("NetworkPolicy", "PodDisruptionBudget"):
        spec = one(objects, kind)["spec"]
        selector = spec.get("podSelector") or spec["selector"]
        assert chosen(selector["matchLabels"]) == [gateways]
    # ServiceMonitors find the services by their labels.
    for name, service in (("sekisho", "sekisho-admin"),
                          ("sekisho-watch", "sekisho-watch")):
        wanted = one(objects, "ServiceMonitor", name)["spec"]["selector"][
            "matchLabels"]
        found = [o["metadata"]["name"] for o in objects
                 if o["kind"] == "Service" and
                 wanted.items() <= o["metadata"]["labels"].items()]
        assert found == [service]


# Network policies, as a plugin would read them

def lets(rules, direction, port, address=None, namespace=None, labels=None,
         own_namespace=None):
    """Whether a list of ingress or egress rules lets this peer and port."""
    def fits(selector, have):
        if any(have.get(k) != v
               for k, v in selector.get("matchLabels", {}).items()):
            return False
        return all(have.get(e["key"]) in e["values"]
                   for e in selector.get("matchExpressions", []))

    def peer_fits(peer):
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            if address is None:
                return False
            ip = ipaddress.ip_address(address)
            return ip in ipaddress.ip_network(block["cidr"]) and not any(
                ip in ipaddress.ip_network(e)
                for e in block.get("except", []))
        if namespace is None:
            return False
        if "namespaceSelector" in peer:
            there = fits(peer["namespaceSelector"], {
                "kubernetes.io/metadata.name": namespace})
        else:
            there = namespace == own_namespace
        return there and fits(peer.get("podSelector", {}), labels or {})

    for rule in rules:
        ports = rule.get("ports")
        if ports is not None and port not in [p["port"] for p in ports]:
            continue
        if direction not in rule or any(map(peer_fits, rule[direction])):
            return True
    return False


CLIENT = {"app.kubernetes.io/instance": "trendmicro",
          "app.kubernetes.io/component": "trendmicro-admission-controller"}


def test_who_reaches_the_gateway(render):
    objects = render(MATRIX["held"])
    rules = one(objects, "NetworkPolicy", "sekisho")["spec"]["ingress"]
    preflight = one(objects, "Job")["spec"]["template"]["metadata"]["labels"]

    def reaches(port="proxy", **peer):
        return lets(rules, "from", port, own_namespace="egress", **peer)

    assert reaches(namespace="trendmicro-system", labels=CLIENT)
    assert reaches(address="10.10.3.4")  # scout, on the host network
    assert reaches(address="fd00:10::7")
    assert reaches(namespace="egress", labels=preflight)
    assert not reaches(address="10.11.0.1")
    assert not reaches(namespace="default", labels=CLIENT)
    assert not reaches(namespace="trendmicro-system", labels={"app": "x"})
    # The admin port is for monitoring and the kubelets alone.
    assert reaches("admin", namespace="monitoring")
    assert reaches("admin", address="10.10.3.4")
    assert not reaches("admin", namespace="trendmicro-system", labels=CLIENT)


def test_where_the_gateway_goes(render):
    def goes(case, port, **peer):
        policy = one(render(MATRIX[case]), "NetworkPolicy", "sekisho")
        return lets(policy["spec"]["egress"], "to", port, **peer)

    assert goes("held", 443, address="52.94.1.1")
    assert goes("held", 443, address="2600::1")
    assert goes("held", 5000, address="52.94.1.1")
    assert goes("held", 53, namespace="kube-system")
    assert goes("held", 53, address="169.254.20.10")
    assert not goes("held", 80, address="52.94.1.1")
    assert not goes("held", 443, address="169.254.169.254")
    assert not goes("held", 443, address="fe80::1")
    assert goes("parent", 8080, address="10.1.1.1")
    assert not goes("parent", 443, address="52.94.1.1")


def test_the_container_security_namespace_is_held_to_the_gateway(render):
    objects = render(MATRIX["held"])
    policy = one(objects, "NetworkPolicy", "sekisho-only")
    assert policy["metadata"]["namespace"] == "trendmicro-system"
    assert policy["spec"]["podSelector"] == {}
    assert policy["spec"]["policyTypes"] == ["Egress"]
    gateway = one(objects, "Deployment")["spec"]["template"]["metadata"][
        "labels"]

    def goes(port, **peer):
        return lets(policy["spec"]["egress"], "to", port,
                    own_namespace="trendmicro-system", **peer)

    assert goes(3128, namespace="egress", labels=gateway)
    assert goes(53, namespace="kube-system")
    assert goes(443, address="10.96.0.1")
    assert goes(8070, namespace="trendmicro-system", labels=CLIENT)
    assert goes(9, address="10.9.9.9")  # extraEgress
    assert not goes(3129, namespace="egress", labels=gateway)
    assert not goes(3128, namespace="egress", labels={})
    assert not goes(443, address="52.94.1.1")
    assert not goes(443, namespace="default")


def test_without_policies_none_is_made(render):
    assert not [o for o in render(MATRIX["bare"])
                if o["kind"] == "NetworkPolicy"]


# Rules, dashboard, notes

def test_rules_and_dashboard_are_the_files(render):
    objects = render(MATRIX["monitored"])
    rule = one(objects, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(
        (ROOT / "container/prometheus/sekisho.rules.yml").read_text())
    board = one(objects, "ConfigMap", "sekisho-dashboard")
    assert json.loads(board["data"]["sekisho.json"]) == json.loads(
        (ROOT / "container/grafana/sekisho.json").read_text())


def notes(helm, tmp_path, values):
    """The notes. helm prints them when a cluster is there; here a copy of the
    chart renders the same template into an object."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates/NOTES.txt").read_text()
    (chart / "templates/notes.yaml").write_text(
        f'{{{{ define "notes" }}}}{text}{{{{ end }}}}'
        "kind: Notes\nmetadata: {name: notes}\ntext: |\n"
        '{{ include "notes" . | indent 2 }}\n')
    done = helm("template", "sekisho", chart, "--namespace", "egress",
                "--values", write_values(values, tmp_path))
    return one([o for o in yaml.safe_load_all(done.stdout) if o],
               "Notes")["text"]


def overrides(text):
    """The block of overrides in the notes, as YAML."""
    start = text.index("     proxy:\n")
    start = text.rindex("\n\n", 0, start)
    block = text[start:text.index("\n\n", start + 2)]
    return yaml.safe_load(textwrap.dedent(block))


def test_notes_print_the_overrides(helm, tmp_path):
    text = notes(helm, tmp_path, {"regions": ["jp-1"]})
    url = "http://sekisho.egress.svc.cluster.local:3128"
    assert overrides(text) == {
        "cloudOne": {
            "endpoint": "https://container.jp-1.cloudone.trendmicro.com"},
        "proxy": {"httpProxy": url, "httpsProxy": url,
                  "noProxy": ".svc,10.96.0.0/12",
                  "excludeKubernetesServiceHost": True}}
    assert "networkPolicy.nodeCIDRs" in text
    assert "helm test sekisho --namespace egress" in text


def test_notes_with_auth_and_vision_one(helm, tmp_path):
    said = overrides(notes(helm, tmp_path, MATRIX["auth"]))
    assert "visionOne" in said and "cloudOne" not in said
    assert {"username", "password"} <= said["proxy"].keys()


def test_the_chart_is_of_the_projects_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert f"project(sekisho VERSION {chart['appVersion']} " in cmake


def test_it_packs_into_an_archive(helm, tmp_path):
    done = helm("package", CHART, "--destination", tmp_path)
    archive = done.stdout.strip().rpartition(" ")[2]
    shutil.unpack_archive(archive, tmp_path / "out")
    packed = tmp_path / "out/sekisho"
    for path in CHART.rglob("*"):
        if path.is_file() and path.name != ".helmignore":
            assert (packed / path.relative_to(CHART)).is_file(), path
