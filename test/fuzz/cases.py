# Which requests are sent: schemathesis' boundary cases, its random ones that fit the document and that do not, and good ones with a spoiled leaf.
import copy
import random
import warnings

from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.generation import GenerationMode
from schemathesis.generation.hypothesis import setup
from schemathesis.generation.meta import CONTENT_TYPE_PROBES, coverage_scenario

# Of one operation's share.
SHARES = {"boundaries": 0.35, "fitting": 0.3, "unfitting": 0.2, "spoiled": 0.15}
# With a body that the operation takes, chance alone changes this share of the cases.
LEAVE_ALONE = 0.35

NASTY = [
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "\ufeff",
    "\u202e\u2066x",
    "e\u0301" * 60,
    "𝕳" * 60,
    "../../../../etc/passwd",
    "%2e%2e%2f%00",
    "' OR 1=1 --",
    "\"; DROP TABLE jobs; --",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "%s%n%d",
    "\r\nset-cookie: a=b",
    "__proto__",
    "constructor",
    "toString",
    "2026-02-31T25:61:00Z",
    "9999-12-31T23:59:59Z",
    "-271821-04-20T00:00:00Z",
    "0000-00-00T00:00:00+99:99",
    "P1Y",
    "NaN",
    "-1",
    "0x10",
    "9" * 400,
    "a" * 70_000,
    "[::1]:99999",
    "127.0.0.1:99999",
    "127.0.0.1:0",
    "..",
    "-",
    "https://127.0.0.1:99999/",
    "https://[::1",
    "https://xn--/",
    "https://a:b@127.0.0.1/",
    "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
    0,
    -0.0,
    -1,
    1e308,
    2**53,
    2**64,
    10**400,
    0.1,
    True,
    None,
    [],
    {},
    [[]],
    {"__proto__": {"role": "administrator"}},
]


def weights(operations):
    """How much of the cases each operation gets: those that take nothing have few ways to be asked."""
    weight = lambda operation: 1 + 2 * len(list(operation.iter_parameters())) + (8 if list(operation.body) else 0)
    return {operation.label: weight(operation) for operation in operations}


def cases_of(operation, share, number, world, who, may):
    """Sends nothing: yields (case, kind, what its spoiling is drawn from) in the same order for the same seed."""
    chance = random.Random(f"{number} {operation.label}")
    if not may:
        # Whoever may not is refused before anybody looks at what was sent.
        for case in drawn(operation, GenerationMode.POSITIVE, share, number):
            fill(case, operation, chance, world, who)
            yield case, "fitting", None
        return
    taken = 0
    for case in boundaries(operation, round(share * SHARES["boundaries"]), chance):
        yield case, "boundaries", None
        taken += 1
    # What the boundaries did not use up is left to chance.
    rest = share - taken
    parts = SHARES["fitting"] + SHARES["unfitting"] + SHARES["spoiled"]
    for kind, mode in (
        ("fitting", GenerationMode.POSITIVE),
        ("unfitting", GenerationMode.NEGATIVE),
        ("spoiled", GenerationMode.POSITIVE),
    ):
        for case in drawn(operation, mode, max(1, round(rest * SHARES[kind] / parts)), number):
            if kind != "unfitting":
                fill(case, operation, chance, world, who)
            if kind != "spoiled":
                yield case, kind, None
            elif list(operation.body) or case.query:
                yield case, kind, chance.random()


def boundaries(operation, wanted, chance):
    generation = operation.schema.config.generation_for(operation=operation, phase="coverage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(
            operation.schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=generation
            )
        )
    return chance.sample(found, min(wanted, len(found)))


def drawn(operation, mode, wanted, number):
    """Cases of a strategy, all of them before the first is sent, so that what is answered does not steer them."""
    found = []

    @seed(number)
    @settings(
        max_examples=wanted,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case):
        if len(found) < wanted:
            found.append(case)

    setup()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            draw()
        except Exception as unsatisfiable:
            # Where nothing can be sent that does not fit, there is nothing to draw.
            if mode == GenerationMode.POSITIVE or "Unsatisfiable" not in type(unsatisfiable).__name__:
                raise
    return found


def fill(case, operation, chance, world, who):
    """Puts real ids, and fields that an operation takes, in the place of most of what chance has found."""
    ids = world.pool(operation.path)
    if ids and chance.random() < 0.8:
        case.path_parameters = {name: chance.choice(ids) for name in case.path_parameters}
    good = world.good_body(operation.label, who)
    if good is None or not isinstance(case.body, dict) or chance.random() < LEAVE_ALONE:
        return
    good = copy.deepcopy(good)
    if case.body and chance.random() < 0.7:
        key = chance.choice(sorted(case.body))
        good[key] = case.body[key]
    case.body = good


def spoil(sent, number):
    """
    Puts something nasty in the place of one leaf of body or query, in what is about to be sent: schemathesis itself can
    neither look at half a surrogate pair nor at an integer of 400 digits.
    """
    chance = random.Random(number)
    places = []
    if isinstance(sent.get("json"), dict | list):
        sent["json"] = copy.deepcopy(sent["json"])
        places += leaves(sent["json"])
    if sent.get("params"):
        sent["params"] = dict(sent["params"])
        places += [(sent["params"], key) for key in sent["params"]]
    if places:
        container, key = chance.choice(places)
        nasty = chance.choice(NASTY)
        in_query = container is sent.get("params")
        container[key] = str(nasty).encode("utf-8", "surrogatepass") if in_query else nasty


def leaves(value):
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if isinstance(inner, dict | list) and inner:
            yield from leaves(inner)
        yield value, key


def is_probe_of_type(case):
    """A content type that the document does not name: whether it is refused is not for the schema to say."""
    return coverage_scenario(case) in CONTENT_TYPE_PROBES
