# SPDX-License-Identifier: Apache-2.0
"""A hundred reloads under 200 live tunnels and some 200 new clients a second:
nobody notices."""

from crowd import OTHER, LiveTunnels, Rush
from lab import facts
from lab.mounted import Mounted, allowlist

RELOADS, TUNNELS = 100, 200


def reload_under_load(gateway, reload):
    """reload(i) makes the i-th one happen; returns when it is in force."""
    with LiveTunnels(gateway, TUNNELS) as tunnels:
        with Rush(gateway) as rush:
            for i in range(RELOADS):
                reload(i)
                tunnels.use(i)
                rush.await_more(4)
        assert not rush.noticed
        assert rush.tally["served"] > RELOADS
        assert rush.tally["refused"] > RELOADS
        tunnels.use_all()
    lines = gateway.log_lines(TUNNELS, event="tunnel", host=facts.RAW_HOST)
    assert {line["outcome"] for line in lines} <= {
        "client_closed", "upstream_closed", "client_reset", "upstream_reset"}
    assert not gateway.error_lines("level=error")


def test_by_signal(start_gateway):
    """With a listener that comes and goes, and names that do."""
    gateway = start_gateway({"gateway.workers": "2"})

    def reload(i):
        gateway.allow("lab", facts.RAW_HOST, OTHER, f"n{i}.lab.example")
        other = {"listener b.address": f"{gateway.address}:3143"}
        gateway.reload(other if i % 2 else {})

    reload_under_load(gateway, reload)
    assert len(gateway.error_lines("event=reloaded")) == RELOADS


def test_by_swapped_files(start_gateway, lab):
    """As Kubernetes changes a mounted ConfigMap."""
    mounted = Mounted(lab.new_folder("mounted"),
                      own_ini=allowlist(facts.RAW_HOST, OTHER))
    gateway = start_gateway({"gateway.workers": "2",
                             "gateway.watch_files": "on",
                             "gateway.extra": mounted.path("own.ini")})

    def reload(i):
        mounted.swap(own_ini=allowlist(facts.RAW_HOST, OTHER,
                                       f"n{i}.lab.example"))
        gateway.error_line_number(i + 1, "event=reloaded")

    reload_under_load(gateway, reload)
