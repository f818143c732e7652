# Requests that no client library would send: every method at every path in every spelling, bytes that are no HTTP or no JSON, and the stream of events.
import json
import random
import re
from urllib.parse import unquote, urlsplit

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "get", "BREW"]
# Beside those of the document: hidden, of other modes, of the page, and none.
PATHS = [
    "/", "/api", "/api/", "/api/docs", "/api/openapi.json", "/api/rescue", "/api/rescue/export", "/api/rescue/restore",
    "/metrics", "/metrics/", "/index.html", "/assets/", "/assets/x.js", "/setup", "/settings", "/web.key", "/api-token",
    "/hoist.db", "/package.json", "/.git/config", "/api/none", "/apiary",
]  # fmt: skip
SPELLINGS = {
    "plain": lambda path: path,
    "slash after": lambda path: path + "/",
    "slashes": lambda path: "/" + path,
    "slashes within": lambda path: path.replace("/", "//"),
    "dot": lambda path: "/." + path,
    "dots": lambda path: "/assets/.." + path,
    "dots encoded": lambda path: "/assets/%2e%2e" + path,
    "slash encoded": lambda path: "/" + path[1:].replace("/", "%2f"),
    "letter encoded": lambda path: path.replace("a", "%61", 1),
    "encoded twice": lambda path: path.replace("a", "%2561", 1),
    "upper case": lambda path: path.upper(),
    "one upper case": lambda path: path.replace("api", "Api"),
    "semicolon": lambda path: path + ";x=/api/health/live",
    "semicolon within": lambda path: path.replace("/", "/;", 1),
    "query": lambda path: path + "?x=/api/health/live",
    "fragment": lambda path: path + "#/api/health/live",
    "nul": lambda path: path + "%00",
    "extension": lambda path: path + ".js",
    "backslash": lambda path: path.replace("/", "\\"),
    "no utf-8": lambda path: path + "%ff",
    "overlong": lambda path: path.replace("/", "/%c0%ae", 1),
    "blank": lambda path: path + "%20",
    "absolute": lambda path: "https://127.0.0.1" + path,
    "absolute, other": lambda path: "http://example.com/api/health/live/.." + path,
    "long": lambda path: path + "/" + "a" * 3000,
}


def told(data):
    return f"printf {data[:1500].decode('latin-1')!r} | openssl s_client -quiet -connect HOST:PORT"


def request(wire, method, target, headers=(), body=b"", length=True):
    lines = [f"{method} {target} HTTP/1.1", f"host: {wire.host}:{wire.port}", "connection: close", *headers]
    if body and length:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def sweep(wire, judge, document, open_operations, wanted, number):
    """As a stranger: whatever is answered with success is open to everybody, or the page."""
    chance = random.Random(f"sweep {number}")
    page = wire.raw(request(wire, "GET", "/"))[2]
    paths = [re.sub(r"\{\w+\}", "x", path) for path in document["paths"]] + PATHS
    everything = [(path, method, spelling) for path in paths for method in METHODS for spelling in SPELLINGS]
    # Each path plainly by each method, and a choice of the rest.
    plain = [found for found in everything if found[2] == "plain"]
    others = [found for found in everything if found[2] != "plain"]
    for path, method, spelling in plain + chance.sample(others, min(len(others), max(0, wanted - len(plain)))):
        target = SPELLINGS[spelling](path)
        data = request(wire, method, target)
        operation = f"{method} {path} ({spelling})"
        try:
            answer = wire.raw(data, "HEAD" if method == "HEAD" else "GET")
        except TimeoutError:
            judge.fail("no answer in time", operation, target, told(data))
            continue
        if answer is None:
            judge.fail("no answer", operation, target[:200], told(data))
            continue
        status, headers, content = answer
        judge.count("stranger's sweep", status)
        judge.body(operation, status, headers.get("content-type"), content, told(data))
        if 300 <= status < 400 or status >= 500:
            judge.fail("stranger's sweep", operation, f"{status} {content[:200]!r}", told(data))
        if 200 <= status < 300 and not is_open(method, target, content, headers, page, open_operations):
            judge.fail("reached without a session", operation, f"{status} {content[:300]!r}", told(data))


