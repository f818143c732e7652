# What an answer of the appliance must be like, and the tally of what was wrong.
import collections
import json
import re

from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CONFORMANCE = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What a stack trace or a path of the machine looks like.
LEAK = re.compile(r"(\n\s+at |node:internal|file:///|/appliance/[\w/-]+\.ts|node_modules|SQLITE_|SqliteError)")
# How a stranger may be refused.
REFUSALS = (401, 403, 404, 429)
REPRODUCTIONS = 60


class Judge:
    def __init__(self, codes):
        # Statuses by error code, as appliance/errors.ts has them.
        self.codes = codes
        self.statuses = collections.Counter()
        self.upstream = collections.Counter()
        self.answered = collections.defaultdict(collections.Counter)
        self.failures = {}
        self.cases = 0

    def fail(self, check, operation, message, command):
        key = (check, operation, re.sub(r"[0-9a-f-]{8,}|\d+", "#", message)[:80])
        found = self.failures.setdefault(
            key, {"check": check, "operation": operation, "message": message[:700], "command": command, "times": 0}
        )
        found["times"] += 1

    def count(self, operation, status):
        self.cases += 1
        self.statuses[status] += 1
        self.answered[operation][status] += 1

    def body(self, operation, status, content_type, content, command):
        """What holds for every answer, however it was asked for."""
        text = content.decode("utf-8", "replace") if len(content) < 1_000_000 else ""
        error = None
        if status >= 400 and content and "json" in (content_type or ""):
            try:
                error = json.loads(text)
            except ValueError as broken:
                self.fail("error is no JSON", operation, f"{broken}: {text[:200]}", command)
        code = error.get("code") if isinstance(error, dict) else None
        # A named failure of vCenter, AWS or the disk may be a 5xx; one without a name, or a plain 500, is the appliance's own.
        if status >= 500:
            if self.codes.get(code, 0) < 501:
                self.fail("server error", operation, f"{status} {text[:400]}", command)
            else:
                self.upstream[f"{status} {code}"] += 1
        if status >= 400 and code is not None and code not in self.codes:
            self.fail("unknown code", operation, text[:300], command)
        if status >= 400 and LEAK.search(text):
            self.fail("leak", operation, text[:500], command)
        return code

    def conforms(self, operation, case, response, command, negative):
        checks = [*CONFORMANCE, negative_data_rejection] if negative else CONFORMANCE
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.fail(type(failure).__name__, operation, f"{response.status_code} {failure.title}: {failure.message}", command)

    def access(self, operation, may, status, content, command):
        """Whether somebody got through to what is not theirs."""
        if may:
            return
        if status not in REFUSALS:
            self.fail("reached without the right", operation, f"{status} {content[:300]!r}", command)

    def report(self):
        failures = sorted(self.failures.values(), key=lambda failure: -failure["times"])
        return {
            "cases": self.cases,
            "statuses": {str(status): self.statuses[status] for status in sorted(self.statuses)},
            "upstream": dict(sorted(self.upstream.items())),
            "operations": len(self.answered),
            "onlyThrottled": sorted(name for name, seen in self.answered.items() if set(seen) == {429}),
            "neverSucceeded": sorted(name for name, seen in self.answered.items() if not any(status < 300 for status in seen)),
            "failures": failures[:REPRODUCTIONS],
            "failuresInAll": sum(failure["times"] for failure in failures),
        }
