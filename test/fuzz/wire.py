# How the fuzz speaks to the appliance: HTTPS with its certificate verified, from many loopback addresses, and how a request is told again.
import http.client
import http.cookiejar
import itertools
import shlex
import socket
import ssl
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

# The limits on requests count by address, and stay as strict as they are in life: the fuzz is many clients.
ADDRESSES = 64
# Longer than this for the whole answer is a hang, seconds.
TIME_LIMIT = 10


class FromAddress(HTTPAdapter):
    def __init__(self, address):
        self.address = address
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


class Wire:
    def __init__(self, url, certificate_file):
        self.url = url.rstrip("/")
        self.certificate_file = certificate_file
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self._tls = ssl.create_default_context(cafile=certificate_file)
        self._addresses = itertools.cycle([f"127.0.7.{number + 1}" for number in range(ADDRESSES)])
        self._sessions = itertools.cycle([self._session() for _ in range(ADDRESSES)])

    def _session(self):
        session = requests.Session()
        session.mount("https://", FromAddress(next(self._addresses)))
        session.verify = self.certificate_file
        session.trust_env = False
        # A cookie that the appliance sets must not sign in the requests after it.
        session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        return session

    def session(self):
        """The next client."""
        return next(self._sessions)

    def ask(self, method, path, token, body=None):
        """A request of the harness itself, which has to be answered as expected: it gives the parsed answer."""
        response = self.session().request(
            method,
            self.url + path,
            json=body,
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
        )
        if not response.ok:
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text[:300]}")
        return response.json() if response.content else None

    def raw(self, data, method="GET"):
        """Sends bytes as they are on a connection of its own; the status, headers and body of the answer, or None when there was none."""
        plain = socket.create_connection((self.host, self.port), TIME_LIMIT, (next(self._addresses), 0))
        with self._tls.wrap_socket(plain, server_hostname=self.host) as connection:
            connection.settimeout(TIME_LIMIT)
            try:
                connection.sendall(data)
            except (ConnectionError, ssl.SSLError):
                pass  # answered before all was sent: the answer is what counts
            answer = http.client.HTTPResponse(connection, method=method)
            try:
                answer.begin()
                return answer.status, answer.headers, answer.read()
            except TimeoutError:
                raise
            except (http.client.HTTPException, OSError):
                return None


def told(request, secrets):
    """A request as a command that repeats it, without the secrets that the harness put in."""
    words = ["curl", "--cacert", "data/web.crt", "-X", request.method]
    for name, value in request.headers.items():
        if name.lower() in ("content-length", "user-agent", "accept-encoding", "accept", "connection"):
            continue
        words += ["-H", f"{name}: {text(value)}"]
    if request.body:
        words += ["--data-binary", text(request.body)[:2000]]
    words.append(request.url)
    line = shlex.join(words)
    for secret, name in secrets.items():
        line = line.replace(secret, name)
    return line


def text(value):
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