def is_open(method, target, content, headers, page, open_operations):
    if content == page or (method == "HEAD" and headers.get("content-type", "").startswith("text/html")):
        return True
    path = unquote(urlsplit(target.replace("\\", "/")).path)
    asked = "GET" if method == "HEAD" else method
    return f"{asked} {path}" in open_operations or f"{asked} /{path.strip('/')}" in open_operations


def streams(wire, judge, headers, may):
    """Opens the stream of events, with each kind of position, and reads its beginning."""
    operation = "GET /api/events"
    for position in (None, "", "0", "x-1", "a" * 64, "a" * 65, "deadbeef-999999999999999", "-", "%00", "🚚"):
        given = {} if position is None else {"last-event-id": position.encode()}
        response = wire.session().get(
            wire.url + "/api/events", headers={**headers, **given}, stream=True, timeout=10, allow_redirects=False
        )
        with response:
            status = response.status_code
            judge.count(operation, status)
            began = next(response.iter_content(12)) if status == 200 else response.content
            command = f"curl -N {wire.url}/api/events -H 'last-event-id: {position}'"
            judge.access(operation, may, status, began, command)
            if status == 200 and not (began.startswith(b": connected") and "event-stream" in response.headers["content-type"]):
                judge.fail("stream", operation, f"{began!r} {response.headers}", command)
            if status != 200:
                judge.body(operation, status, response.headers["content-type"], began, command)
                if status >= 500 or (may and position is not None and len(position) <= 64 and position.isascii()):
                    judge.fail("stream", operation, f"{status} {began[:200]!r}", command)


JSON_TYPE = "content-type: application/json"
# What means the same as what is well formed, or is the service's to judge.
HARMLESS = ("no type", "array", "twice", "NUL", "byte order mark", "two types")


