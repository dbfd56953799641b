"""The base of all fakes: an HTTP server on a free loopback port, for the length of a `with`."""

import contextlib
import http.server
import pathlib
import socket
import threading


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Dozens of function processes connect at once, each more than once.
    request_queue_size = 1024

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request, client_address):
        """A client that disconnects (a killed function, a client's time-out) is part of the tests, not news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", headers=()):
        """`headers` is a dictionary, or pairs if one is repeated."""
        self.send_response(status)
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class ReservedPort:
    """A port for a server that cannot choose one itself.

    The kernel assigns free ports from its own range, also to outgoing connections: ours is below that range. A UDP
    socket with the same number reserves it against other runs of these tests until it is closed.
    """

    def __init__(self):
        for port in range(FIRST_PORT, _begin_of_the_kernels_range()):
            self.held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with contextlib.suppress(OSError), socket.socket() as tried:
                self.held.bind(("127.0.0.1", port))
                # A server that was just stopped leaves connections behind, which do not block the port.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(("127.0.0.1", port))
                self.number = port
                return
            self.held.close()
        raise RuntimeError("every port is taken")

    def release(self):
        self.held.close()


FIRST_PORT = 21_000


def _begin_of_the_kernels_range():
    try:
        return int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768


# Bound and never listening: it refuses every connection, and nobody else can use it.
_NOBODY = socket.socket()
_NOBODY.bind(("127.0.0.1", 0))


def refused_url():
    """An address at which every connection is refused."""
    return "http://127.0.0.1:%d" % _NOBODY.getsockname()[1]
