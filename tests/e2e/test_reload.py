# SPDX-License-Identifier: Apache-2.0
"""Another configuration while clients are served: all of it or nothing, and
nobody notices who need not."""

import os
import re

import pytest
from lab import dns, facts, wire
from lab.gateway import wait_for
from lab.mounted import Mounted, allowlist

RAW = facts.RAW_HOST
ADMIN = {"admin.address": f"{facts.GATEWAY_INSIDE}:3129"}


def ask(gateway, host, port=None):
    """The status of a CONNECT; None: nobody listens there."""
    try:
        with gateway.lab.client.connect(gateway.address,
                                        port or gateway.port) as sock:
            return wire.http_connect(sock, host).status
    except ConnectionRefusedError:
        return None


def metric(gateway, name):
    with gateway.lab.client.connect(gateway.address, 3129) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                     b"Connection: close\r\n\r\n")
        page = wire.read_to_end(sock).decode()
    found = re.search(f"^{name} (.*)$", page, re.M)
    return found and float(found.group(1))


def test_names_come_and_go(start_gateway, open_tunnel):
    """A removed name stops new tunnels only."""
    gateway = start_gateway()
    tunnel = open_tunnel(gateway)
    gateway.allow("lab", "other.lab.example")
    gateway.reload()
    assert ask(gateway, RAW) == 403
    tunnel.send_up(b"x" * 100000)
    tunnel.send_down(b"y" * 100000)
    gateway.allow("lab", RAW)
    gateway.reload()
    with tunnel.listener:
        assert ask(gateway, RAW) == 200
    tunnel.finish()
    assert gateway.log_line(event="tunnel", outcome="client_closed")


def test_regions(gateway):
    host = facts.host("jp-1", "container")
    assert ask(gateway, host) == 403
    gateway.reload({"gateway.regions": "us-1, jp-1"})
    assert ask(gateway, host) == 200


@pytest.mark.parametrize("settings, says", [
    ({"tunnel.sni": "on"}, 'tunnel.sni: \\"on\\": expected verify'),
    ({"gateway.regions": "xx-1"}, "unknown region"),
    ({"gateway.extra": "/no/such.ini"}, "/no/such.ini"),
    ({"listener.auth": "basic"}, "basic needs a htpasswd file"),
    ({"listener b.address": "192.0.2.1:99"}, "Cannot assign requested"),
])
def test_what_is_wrong_changes_nothing(start_gateway, settings, says):
    gateway = start_gateway(ADMIN)
    # Something good beside what is bad: it does not come into force either.
    gateway.rewrite({"listener c.address": f"{gateway.address}:3140",
                     "limits.header_bytes": "1k", **settings})
    gateway.signal(1)
    gateway.error_line("event=reload_refused")
    assert says in gateway.transcript()
    assert ask(gateway, RAW) is not None
    assert ask(gateway, RAW, 3140) is None
    assert metric(gateway, 'sekisho_config_reloads_total{result="failed"}') == 1
    assert metric(gateway, 'sekisho_config_reloads_total{result="ok"}') == 0
    gateway.reload({})
    assert metric(gateway, 'sekisho_config_reloads_total{result="ok"}') == 1


def test_listeners_come_and_go(start_gateway, open_tunnel):
    gateway = start_gateway({"gateway.workers": "2"})
    tunnel = open_tunnel(gateway)
    gateway.reload({"listener b.address": f"{gateway.address}:3141"})
    assert ask(gateway, "no.example", 3141) == 403
    assert gateway.log_line(listener="b")
    gateway.reload({"listener.address": f"{gateway.address}:3142"})
    assert ask(gateway, "no.example") is None
    assert ask(gateway, "no.example", 3141) is None
    assert ask(gateway, "no.example", 3142) == 403
    tunnel.send_up(b"still here")  # through the listener that is gone
    tunnel.finish()


def test_unix_sockets_come_and_go(start_gateway, lab):
    folder = lab.new_folder("unix")
    path = os.path.join(folder, "sock")
    # The sandbox leaves the folders of the first configuration open.
    gateway = start_gateway({"listener b.address": f"unix:{folder}/first"})
    gateway.reload({"listener b.address": f"unix:{path}"})
    assert not os.path.exists(f"{folder}/first")
    assert os.path.exists(path)
    gateway.reload({"listener b.address": None})
    assert not os.path.exists(path)
    assert ask(gateway, "no.example") == 403


