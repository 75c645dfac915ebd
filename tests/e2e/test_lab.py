# SPDX-License-Identifier: Apache-2.0
"""The lab itself: what every other test relies on, shown without a gateway."""

import os
import socket
import ssl
import struct
import subprocess
import sys

import pytest

from lab import dns, facts, wire
from lab.lab import Lab, wait_for
from lab.netns import LabError, Namespace, remove_stale
from lab.origins import LAYER_DIGEST

CONTAINER = facts.host("us-1", "container")


def ask(lab, name, qtype=dns.A, transport="udp", server=facts.DNS_ADDRESS):
    """One query from the gateway's namespace; returns the packet."""
    query = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + \
        dns.encode_name(name) + struct.pack("!HH", qtype, 1)
    if transport == "udp":
        with lab.gateway.socket(kind=socket.SOCK_DGRAM) as sock:
            sock.sendto(query, (server, 53))
            return sock.recv(4096)
    with lab.gateway.connect(server, 53) as sock:
        sock.sendall(struct.pack("!H", len(query)) + query)
        size = struct.unpack("!H", wire.read_exact(sock, 2))[0]
        return wire.read_exact(sock, size)


def rcode(packet):
    return packet[3] & 15


def answers(packet):
    return struct.unpack("!H", packet[6:8])[0]


def tls(lab, host, address=None, alpn=None, name=None):
    """A verified TLS connection straight from the gateway's namespace."""
    context = ssl.create_default_context(cafile=lab.ca_file)
    if alpn:
        context.set_alpn_protocols([alpn])
    sock = lab.gateway.connect(address or facts.BY_HOST[host].ipv4, 443)
    return context.wrap_socket(sock, server_hostname=name or host)


def get(lab, host, path="/", method="GET", headers="", body=b""):
    """Status, header bytes and body that a service answers directly."""
    with tls(lab, host) as sock:
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
                     f"Content-Length: {len(body)}\r\n{headers}"
                     "Connection: close\r\n\r\n".encode() + body)
        raw = wire.read_to_end(sock)
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


# Network


def test_facts_hold_51_endpoints_nine_for_a_region():
    assert len({e.host for e in facts.PUBLISHED}) == 51
    assert all(len(facts.of_region(r)) == 9 for r in facts.REGIONS)
    assert len({e.ipv4 for e in facts.ENDPOINTS}) == len(facts.ENDPOINTS)


def test_client_reaches_the_gateway_and_nothing_else(lab):
    with lab.gateway.listen(facts.GATEWAY_INSIDE, 0) as there:
        lab.client.connect(*there.getsockname()).close()
    with pytest.raises(OSError):
        lab.client.connect(facts.BY_HOST[CONTAINER].ipv4, 443)
    assert lab.origins.connections() == 0


def test_no_route_leads_out_of_the_lab(lab):
    for namespace in lab.namespaces:
        links = namespace.run(["ip", "-o", "link"]).stdout.splitlines()
        # Tunnel pseudo devices that some kernels add to every namespace
        # are down; only these are ours.
        up = {line.split(": ")[1].split("@")[0] for line in links
              if ",UP" in line}
        assert up <= {"lo", "lan", "wan"}


def test_kernel_counters_see_one_connection(lab):
    before = lab.gateway.counters()["Tcp.ActiveOpens"]
    lab.gateway.connect(facts.BY_HOST[CONTAINER].ipv4, 443).close()
    assert lab.gateway.counters()["Tcp.ActiveOpens"] == before + 1


def test_unserved_address_refuses(lab):
    with pytest.raises(ConnectionRefusedError):
        lab.gateway.connect(facts.REFUSING_ADDRESS, 443)


def test_silent_address_answers_nothing(lab):
    lab.internet.nft("table inet lab {", "counter silent { }", "chain pre {",
                     "type filter hook prerouting priority 0;",
                     f"ip daddr {facts.SILENT_ADDRESS} counter name silent",
                     "}", "}")

    def arrived():
        text = lab.internet.run(["nft", "list", "counters"]).stdout
        return "packets 0 " not in text

    with lab.gateway.socket() as sock:
        sock.setblocking(False)
        sock.connect_ex((facts.SILENT_ADDRESS, 443))
        wait_for(arrived, "the SYN")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        port = sock.getsockname()[1]
        states = [row.state for row in lab.gateway.tcp_table()
                  if row.local_port == port]
        assert states == [2]  # SYN sent, and that is all


