"""A private network in which AWS's host names lead to the fake: clients resolve, connect to and trust real names.

Created inside `unshare -n -m`, so that nothing outside sees it. The called region selects the fault."""

import contextlib
import dataclasses
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
import uuid

from tests.harness.fake_oidc import FakeOidc

from . import WORK

REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "ap-southeast-1", "ap-southeast-2")
REFUSED, RESET, BLACKHOLE, UNREACHABLE = "eu-west-1", "eu-west-2", "ca-central-1", "sa-east-1"
NO_SUCH_NAME, NO_NAME_SERVER = "eu-west-3", "eu-north-1"
FOREIGN_CA, EXPIRED, SELF_SIGNED, OTHER_NAME = "eu-south-1", "ap-south-1", "ap-northeast-1", "ap-northeast-2"

SERVICE, NOBODY, RESETS, SILENT, NOWHERE = "10.0.1.10", "10.0.1.11", "10.0.1.12", "10.0.1.20", "10.8.8.8"
BAD_TLS = {FOREIGN_CA: "10.0.1.13", EXPIRED: "10.0.1.14", SELF_SIGNED: "10.0.1.15", OTHER_NAME: "10.0.1.16"}
RESOLVER, PROXY = "10.0.0.2", "10.0.2.5"
PROXY_CLOSED, PROXY_FORBIDS, PROXY_WANTS_PASSWORD = (f"http://proxy.corp.example.com:{port}" for port in (3128, 3129, 3130))
OTHER_HOSTS = ("portal.sso.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com", "sts.amazonaws.com",
               "cognito-idp.us-east-1.amazonaws.com", "cognito-identity.us-east-1.amazonaws.com",
               "us-east-1.signin.aws.amazon.com", "oidc.eks.us-east-1.amazonaws.com",
               "license-manager.us-east-1.amazonaws.com", "amplifyuibuilder.us-east-1.amazonaws.com")
OTHER_SILENT_HOSTS = ("secretsmanager.us-east-1.amazonaws.com",)

CERTIFICATES = WORK / "certificates"
CA = CERTIFICATES / "ca.pem"


def host(region):
    return f"oidc.{region}.amazonaws.com"


def hosts():
    lines = {"127.0.0.1": ["localhost"], SERVICE: [*map(host, REGIONS), *OTHER_HOSTS], NOBODY: [host(REFUSED)],
             RESETS: [host(RESET)], SILENT: [host(BLACKHOLE), *OTHER_SILENT_HOSTS], NOWHERE: [host(UNREACHABLE)],
             PROXY: ["proxy.corp.example.com"], **{address: [host(region)] for region, address in BAD_TLS.items()}}
    return "".join(f"{address} {' '.join(names)}\n" for address, names in lines.items())


def make_certificates():
    """The CA that clients trust, and the other certificates a server may present."""
    if CA.exists():
        return
    CERTIFICATES.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=CERTIFICATES, check=True, capture_output=True)

    for name, subject in (("foreign", "/O=Corp/CN=Corp TLS Inspection CA"), ("ca", "/O=Amazon/CN=Amazon Root CA 1")):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", subject,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def certificate(name, ca, names, days="3650"):
        (CERTIFICATES / f"{name}.ext").write_text(
            f"subjectAltName={','.join('DNS:' + name for name in names)}\nbasicConstraints=critical,CA:FALSE\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={names[0]}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        signer = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial") if ca else ("-signkey", f"{name}.key")
        openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", days, "-extfile", f"{name}.ext",
                "-out", f"{name}.crt")

    certificate("service", "ca", [host(REGIONS[0]), *map(host, REGIONS[1:]), *OTHER_HOSTS])
    certificate(FOREIGN_CA, "foreign", [host(FOREIGN_CA)])
    certificate(EXPIRED, "ca", [host(EXPIRED)], days="-1")
    certificate(SELF_SIGNED, None, [host(SELF_SIGNED)])
    certificate(OTHER_NAME, "ca", ["gateway.corp.example.com"])


@contextlib.contextmanager
def network():
    """Addresses, names, a resolver, the bad servers and the proxies."""
    def run(*command):
        subprocess.run(command, check=True)

    run("ip", "link", "set", "lo", "up")
    for address in (SERVICE, NOBODY, RESETS, SILENT, RESOLVER, PROXY, *BAD_TLS.values()):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    for name, text in (("hosts", hosts()), ("resolv.conf", f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")):
        file = WORK / name
        file.write_text(text)
        run("mount", "--bind", str(file), str(pathlib.Path("/etc", name).resolve()))

    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind((RESOLVER, 53))
    _in_thread(_resolve, resolver)
    _serve((RESETS, 443), _reset)
    for region, address in BAD_TLS.items():
        _serve((address, 443), lambda connection, context=tls(region): context.wrap_socket(connection, server_side=True))
    _serve((PROXY, 3129), lambda connection: _refuse_proxying(connection, "403 Forbidden", ""))
    _serve((PROXY, 3130), lambda connection: _refuse_proxying(
        connection, "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="corp"\r\n'))
    silent, waiting = _silence((SILENT, 443))
    yield
    for held in (silent, *waiting):
        held.close()


def tls(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.crt", CERTIFICATES / f"{name}.key")
    return context


class TlsService(FakeOidc):
    """The fake behind TLS, at the address that AWS's names lead to."""

    def __init__(self):
        self.tls = tls("service")
        #: Those that were given since somebody emptied this.
        self.request_ids = []
        super().__init__()

    def next_answer(self, operation, body):
        answer = super().next_answer(operation, body)
        if answer.request_id is not True:
            return answer
        self.request_ids.append(str(uuid.uuid4()))
        return dataclasses.replace(answer, request_id=self.request_ids[-1])

    def server_bind(self):
        self.server_address = (SERVICE, 443)
        super().server_bind()

    def get_request(self):
        connection, address = super().get_request()
        # The handshake is made by the thread that reads the request.
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address


def _in_thread(do, *arguments):
    threading.Thread(target=do, args=arguments, daemon=True).start()


def _serve(address, do):
    listening = socket.create_server(address, backlog=64)

    def one(connection):
        with contextlib.suppress(OSError), connection:
            do(connection)

    def accept():
        while True:
            _in_thread(one, listening.accept()[0])

    _in_thread(accept)


def _reset(connection):
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _refuse_proxying(connection, status, header):
    connection.recv(4096)
    connection.sendall(f"HTTP/1.1 {status}\r\n{header}Content-Type: text/html\r\nContent-Length: 18\r\n"
                       "Connection: close\r\n\r\n<h1>Forbidden</h1>".encode())


def _silence(address):
    """A port with a full queue: further connections get no answer at all."""
    listening = socket.create_server(address, backlog=0)
    waiting = []
    for _ in range(4):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(address)
        waiting.append(connection)
    return listening, waiting


def _resolve(server):
    """A resolver without names: NXDOMAIN for all but one, and a failure for that."""
    while True:
        query, asker = server.recvfrom(512)
        code = 2 if NO_NAME_SERVER.encode() in query else 3
        server.sendto(query[:2] + bytes([0x81, 0x80 | code]) + query[4:6] + bytes(6) + _question(query), asker)


def _question(query):
    end = query.index(b"\0", 12) + 5
    return query[12:end]