def test_settings_of_a_listener(start_gateway):
    gateway = start_gateway()
    gateway.reload({"listener.clients": "192.0.2.0/24"})
    assert ask(gateway, "no.example") == 403
    assert gateway.log_line(outcome="denied_client")
    gateway.reload({"listener.protocols": "socks5"})
    assert ask(gateway, "no.example") == 405


def test_credentials(start_gateway):
    # Of "secret", at the least cost.
    line = ("bob:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WI"
            "rW\n")
    head = (b"CONNECT no.example:443 HTTP/1.1\r\nHost: x\r\n"
            b"Proxy-Authorization: Basic Ym9iOnNlY3JldA==\r\n\r\n")

    def status(gateway):
        with gateway.connect() as sock:
            sock.sendall(head)
            return wire.read_answer(sock).status

    gateway = start_gateway()
    path = os.path.join(gateway.folder, "htpasswd")
    with open(path, "w", encoding="ascii") as f:
        f.write(line)
    gateway.reload({"listener.auth": "basic", "listener.credentials": path})
    assert ask(gateway, "no.example") == 407
    assert status(gateway) == 403
    with open(path, "w", encoding="ascii") as f:
        f.write(line.replace("bob", "eve"))
    gateway.reload()
    assert status(gateway) == 407
    gateway.reload({})
    assert ask(gateway, "no.example") == 403


def test_counters_go_on(start_gateway):
    """Though more names make every place in the list another one."""
    gateway = start_gateway(ADMIN)
    name = ('sekisho_endpoint_tunnels_total{host="%s",.*'
            'outcome="connect_refused"}')
    gateway.lab.dns.script(RAW, dns.addresses(facts.REFUSING_ADDRESS))
    assert ask(gateway, RAW) == 502
    assert metric(gateway, name % RAW) == 1
    gateway.allow("lab", RAW, *(f"a{i}.lab.example" for i in range(600)))
    gateway.reload()
    assert ask(gateway, RAW) == 502
    assert metric(gateway, name % RAW) == 2
    assert metric(gateway, name % "a599.lab.example") == 0


def test_counters_come_back_with_their_name(start_gateway, lab):
    gateway = start_gateway(ADMIN)
    lab.dns.script(RAW, dns.addresses(facts.REFUSING_ADDRESS))
    assert ask(gateway, RAW) == 502
    gateway.allow("lab", "other.lab.example")
    gateway.reload()
    assert ask(gateway, RAW) == 403
    gateway.allow("lab", RAW)
    gateway.reload()
    assert metric(gateway, f'sekisho_endpoint_tunnels_total{{host="{RAW}",.*'
                  'outcome="connect_refused"}') == 1


def test_listeners_that_come_and_go_are_counted_apart(start_gateway,
                                                      open_tunnel):
    """However often: there is room for 32 names."""
    gateway = start_gateway(ADMIN)
    both = {f"listener {name}.address": f"{gateway.address}:{port}"
            for name, port in (("b", 3150), ("c", 3151))}
    for _ in range(20):
        gateway.reload(both)
        gateway.reload({})
    gateway.reload(both)
    gateway.port = 3150
    open_tunnel(gateway)
    assert [metric(gateway, f'sekisho_tunnels_active{{listener="{name}"}}')
            for name in ("lab", "b", "c")] == [0, 1, 0]


def test_what_takes_a_restart_is_named(gateway):
    gateway.reload({"gateway.workers": "2", "dns.timeout": "1s",
                    "log.format": "logfmt", "tunnel.idle_timeout": "5m"})
    for key in ("gateway.workers", "dns.timeout", "log.format"):
        assert gateway.error_lines(f"event=reload_incomplete key={key} ")
    assert len(gateway.error_lines("event=reload_incomplete")) == 3


def held_half_way(gateway, host):
    """A client whose request is half there: it began before the reload."""
    before = gateway.sockets()
    sock = gateway.connect()
    sock.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n".encode())
    wait_for(lambda: gateway.sockets() > before and not gateway.unread(),
             "the half of a request to be read")
    return sock


def warm_up(gateway, listener, host):
    """Leaves a spare connection to host ready; returns the origin's ends."""
    with gateway.connect() as sock:
        assert wire.http_connect(sock, host).status == 200
        return [listener.accept()[0], listener.accept()[0]]


