# One pass of the fuzz: everything that the document describes, as one kind of client, with every answer judged. Reads its order from stdin.
import copy
import json
import re
import sys
import time
import traceback

import requests
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.core.transport import Response

from cases import cases_of, is_probe_of_type, spoil, weights
from judge import Judge
from raw import malformed, streams, sweep
from wire import TIME_LIMIT, Wire, told
from world import GOOD_PASSWORD, World

# With their reasons: what cannot be asked like the rest.
APART = {"GET /api/events": "its answer has no end: streams() opens it in its own way"}
# With their reasons: what is asked less often than its parameters deserve.
AT_MOST = {
    "GET /api/support/bundle": (12, "each keeps a core busy for a second"),
    "POST /api/backups": (10, "each copies the database"),
    "POST /api/backups/{name}/export": (10, "each derives a key from a passphrase, which is slow by design"),
    "POST /api/setup/code": (60, "each wrong one counts against its address, and is answered ever later"),
    "POST /api/session": (60, "each costs a password hash, which is slow by design"),
    "PUT /api/session/password": (60, "each costs a password hash, which is slow by design"),
    "POST /api/accounts": (80, "each costs a password hash, which is slow by design"),
    "PATCH /api/accounts/{id}": (80, "each costs a password hash, which is slow by design"),
}
# What a refusal by the schema begins with; what else is refused are values that the document cannot tell apart.
OF_THE_SCHEMA = re.compile(r'"message":"(body|params|querystring|headers)[/ ]')
# What Node takes of a request line and headers together, bytes.
PATH_LIMIT = 16 * 1024
# What a stranger shows.
GARBAGE = [
    {},
    {},
    {"authorization": "Bearer "},
    {"authorization": "Bearer " + "a" * 43},
    {"authorization": "Basic YWRtaW46YWRtaW4="},
    {"authorization": "bearer null"},
    {"cookie": "__Host-hoist=" + "a" * 43},
    {"cookie": "__Host-hoist=" + "b" * 43, "x-hoist-csrf": "a" * 43},
    {"x-forwarded-for": "127.0.0.1", "x-original-url": "/api/settings"},
    {"x-http-method-override": "DELETE"},
]