def test_nft_rule_refuses_one_address(lab):
    address = facts.BY_HOST[CONTAINER].ipv4
    lab.internet.nft("table inet lab {", "chain in {",
                     "type filter hook input priority 0;",
                     f"ip daddr {address} tcp dport 443 reject with tcp "
                     "reset", "}", "}")
    with pytest.raises(ConnectionRefusedError):
        lab.gateway.connect(address, 443)
    lab.reset()
    lab.gateway.connect(address, 443).close()


def test_raw_listener_of_a_test_takes_bytes_both_ways(lab):
    with lab.internet.listen(facts.RAW_ADDRESS, 443) as listener:
        near = lab.gateway.connect(facts.RAW_ADDRESS, 443)
        far, _ = listener.accept()
        near.sendall(b"up")
        far.sendall(b"down")
        assert wire.read_exact(far, 2) == b"up"
        assert wire.read_exact(near, 4) == b"down"
        wire.reset(far)
        with pytest.raises(ConnectionResetError):
            near.recv(1)
        near.close()


def test_labs_of_dead_processes_are_removed_at_start(lab):
    child = subprocess.run([sys.executable, "-c", "import os;"
                            "print(os.getpid())"], capture_output=True,
                           text=True, check=True)
    stale = Namespace(f"sekisho-{child.stdout.strip()}-client")
    subprocess.run(["ip", "netns", "add", stale.name], check=True)
    stale.set_resolvers("10.0.0.1")
    remove_stale()
    assert not os.path.exists(f"/run/netns/{stale.name}")
    assert not os.path.exists(f"/etc/netns/{stale.name}")
    assert os.path.exists(f"/run/netns/{lab.client.name}")


def test_without_privileges_the_lab_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="run it as root"):
        Lab()


# The router on the path


def test_router_carries_both_families_and_counts(lab):
    with lab.router() as path:
        for address in (facts.BY_HOST[CONTAINER].ipv4,
                        facts.BY_HOST[CONTAINER].ipv6):
            before = path.carried
            with tls(lab, CONTAINER, address) as sock:
                assert sock.version() == "TLSv1.3"
            assert path.carried > before
    carried = path.carried
    with tls(lab, CONTAINER):
        pass
    assert path.carried == carried  # out of the path again


def test_router_survives_loss(lab):
    with lab.router() as path:
        path.lose_every = 7
        status, _, body = get(lab, facts.REGISTRY_CDN,
                              f"/blobs/{LAYER_DIGEST}")
        assert status == 200 and len(body) == 10000
        assert path.lost > 0


def test_router_delays(lab):
    """The kernel's own measurement: tcpi_rtt of TCP_INFO, microseconds."""
    with lab.router() as path:
        path.delay = 0.05
        with lab.gateway.connect(facts.BY_HOST[CONTAINER].ipv4, 443) as sock:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            assert struct.unpack("I", info[68:72])[0] >= 100000


def test_router_swallows_big_packets_without_a_word(lab):
    with lab.router() as path:
        path.swallow = 1000
        near = lab.gateway.connect(facts.BY_HOST["sink.lab.example"].ipv4,
                                   443)
        near.sendall(wire.client_hello("sink.lab.example"))
        wait_for(lambda: lab.origins.bytes_read("sink.lab.example"),
                 "the small packet")
        errors = lab.gateway.counters()["Icmp.InMsgs"]
        near.sendall(bytes(1400))
        wait_for(lambda: path.swallowed >= 2, "a repetition")
        assert lab.origins.bytes_read("sink.lab.example") < 1000
        assert lab.gateway.counters()["Icmp.InMsgs"] == errors
        near.close()


