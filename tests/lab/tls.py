# SPDX-License-Identifier: Apache-2.0
"""A TLS client of which the test decides every byte on the wire: what is sent
when, in which pieces, and how it ends."""

import ssl
import threading

DEADLINE = 20


class TlsClient:
    """TLS over a connected socket, which it then owns. Looks like a socket as
    far as tests need it; ends the TLS way and the TCP way apart."""

    def __init__(self, sock, context, name, step=None, handshake=True,
                 session=None):
        self.sock, self.step = sock, step
        sock.settimeout(DEADLINE)
        self._lock = threading.Lock()  # one thread may read, one write
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out,
                                    server_hostname=name,
                                    session=session)
        if handshake:
            self._do(self.tls.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The wire

    def flush(self):
        """Sends what TLS has to say by itself."""
        data = self._out.read()
        step = self.step or len(data)
        for at in range(0, len(data), step or 1):
            self.sock.sendall(data[at:at + step])

    def _feed(self):
        data = self.sock.recv(65536)
        with self._lock:
            if data:
                self._in.write(data)
            else:
                self._in.write_eof()

    def _do(self, call, *args):
        while True:
            with self._lock:
                try:
                    return call(*args)
                except ssl.SSLWantReadError:
                    pass
                finally:
                    self.flush()  # an alert, too
            self._feed()

    # What tests use

    def fileno(self):
        return self.sock.fileno()

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)

    def sendall(self, data):
        for at in range(0, len(data), 1 << 16):
            self._do(self.tls.write, data[at:at + (1 << 16)])

    def send(self, data):
        self.sendall(data)
        return len(data)

    def recv(self, size):
        """b"" after a close_notify; ssl.SSLEOFError after a bare FIN."""
        try:
            return self._do(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def shutdown(self, _how=None):
        """close_notify, and no FIN: the other way goes on."""
        with self._lock:
            # Python would wait for the other side's, and take bytes that
            # come before it for an error: hide them.
            unread = self._in.read()
            try:
                self.tls.unwrap()
            except (ssl.SSLWantReadError, ssl.SSLSyscallError):
                pass
            self._in.write(unread)
            self.flush()

    def cut(self, how):
        """A FIN without a close_notify."""
        self.sock.shutdown(how)

    def close(self):
        self.sock.close()