class Pass:
    def __init__(self, order):
        self.order = order
        self.wire = Wire(order["url"], order["certificateFile"])
        self.world = World(self.wire, order["localToken"], order["lab"])
        self.judge = Judge(order["codes"])
        self.who = {}
        self.headers = {}
        self.signed_in = 0
        self.secrets = {order["localToken"]: "$TOKEN"}

    def run(self):
        order = self.order
        started = time.monotonic()
        document = self.wire.session().get(self.wire.url + "/api/openapi.json", timeout=TIME_LIMIT).json()
        invalid = [f"{error.json_path}: {error.message[:200]}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
        for message in invalid:
            self.judge.fail("invalid document", "GET /api/openapi.json", message, "")
        self.world.replenish()
        self.sign_in()
        reads_only = order["pass"] in ("stranger", "reader")
        before = self.world.picture() if reads_only else None
        schema = schemathesis.openapi.from_dict(without_security(document))
        operations = [operation.ok() for operation in schema.get_all_operations()]
        weight = weights(operations)
        each = order["cases"] / sum(weight.values())
        for operation in operations:
            if operation.label in APART:
                continue
            share = max(4, round(each * weight[operation.label]))
            most, _ = AT_MOST.get(operation.label, (share, ""))
            # Those that only ask take nothing away.
            if not reads_only and not operation.label.startswith("GET "):
                self.world.replenish()
            self.operation(operation, min(share, most))
        streams(self.wire, self.judge, self.headers, order["may"].get("GET /api/events", False))
        if order["pass"] == "stranger":
            sweep(self.wire, self.judge, document, order["open"], order["sweep"], order["seed"])
        if order["pass"] == "administrator":
            malformed(self.wire, self.judge, document, self.headers, self.world)
        if before is not None and (after := self.world.picture()) != before:
            changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
            self.judge.fail("changed something", order["pass"], json.dumps(changed)[:600], "")
        self.world.ask("GET", "/api/health")
        return {"pass": order["pass"], "seconds": round(time.monotonic() - started), **self.judge.report()}

    def sign_in(self):
        """Becomes the client of this pass; once more when it has signed itself out."""
        kind = self.order["pass"]
        if kind == "stranger":
            return
        if kind == "administrator":
            self.headers = {"authorization": f"Bearer {self.order['localToken']}"}
        elif kind == "reader":
            made = self.world.ask("POST", "/api/tokens", {"name": "fuzz", "readOnly": True})
            self.headers = {"authorization": f"Bearer {made['token']}"}
            self.secrets[made["token"]] = "$READ_ONLY_TOKEN"
        else:
            self.who = self.world.account(kind)
            response = self.wire.session().post(
                self.wire.url + "/api/session",
                json={"name": self.who["name"], "password": GOOD_PASSWORD},
                timeout=TIME_LIMIT,
            )
            cookie = response.headers["set-cookie"].split(";")[0]
            csrf = response.json()["csrf"]
            self.headers = {"cookie": cookie, "x-hoist-csrf": csrf}
            self.secrets |= {cookie: "$COOKIE", csrf: "$CSRF"}
        self.signed_in += 1

    def operation(self, operation, share):
        may = self.order["may"].get(operation.label, False)
        drawn = cases_of(operation, share, self.order["seed"], self.world, self.who, may)
        for number, (case, kind, spoiled) in enumerate(drawn):
            headers = self.headers or GARBAGE[number % len(GARBAGE)]
            response = self.send(operation, case, headers, spoiled)
            if response is None:
                continue
            if self.order["pass"] == "operator" and response.status_code == 401:
                self.sign_in()
                response = self.send(operation, case, self.headers, spoiled)
                if response is None:
                    continue
                # The cookie of a session that a request has ended is the one reason to be sent away.
                if response.status_code == 401 and "SIGN_IN_FAILED" not in response.text:
                    self.judge.fail("signed in and refused", operation.label, response.text[:200], told(response.request, self.secrets))
            self.look_at(operation, case, kind, response)

    def send(self, operation, case, headers, spoiled):
        started = time.monotonic()
        for _ in range(5):
            try:
                response = self.call(case, headers, spoiled)
            except requests.Timeout:
                self.judge.fail("no answer in time", operation.label, f"{TIME_LIMIT} s", case.as_curl_command())
                return None
            except requests.exceptions.InvalidHeader:
                return None  # Python's client refuses to send it
            except requests.ConnectionError as broken:
                if len(getattr(broken.request, "url", None) or "") > PATH_LIMIT:
                    return None  # told 431 in the middle of it, and not read to its end
                self.judge.fail("no answer", operation.label, repr(broken)[:300], case.as_curl_command())
                return None
            seconds = time.monotonic() - started
            if seconds > TIME_LIMIT:
                self.judge.fail("too slow", operation.label, f"{seconds:.0f} s", told(response.request, self.secrets))
            if response.status_code != 429 or "RATE_LIMITED" not in response.text or "bundles" in response.text:
                return response
            self.judge.count(operation.label, 429)
            time.sleep(min(2, int(response.headers["retry-after"][0])))
            started = time.monotonic()
        return response

    def call(self, case, headers, spoiled):
        how = {"timeout": TIME_LIMIT, "allow_redirects": False, "verify": self.wire.certificate_file}
        if spoiled is None:
            return case.call(base_url=self.wire.url, session=self.wire.session(), headers=headers, **how)
        sent = case.as_transport_kwargs(base_url=self.wire.url, headers=headers)
        spoil(sent, spoiled)
        answer = self.wire.session().request(**{**sent, **how})
        return Response.from_any(answer)

    def look_at(self, operation, case, kind, response):
        label, status = operation.label, response.status_code
        command = told(response.request, self.secrets)
        # A boundary case may be of a method that the document does not have.
        asked = f"{response.request.method} {operation.path}"
        self.judge.count(label, status)
        content_type = (response.headers.get("content-type") or [""])[0]
        code = self.judge.body(label, status, content_type, response.content, command)
        known = asked in self.order["may"]
        may = self.order["may"].get(asked, False)
        if known or self.order["pass"] == "stranger":
            self.judge.access(asked, may, status, response.content, command)
        elif status < 400:
            self.judge.fail("no such route, and an answer", asked, f"{status} {response.text[:300]}", command)
        if asked != label:
            return
        judged = may and kind in ("boundaries", "unfitting") and not is_probe_of_type(case)
        self.judge.conforms(label, case, response, command, judged)
        positive = case.meta is not None and case.meta.generation.mode.is_positive
        refused = may and kind == "fitting" and positive and code == "INVALID_REQUEST"
        if refused and OF_THE_SCHEMA.search(response.text):
            self.judge.fail("document promises too much", label, response.text[:400], command)


def without_security(document):
    """The document without its ways to sign in: schemathesis would fill them with its own, in the place of the pass's."""
    document = copy.deepcopy(document)
    document.pop("security")
    document["components"].pop("securitySchemes")
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return document


if __name__ == "__main__":
    try:
        result = Pass(json.load(sys.stdin)).run()
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    print(json.dumps(result))