def test_a_client_from_before_gets_no_spare_of_another_host(start_gateway,
                                                            lab):
    """The new list has another host at the old one's place."""
    gateway = start_gateway({**ADMIN, "upstream.warm": "1"})
    other, address = "raw2.lab.example", "52.94.2.2"
    lab.dns.script(other, dns.addresses(address))
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as right, \
            lab.internet.listen(address, 443) as wrong, \
            held_half_way(gateway, RAW) as sock:
        gateway.allow("lab", "echo.lab.example", other)
        gateway.reload()
        ends = warm_up(gateway, wrong, other)
        gateway.log_line(host=other)
        sock.sendall(b"Host: x\r\n\r\n")
        assert wire.read_answer(sock).status == 200
        ends.append(right.accept()[0])
        sock.close()
        line = gateway.log_line(event="tunnel", host=RAW)
        assert line["upstream"] == f"{facts.RAW_ADDRESS}:443"
        for end in ends:
            end.close()


def test_spares_stay_as_the_start_has_them(start_gateway, lab):
    """upstream.warm takes a restart, and what it has counted goes on."""
    gateway = start_gateway({**ADMIN, "upstream.warm": "1"})
    taken = 'sekisho_warm_total{result="taken"}'
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        for warm in (None, "off"):
            for end in warm_up(gateway, listener, RAW):
                end.close()
            gateway.log_line(host=RAW, event="tunnel")
            before = metric(gateway, 'sekisho_warm_total{result="missed"}')
            assert before >= 1
            gateway.reload({"upstream.warm": warm})
            assert metric(
                gateway, 'sekisho_warm_total{result="missed"}') == before
    assert metric(gateway, taken) is not None


def test_from_one_address_to_all(start_gateway, lab):
    """The new listener's address overlaps with the old one's."""
    gateway = start_gateway({"gateway.workers": "2"})
    for address in ("0.0.0.0", gateway.address, "[::]"):
        gateway.reload({"listener.address": f"{address}:3128"})
        assert ask(gateway, "no.example") == 403


def test_a_burst_of_signals_ends_in_the_last_configuration(gateway):
    for i in range(20):
        gateway.rewrite({"tunnel.idle_timeout": f"{i + 1}m"})
        gateway.signal(1)
    gateway.allow("lab", "last.lab.example")
    gateway.signal(1)
    wait_for(lambda: ask(gateway, "last.lab.example") != 403,
             "the last configuration")


def test_mounted_files(start_gateway, lab):
    """As Kubernetes mounts a ConfigMap."""
    mounted = Mounted(lab.new_folder("mounted"),
                      own_ini=allowlist("one.lab.example"))
    gateway = start_gateway({"gateway.watch_files": "on",
                             "gateway.extra": mounted.path("own.ini")})
    assert ask(gateway, "two.lab.example") == 403
    for n, name in enumerate(("two", "three"), 2):
        mounted.swap(own_ini=allowlist(f"{name}.lab.example"))
        wait_for(lambda n=name: ask(gateway, f"{n}.lab.example") != 403,
                 "the swap to be seen")
        # The line comes when every worker serves by it: a moment later.
        gateway.error_line_number(n - 1, "event=reloaded")
    # A file beside them is nobody's business.
    with open(mounted.path("other"), "w", encoding="ascii") as f:
        f.write("x")
    mounted.swap(own_ini=allowlist("broken..name"))
    gateway.error_line("event=reload_refused")
    assert len(gateway.error_lines("event=reloaded")) == 2
    mounted.swap(own_ini=allowlist("five.lab.example"))
    wait_for(lambda: ask(gateway, "five.lab.example") != 403,
             "the good one after the bad one")


def test_configuration_file_is_watched(start_gateway):
    gateway = start_gateway({"gateway.watch_files": "on"})
    gateway.rewrite({"gateway.extra": None})
    wait_for(lambda: ask(gateway, RAW) == 403, "the new file to be read")
    gateway.rewrite({"gateway.watch_files": "off"})
    gateway.error_line("event=reloaded")
    wait_for(lambda: ask(gateway, RAW) != 403, "the old file to be read")
    gateway.rewrite({"gateway.extra": None})
    assert ask(gateway, RAW) != 403


def test_hup_while_it_drains(start_gateway, open_tunnel):
    gateway = start_gateway({"shutdown.drain": "60s"})
    tunnel = open_tunnel(gateway)
    gateway.signal(15)
    gateway.error_line("event=draining")
    gateway.signal(1)
    tunnel.send_up(b"goes on")
    tunnel.finish()
    assert gateway.wait_exit() == 0