def test_router_resets_by_server_name(lab):
    other = facts.host("us-1", "artifactscan")
    with lab.router() as path:
        path.reset_names.add(CONTAINER)
        with pytest.raises(ConnectionResetError):
            tls(lab, CONTAINER)
        assert path.resets == 1
        tls(lab, other).close()


# DNS


def test_dns_answers_the_family_that_was_asked(lab):
    e = facts.BY_HOST[CONTAINER]
    assert ask(lab, CONTAINER)[-4:] == socket.inet_aton(e.ipv4)
    assert ask(lab, CONTAINER, dns.AAAA)[-16:] == \
        socket.inet_pton(socket.AF_INET6, e.ipv6)
    assert lab.dns.queries(CONTAINER, "A", "udp") == 1
    assert lab.dns.queries(CONTAINER, "AAAA") == 1


@pytest.mark.parametrize("reply, code", [
    (dns.nxdomain(), 3), (dns.servfail(), 2), (dns.refused(), 5),
    (dns.nodata(), 0)])
def test_dns_scripted_codes(lab, reply, code):
    lab.dns.script(CONTAINER, reply)
    packet = ask(lab, CONTAINER)
    assert rcode(packet) == code and answers(packet) == 0


def test_dns_unknown_name_does_not_exist(lab):
    assert rcode(ask(lab, "no.such.example")) == 3


def test_dns_truncated_answer_is_whole_over_tcp(lab):
    many = dns.addresses(*(f"52.94.3.{i}" for i in range(1, 101)))
    lab.dns.script(CONTAINER, dns.truncated(many))
    packet = ask(lab, CONTAINER)
    assert packet[2] & 2 and answers(packet) == 0
    assert answers(ask(lab, CONTAINER, transport="tcp")) == 100
    assert lab.dns.queries(CONTAINER, "A", "tcp") == 1


def test_dns_chain_rotation_and_rebinding(lab):
    lab.dns.script(CONTAINER, dns.addresses(
        "52.94.3.1", "52.94.3.2", chain=("a.example", "b.example"),
        rotate=True))
    assert answers(ask(lab, CONTAINER)) == 4
    second = ask(lab, CONTAINER)
    assert second[-4:] == socket.inet_aton("52.94.3.1")
    lab.dns.script(CONTAINER, dns.addresses("52.94.3.1"),
                   dns.addresses("10.0.0.1"))
    assert ask(lab, CONTAINER)[-4:] == socket.inet_aton("52.94.3.1")
    assert ask(lab, CONTAINER)[-4:] == socket.inet_aton("10.0.0.1")
    assert ask(lab, CONTAINER)[-4:] == socket.inet_aton("10.0.0.1")


def test_dns_held_query_is_answered_on_release(lab):
    lab.dns.script(CONTAINER, dns.held(dns.addresses("52.94.3.1")))
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + \
        dns.encode_name(CONTAINER) + struct.pack("!HH", dns.A, 1)
    with lab.gateway.socket(kind=socket.SOCK_DGRAM) as sock:
        sock.sendto(query, (facts.DNS_ADDRESS, 53))
        wait_for(lambda: lab.dns.queries(CONTAINER), "the query")
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(4096)
        lab.dns.release()
        sock.settimeout(20)
        assert answers(sock.recv(4096)) == 1


def test_dns_silence_and_garbage(lab):
    lab.dns.script(CONTAINER, dns.garbage(b"\xff" * 9))
    assert ask(lab, CONTAINER) == b"\x12\x34" + b"\xff" * 9
    lab.dns.script(CONTAINER, dns.silence())
    with lab.gateway.socket(kind=socket.SOCK_DGRAM) as sock:
        for name in (CONTAINER, "last.example"):
            sock.sendto(struct.pack("!HHHHHH", len(name), 256, 1, 0, 0, 0) +
                        dns.encode_name(name) + struct.pack("!HH", 1, 1),
                        (facts.DNS_ADDRESS, 53))
        # The only answer is the one to the query behind it.
        assert sock.recv(4096)[:2] == struct.pack("!H", len("last.example"))


# Origins


