# SPDX-License-Identifier: Apache-2.0
"""The frame of the end-to-end tests: one lab a run, one gateway a test.

Nothing is skipped: a machine that cannot make the lab fails the run and says
why. SEKISHO_PROXY and SEKISHO_DIAG name the binaries under test.
"""

import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

pytest.register_assert_rewrite("crowd", "drivers", "faults", "secure",
                               "tunnels", "lab.diag", "lab.gateway")

from faults import World  # noqa: E402
from lab.diag import Diag  # noqa: E402
from lab.lab import Lab, LabError  # noqa: E402
from lab.tls import TlsClient  # noqa: E402
from secure import HERE, Files  # noqa: E402
from tunnels import Tunnel  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "gateway(settings): settings of this test's gateway")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures see whether their test has failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.has_failed = True


def binary_from(variable, default):
    """Path of a gateway binary; fails the test when it is not there."""
    path = os.environ.get(variable, str(TESTS.parent / default))
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not there: build it, or name another with "
                    f"{variable}")
    return path


@pytest.fixture(scope="session")
def the_lab():
    try:
        instance = Lab()
        instance.__enter__()
    except LabError as e:
        pytest.exit(f"no lab: {e}", returncode=1)
    yield instance
    instance.close()


@pytest.fixture
def lab(the_lab):
    """The session's lab, with nothing left over from the test before."""
    the_lab.reset()
    return the_lab


@pytest.fixture
def diag():
    """Starts sekisho-diag; what still runs after the test is ended."""
    one = Diag(binary_from("SEKISHO_DIAG", "build/dev/sekisho-diag"))
    yield one
    one.close()


@pytest.fixture
def world(lab, diag, start_gateway):
    """A place to break something in, and to look from."""
    with World(lab, diag, start_gateway) as one:
        yield one


@pytest.fixture
def start_gateway(lab, request):
    """Starts gateways; each is stopped in order after the test and judged by
    its exit status and by what the sanitizers said."""
    started = []

    def start(settings=None, binary=None, **kw):
        binary = binary or binary_from("SEKISHO_PROXY", "build/dev/sekisho-proxy")
        gateway = lab.start_gateway(binary, settings, **kw)
        started.append(gateway)
        return gateway

    yield start
    faults = []
    for gateway in started:  # all of them, or the next test finds them there
        try:
            gateway.stop()
        except AssertionError as e:
            faults.append(e)
        if getattr(request.node, "has_failed", False):
            print(gateway.transcript())
    if faults:
        raise faults[0]


@pytest.fixture
def gateway(start_gateway, request):
    """A gateway for region us-1, with the settings of @pytest.mark.gateway."""
    mark = request.node.get_closest_marker("gateway")
    return start_gateway(mark.args[0] if mark else None)


@pytest.fixture
def open_tunnel(start_gateway):  # closed before its gateway is stopped
    """Opens tunnels of which the test holds both ends."""
    opened = []

    def open_one(gateway, **kw):
        tunnel = Tunnel(gateway, **kw)
        opened.append(tunnel)
        return tunnel

    yield open_one
    for tunnel in opened:
        tunnel.close()


@pytest.fixture
def files(lab):
    """Certificates for a gateway that speaks TLS, and for its clients."""
    return Files(lab)


@pytest.fixture
def guarded(start_gateway, files):
    """A gateway that speaks TLS."""
    return start_gateway(files.settings())


@pytest.fixture
def tunnel_in(files, open_tunnel):
    """Opens a tunnel in TLS; near is the TlsClient."""
    def open_one(gateway, step=None, **kw):
        return open_tunnel(gateway, connect=lambda rcvbuf: TlsClient(
            gateway.connect(rcvbuf), files.context(), HERE, step=step), **kw)
    return open_one


@pytest.fixture
def untouched(lab):
    """Calls return what the gateway has sent out since the last call, by the
    kernel's own count and by the lab's: nothing must have happened."""
    keys = ("Tcp.ActiveOpens", "Udp.OutDatagrams", "Udp6OutDatagrams")

    def look():
        counters = lab.gateway.counters()
        return [counters[k] for k in keys] + [lab.dns.queries(),
                                              lab.origins.connections()]

    last = look()

    def judge():
        nonlocal last
        before, last = last, look()
        return last == before

    return judge