def bodies():
    """Headers and bytes that are no body of a known operation, by name."""
    return {
        "no JSON": ([JSON_TYPE], b"{"),
        "nothing": ([JSON_TYPE, "content-length: 0"], b""),
        "null": ([JSON_TYPE], b"null"),
        "number": ([JSON_TYPE], b"1e999"),
        "text": ([JSON_TYPE], b'"x"'),
        "array": ([JSON_TYPE], b"[]"),
        "array of arrays": ([JSON_TYPE], b"[" * 100_000 + b"]" * 100_000),
        "objects within": ([JSON_TYPE], b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
        "prototype": ([JSON_TYPE], b'{"__proto__":{"role":"administrator"}}'),
        "constructor": ([JSON_TYPE], b'{"constructor":{"prototype":{"a":1}}}'),
        "twice": ([JSON_TYPE], b'{"name":"a","name":"b"}'),
        "byte order mark": ([JSON_TYPE], b"\xef\xbb\xbf{}"),
        "UTF-16": ([JSON_TYPE + "; charset=utf-16"], "{}".encode("utf-16")),
        "no UTF-8": ([JSON_TYPE], b'{"name":"\xff\xfe"}'),
        "half a pair": ([JSON_TYPE], b'{"name":"\\ud800","password":"\\ud800"}'),
        "NUL": ([JSON_TYPE], b'{"name":"\\u0000","password":"\\u0000"}'),
        "too long": ([JSON_TYPE], b'{"name":"' + b"a" * 300_000 + b'"}'),
        "many keys": ([JSON_TYPE], json.dumps({f"k{number}": 0 for number in range(10_000)}).encode()),
        "no type": ([], b"{}"),
        "form": (["content-type: application/x-www-form-urlencoded"], b"name=a&password=b"),
        "multipart": (["content-type: multipart/form-data; boundary=x"], b"--x\r\n\r\n--x--"),
        "text type": (["content-type: text/plain"], b"{}"),
        "type of nonsense": (["content-type: \x01/\x7f"], b"{}"),
        "two types": ([JSON_TYPE, "content-type: text/plain"], b"{}"),
        "compressed": ([JSON_TYPE, "content-encoding: gzip"], b"\x1f\x8b\x08\x00{}"),
        "expects": ([JSON_TYPE, "expect: 200-maybe"], b"{}"),
    }


def wrong_http(wire):
    """What is no HTTP/1.1, or a trick with it, by name."""
    host = f"host: {wire.host}:{wire.port}"
    end = "\r\n\r\n"
    head = lambda *lines: ("\r\n".join(lines) + end).encode("latin-1")
    return {
        "no host": head("GET /api/session HTTP/1.1", "connection: close"),
        "two hosts": head("GET /api/session HTTP/1.1", host, "host: example.com", "connection: close"),
        "length and chunks": head("POST /api/session HTTP/1.1", host, "content-length: 3", "transfer-encoding: chunked") + b"0\r\n\r\n",
        "two lengths": head("POST /api/session HTTP/1.1", host, "content-length: 2", "content-length: 3") + b"{}",
        "length below zero": head("POST /api/session HTTP/1.1", host, "content-length: -1") + b"{}",
        "length of letters": head("POST /api/session HTTP/1.1", host, "content-length: two") + b"{}",
        "chunk of letters": head("POST /api/session HTTP/1.1", host, JSON_TYPE, "transfer-encoding: chunked") + b"xyz\r\n{}\r\n0\r\n\r\n",
        "coding unknown": head("POST /api/session HTTP/1.1", host, "transfer-encoding: x") + b"{}",
        "version 9": head("GET /api/session HTTP/9.9", host),
        "version 0.9": b"GET /api/session\r\n\r\n",
        "header too long": head("GET /api/session HTTP/1.1", host, "connection: close", "x: " + "a" * 100_000),
        "many headers": head("GET /api/session HTTP/1.1", host, "connection: close", *[f"x{number}: a" for number in range(3000)]),
        "header without colon": head("GET /api/session HTTP/1.1", host, "nonsense"),
        "header of controls": head("GET /api/session HTTP/1.1", host, "x: a\x00b"),
        "line folded": head("GET /api/session HTTP/1.1", host, "x: a", " b", "connection: close"),
        "bare line feeds": b"GET /api/session HTTP/1.1\nhost: x\n\n",
        "path without slash": head("GET api/session HTTP/1.1", host, "connection: close"),
        "path of nothing": head("GET  HTTP/1.1", host, "connection: close"),
        "star": head("OPTIONS * HTTP/1.1", host, "connection: close"),
        "tunnel": head("CONNECT 127.0.0.1:22 HTTP/1.1", host),
        "upgrade": head("GET /api/session HTTP/1.1", host, "connection: upgrade", "upgrade: websocket"),
        "h2c": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "bytes": bytes(range(256)) + b"\r\n\r\n",
        "cookies": head("GET /api/session HTTP/1.1", host, "connection: close", "cookie: " + "__Host-hoist=a; " * 500),
        "cookie of controls": head("GET /api/session HTTP/1.1", host, "connection: close", "cookie: __Host-hoist=\xff\xfe"),
        "path of 60 KiB": head("GET /api/" + "a" * 60_000 + " HTTP/1.1", host, "connection: close"),
    }


def malformed(wire, judge, document, headers, world):
    """Each operation with a body gets each wrong one; and the door gets what is no HTTP."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            label = f"{method.upper()} {path}"
            ids = world.pool(path)
            target = re.sub(r"\{\w+\}", ids[0] if ids else "licence", path)
            for name, (extra, body) in bodies().items():
                data = request(wire, method.upper(), target, [*lines, *extra], body)
                answer = send(wire, judge, f"{label} ({name})", data)
                if answer and answer[0] in (200, 201, 204) and name not in HARMLESS:
                    judge.fail("malformed body taken", f"{label} ({name})", str(answer), told(data))
    for name, data in wrong_http(wire).items():
        # Node itself answers these, or closes the connection; both are well.
        send(wire, judge, f"HTTP ({name})", data, may_be_cut=True)


def send(wire, judge, operation, data, may_be_cut=False):
    try:
        answer = wire.raw(data)
    except TimeoutError:
        judge.fail("no answer in time", operation, "", told(data))
        return None
    except OSError:
        answer = None
    if answer is None:
        judge.count("malformed", 0)
        if not may_be_cut:
            judge.fail("no answer", operation, "the connection was closed", told(data))
        return None
    status, headers, content = answer
    judge.count("malformed", status)
    judge.body(operation, status, headers.get("content-type"), content, told(data))
    return status, content[:200]