@pytest.mark.parametrize("e", facts.ENDPOINTS, ids=lambda e: e.host)
def test_every_endpoint_shows_its_own_certificate(lab, e):
    if e.kind in ("echo", "sink", "source"):
        with lab.gateway.connect(e.ipv4, 443):
            wait_for(lambda: lab.origins.connections(e.host), "accept")
        return
    with tls(lab, e.host) as sock:  # verifies chain and name
        assert sock.version() == "TLSv1.3"
    assert lab.origins.connections(e.host) == 1


def test_endpoint_on_ipv6(lab):
    with tls(lab, CONTAINER, facts.BY_HOST[CONTAINER].ipv6) as sock:
        assert sock.getpeername()[0] == facts.BY_HOST[CONTAINER].ipv6


def test_unknown_server_name_gets_the_default_certificate(lab):
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        tls(lab, CONTAINER, name="no.such.example")


def test_api_wants_a_key(lab):
    status, head, body = get(lab, CONTAINER, "/api/clusters")
    assert status == 401 and body == b'{"message": "Unauthorized"}'
    assert b"application/json" in head
    status, _, body = get(lab, CONTAINER, "/api/clusters",
                          headers=f"Authorization: ApiKey {facts.API_KEY}"
                          "\r\n")
    assert status == 200 and b"clusters" in body


def test_private_bucket_denies_and_takes_presigned_uploads(lab):
    host = facts.host("jp-1", "asaas-upload")
    status, head, body = get(lab, host)
    assert status == 403 and b"x-amz-request-id" in head
    assert b"x-amz-id-2" in head and b"<Code>AccessDenied</Code>" in body
    status, head, body = get(lab, host, method="HEAD")
    assert b"x-amz-bucket-region: ap-northeast-1" in head and body == b""
    status, head, _ = get(lab, host, "/x?X-Amz-Signature=1", "PUT",
                          body=b"x" * 100000)
    assert status == 200 and b"ETag" in head
    assert lab.origins.bytes_read(host) == 100000


def test_registry_gives_a_token_and_redirects_layers(lab):
    host = "public.ecr.aws"
    status, head, _ = get(lab, host, "/v2/")
    assert status == 401 and b'Bearer realm="https://public.ecr.aws/token/"' \
        in head
    assert get(lab, host, "/token/?service=public.ecr.aws")[0] == 200
    bearer = "Authorization: Bearer lab-token\r\n"
    assert get(lab, host, "/v2/a/manifests/latest", headers=bearer)[0] == 200
    status, head, _ = get(lab, host, "/v2/a/blobs/sha256:1", headers=bearer)
    assert status == 307 and facts.REGISTRY_CDN.encode() in head


def test_cli_metadata(lab):
    host = facts.host("us-1", "artifactscan-cli")
    assert get(lab, host, "/tmas-cli/metadata.json")[0] == 200


def test_iot_speaks_mqtt(lab):
    with tls(lab, facts.host("us-1", "iot"), alpn="x-amzn-mqtt-ca") as sock:
        assert sock.selected_alpn_protocol() == "x-amzn-mqtt-ca"
        sock.sendall(b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01x")
        assert wire.read_exact(sock, 4) == b"\x20\x02\0\0"
        sock.sendall(b"\xc0\0")
        assert wire.read_exact(sock, 2) == b"\xd0\0"
    assert get(lab, facts.host("us-1", "iot"))[0] == 401


def test_echo_sink_and_source(lab):
    for host, say in (("echo.lab.example", b"hello"),
                      ("sink.lab.example", b"x" * 1000),
                      ("source.lab.example", b"200000\n")):
        sock = lab.gateway.connect(facts.BY_HOST[host].ipv4, 443)
        sock.sendall(wire.client_hello(host) + say)
        sock.shutdown(socket.SHUT_WR)
        got = wire.read_to_end(sock)
        if host.startswith("echo"):
            assert got == say
        elif host.startswith("source"):
            assert got == bytes(200000)
        else:
            assert got == b"" and lab.origins.bytes_read(host) > 1000
        sock.close()
