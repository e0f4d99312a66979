"""Real reverse proxies on the configurations in docs/, and a second program behind them."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug import Request, Response

from authapp import ROOT
from tests.support.waiting import PATIENCE_SECONDS, wait_until

NGINX: Final = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_INSTALLED: Final = Path(sys.executable).parent

HOST: Final = "accounts.example.org"
AUTHAPP: Final = "127.0.0.1:8000"
PROGRAM: Final = "127.0.0.1:9000"


@Request.application
def program(request: Request) -> Response:
    """Return the path and headers that reached the second program, or an error of its own."""
    if request.path == "/app/broken":
        return Response("the program's own fault", 500)
    told = {"path": request.full_path, "headers": dict(request.headers)}
    return Response(json.dumps(told), content_type="application/json")


class Site:
    """Where a proxy listens, what is behind it, and the folder with its certificate and logs."""

    def __init__(self, folder: Path, port: int, *, authapp: int, program: int) -> None:
        self.folder = folder
        self.port = port
        self.behind = {AUTHAPP: f"127.0.0.1:{authapp}", PROGRAM: f"127.0.0.1:{program}"}
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        if not self.key.exists():
            _certify(self.key, self.certificate)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def logged(self) -> str:
        """Return what the proxy has logged, in any file."""
        return "\n".join(file.read_text() for file in sorted(self.folder.rglob("*.log")))

    def adapt(self, name: str, changes: dict[str, str]) -> Path:
        """Copy a configuration from docs/ with this site's addresses and files."""
        text = (ROOT / "docs" / name).read_text()
        for old, new in changes.items():
            assert old in text, f"{name} does not contain {old}"
            text = text.replace(old, new)
        for old, new in self.behind.items():
            text = text.replace(old, new)
        (self.folder / name).write_text(text)
        return self.folder / name


def browsing(site: Site) -> requests.Session:
    """Return a client that trusts the site's certificate, and has its own cookies."""
    client = requests.Session()
    client.trust_env = False
    client.verify = str(site.certificate)
    return client


@contextmanager
def nginx(site: Site) -> Iterator[None]:
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{site.port} ssl",
        f"/etc/ssl/certs/{HOST}.pem": str(site.certificate),
        f"/etc/ssl/private/{HOST}.key": str(site.key),
        "/var/log/nginx/": f"{site.folder}/",
    }
    with _running_nginx(site, changes):
        yield


@contextmanager
def _running_nginx(site: Site, changes: dict[str, str], *, is_tls: bool = True) -> Iterator[None]:
    folder = site.folder
    included = site.adapt("nginx.conf", changes)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "main.conf"
    main.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}} http {{ {temporary} include {included}; }}\n"
    )
    with _running([str(NGINX), "-p", str(folder), "-c", str(main)], site, is_tls=is_tls):
        yield


@contextmanager
def balancer(folder: Path, port: int, servers: list[int]) -> Iterator[None]:
    """Run nginx without TLS in front of several servers of authapp."""
    site = Site(folder, port, authapp=servers[0], program=servers[0])
    first, *others = (f"server 127.0.0.1:{each} max_fails=0;" for each in servers)
    site.behind = {f"server {AUTHAPP};": "\n    ".join([first, *others])}
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port}",
        f"    ssl_certificate     /etc/ssl/certs/{HOST}.pem;\n": "",
        f"    ssl_certificate_key /etc/ssl/private/{HOST}.key;\n": "",
        "/var/log/nginx/": f"{folder}/",
        "        internal;\n": "",
    }
    with _running_nginx(site, changes, is_tls=False):
        yield


@contextmanager
def caddy(site: Site) -> Iterator[None]:
    changes = {
        "{\n\t# Errors": "{\n\tadmin off\n\tauto_https off\n\t# Errors",
        f"{HOST} {{\n": f"https://127.0.0.1:{site.port} {{\n\ttls {site.certificate} {site.key}\n",
        "/var/log/caddy": str(site.folder),
    }
    file = site.adapt("Caddyfile", changes)
    with _running([_INSTALLED / "caddy", "run", "--adapter", "caddyfile", "--config", file], site):
        yield


@contextmanager
def traefik(site: Site) -> Iterator[None]:
    routes = site.adapt(
        "traefik-routes.yaml",
        {
            f"Host(`{HOST}`)": "Host(`127.0.0.1`)",
            f"/etc/ssl/certs/{HOST}.pem": str(site.certificate),
            f"/etc/ssl/private/{HOST}.key": str(site.key),
        },
    )
    file = site.adapt(
        "traefik.yaml",
        {
            '":443"': f'"127.0.0.1:{site.port}"',
            "/etc/traefik/traefik-routes.yaml": str(routes),
            "/var/log/traefik": str(site.folder),
        },
    )
    with _running([_INSTALLED / "traefik", f"--configFile={file}"], site):
        yield


PROXIES: Final[dict[str, Callable]] = {"nginx": nginx, "caddy": caddy, "traefik": traefik}


@contextmanager
def _running(command: list[str | Path], site: Site, *, is_tls: bool = True) -> Iterator[None]:
    """Run a proxy, with its own output in a log file, until the block ends."""
    with (site.folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(site.folder)},
            cwd=site.folder,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: _is_answering(site, process, is_tls), "the proxy does not answer")
        yield
    finally:
        process.terminate()
        code = process.wait(PATIENCE_SECONDS)
    assert code == 0


def _is_answering(site: Site, process: "subprocess.Popen[bytes]", is_tls: bool) -> bool:
    """Return whether the proxy has loaded its routes, even if nothing is behind them."""
    assert process.poll() is None, f"the proxy does not start:\n{site.logged}"
    trusted = ssl.create_default_context(cafile=site.certificate)
    connection = (
        HTTPSConnection("127.0.0.1", site.port, timeout=PATIENCE_SECONDS, context=trusted)
        if is_tls
        else HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE_SECONDS)
    )
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status != HTTPStatus.NOT_FOUND
    except OSError:
        return False
    finally:
        connection.close()


def _certify(key_file: Path, certificate_file: Path) -> None:
    """Write a new key, and a certificate for 127.0.0.1 that it signs itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=400))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    certificate_file.write_bytes(certificate.public_bytes(encoding))
