# What stands in the appliance while it is fuzzed: real ids and bodies that get further than chance, and that come back when a request took them away.
import time

GOOD_PASSWORD = "wooden lamp sings loudly"
NEXT_PASSWORD = "nine quiet rivers, one ford"
# Of the small servers of the lab this many have a job; the others wait for the fuzz to make one.
JOBS = 3


class World:
    def __init__(self, wire, token, lab):
        self.wire = wire
        self.token = token
        self.lab = lab
        self.pools = {}
        self.names = 0

    def ask(self, method, path, body=None):
        return self.wire.ask(method, path, self.token, body)

    def replenish(self):
        """Makes what the operations are about, as far as it is not there, and notes the ids."""
        if not self.ask("GET", "/api/registration")["registered"] or self.ask("GET", "/api/connector")["state"] != "active":
            self.connect()
        if self.ask("GET", "/api/catalog")["servers"] == 0:
            self.import_catalog()
        servers = [server["id"] for server in self.items("/api/servers?limit=500")]
        jobs = self.items("/api/jobs")
        for job in jobs[JOBS:]:
            self.ask("DELETE", f"/api/jobs/{job['id']}")
        free = [id for id in servers if id not in {job["serverId"] for job in jobs}]
        if len(jobs) < JOBS:
            later = {"startAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400)), "everyHours": 24}
            wanted = free[: JOBS - len(jobs)]
            self.ask("POST", "/api/jobs", {"serverIds": wanted, "schedule": later, "settings": {}})
        if not self.items("/api/runs"):
            self.ask("POST", f"/api/jobs/{self.items('/api/jobs')[0]['id']}/runs")
        channels = self.items("/api/notifications/channels")
        for channel in channels[4:]:
            self.ask("DELETE", f"/api/notifications/channels/{channel['id']}")
        if not channels:
            self.ask("POST", "/api/notifications/channels", self.channel())
        accounts = [account for account in self.items("/api/accounts") if account["role"] == "support"]
        for account in accounts[4:]:
            self.ask("DELETE", f"/api/accounts/{account['id']}")
        if not accounts:
            self.account("support")
        tokens = self.items("/api/tokens")
        for token in tokens[20:]:
            if token["name"] != "fuzz":
                self.ask("DELETE", f"/api/tokens/{token['id']}")
        if not tokens:
            self.ask("POST", "/api/tokens", {"name": "spare", "readOnly": True})
        if not self.items("/api/backups"):
            self.ask("POST", "/api/backups")
        self.note()

    def note(self):
        ids = lambda path: [item["id"] for item in self.items(path)]
        self.pools = {
            "/api/servers": ids("/api/servers?limit=500"),
            "/api/jobs": ids("/api/jobs"),
            "/api/runs": ids("/api/runs"),
            "/api/notifications/channels": ids("/api/notifications/channels"),
            # Those that the fuzz may take away.
            "/api/accounts": [item["id"] for item in self.items("/api/accounts") if item["role"] == "support"],
            "/api/tokens": [item["id"] for item in self.items("/api/tokens") if item["name"] != "fuzz"],
            "/api/backups": [item["name"] for item in self.items("/api/backups")],
        }

    def items(self, path):
        return self.ask("GET", path)["items"]

    def pool(self, path):
        """Ids for the parameter in a path of the document."""
        return next((ids for prefix, ids in self.pools.items() if path.startswith(f"{prefix}/{{")), [])

    def connect(self):
        self.ask("PUT", "/api/settings/vcenter", self.lab["vcenter"])
        self.ask("PUT", "/api/settings/aws", self.lab["aws"])
        self.ask("POST", "/api/registration")

    def import_catalog(self):
        state = self.ask("POST", "/api/catalog/import")
        for _ in range(300):
            if state["state"] == "ready" and state["servers"] > 0:
                return
            time.sleep(0.1)
            state = self.ask("GET", "/api/catalog")
            if state["state"] in ("failed", "empty"):
                state = self.ask("POST", "/api/catalog/import")
        raise RuntimeError(f"The catalog was not imported: {state}")

    def channel(self):
        webhook = {"kind": "webhook", "url": self.lab["webhook"], "signingKey": "0123456789abcdef0123"}
        return {"name": "hook", "events": ["runFailed"], "target": webhook}

    def account(self, role):
        """A new account, as it is signed in with."""
        self.names += 1
        body = {"name": f"fuzz-{role}-{self.names}", "role": role, "password": GOOD_PASSWORD}
        self.ask("POST", "/api/accounts", body)
        return body

    def good_body(self, operation, who):
        """A body that the operation takes, to be changed at a field or two; None when chance finds one."""
        mail = {"kind": "smtp", "host": "127.0.0.1", "port": 1, "security": "none", "from": "a@example.com", "to": ["b@example.com"]}
        bodies = {
            "PUT /api/settings/vcenter": lambda: self.lab["vcenter"],
            "PUT /api/settings/aws": lambda: self.lab["aws"],
            "POST /api/settings/vcenter/certificate": lambda: {"host": self.lab["vcenter"]["host"]},
            "POST /api/jobs": lambda: {"serverIds": self.pools["/api/servers"], "settings": {"tags": {"a": "b"}}},
            "PATCH /api/jobs/{id}": lambda: {"state": "active", "settings": {"retention": 3}},
            "POST /api/accounts": lambda: {"name": f"made-{self.names}", "role": "support", "password": GOOD_PASSWORD},
            "PATCH /api/accounts/{id}": lambda: {"password": NEXT_PASSWORD},
            "PUT /api/session/password": lambda: {"current": GOOD_PASSWORD, "next": NEXT_PASSWORD},
            "POST /api/session": lambda: {"name": who.get("name", "nobody"), "password": GOOD_PASSWORD},
            "POST /api/notifications/channels": lambda: {**self.channel(), "target": mail},
            "PATCH /api/notifications/channels/{id}": lambda: {"enabled": True, "target": mail},
            "PUT /api/web-certificate": lambda: {"certificatePem": open(self.wire.certificate_file).read()},
            "PUT /api/policy": lambda: self.ask("GET", "/api/policy"),
            "POST /api/setup/administrator": lambda: {"name": "second", "password": GOOD_PASSWORD},
            "PUT /api/system/proxy": lambda: {"url": "http://127.0.0.1:1", "username": "a", "password": "b"},
        }
        self.names += 1
        make = bodies.get(operation)
        return make() if make else None

    def picture(self):
        """All that whoever may only read must leave as it is."""
        without = lambda items, *keys: [{key: value for key, value in item.items() if key not in keys} for item in items]
        return {
            "accounts": without(self.items("/api/accounts"), "lastSignInAt", "lockedUntil"),
            "tokens": without(self.items("/api/tokens"), "lastUsedAt"),
            "channels": self.items("/api/notifications/channels"),
            "jobs": without(self.items("/api/jobs"), "countedRunId", "failuresInARow"),
            "backups": self.items("/api/backups"),
            **{
                path: self.ask("GET", path)
                for path in (
                    "/api/settings",
                    "/api/registration",
                    "/api/policy",
                    "/api/catalog",
                    "/api/web-certificate",
                    "/api/setup",
                )
            },
        }
