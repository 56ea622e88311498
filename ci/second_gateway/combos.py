"""The readings of the public pages, the bad days, and how they are combined."""

import itertools
import random

# What the pages leave open. Every combination of these is a platform that may exist.
UNKNOWNS = {
    # A list with a task that is not failed: refused as a whole; the others retried and code 0; the others retried and 24621.
    "mixed": ["whole", "partly", "partly-refused"],
    # updateTime: moves with the status alone; a sweep moves that of many failed tasks at once; each moves when it likes.
    "update": ["status", "sweep", "each"],
    "taskId": ["same", "new"],
    # progress and desc of a task that was retried: those of a new task, or the old ones until the device reports.
    "texts": ["reset", "kept"],
    # How old a read may be, in seconds.
    "reads": ["0", "2"],
    # A search by deviceKey: taken, or refused with 99400.
    "byKey": ["taken", "refused"],
    "limit": ["none", "second", "minute-headers", "minute"],
    "nodes": ["1", "2"],
}

# What a campaign meets, and how it is asked for.
DAYS = {
    # Calls that go wrong: before they are carried out, afterwards, or the gateway gives up and the service goes on.
    "losses": ["none", "before", "after", "both", "late"],
    "kills": ["no", "yes"],
    # The gateway's clock minus ours, in seconds.
    "clock": ["-600", "-60", "-25", "0", "25", "60", "600"],
    # Devices by name: many; as many as fit one call; without the first look. Or the failed tasks of the job.
    "devices": ["named", "named-one-call", "named-no-lookup", "selected", "selected-but"],
    # Who else retries tasks of the job: nobody; a second process of the command; a person at the console, and the platform.
    "others": ["nobody", "process", "person"],
    "watch": ["no", "yes"],
    "output": ["json", "jsonl"],
}

DIMENSIONS = {**UNKNOWNS, **DAYS}
MINUTES = ("minute-headers", "minute")


def text(combo):
    return " ".join(f"{name}={value}" for name, value in combo.items())


def parse(words):
    """Reads `name=value[,value]` words: for each dimension that is named, the values that may occur."""
    allowed = {}
    for word in words:
        name, _, values = word.partition("=")
        if name not in DIMENSIONS:
            raise ValueError(f"{name} is no dimension; there are {', '.join(DIMENSIONS)}")
        allowed[name] = values.split(",")
        for value in allowed[name]:
            if value not in DIMENSIONS[name]:
                raise ValueError(f"{name} is one of {', '.join(DIMENSIONS[name])}, not {value!r}")
    return allowed


def space(allowed):
    return {name: allowed.get(name, values) for name, values in DIMENSIONS.items()}


def every(allowed, seed):
    """Every combination of the unknowns, each with a bad day that is drawn."""
    values, chance = space(allowed), random.Random(f"every {seed}")
    unknowns = [dict(zip(UNKNOWNS, picks)) for picks in itertools.product(*(values[name] for name in UNKNOWNS))]
    # Each value of a day occurs equally often: a shuffled deck a dimension.
    decks = {name: [values[name][index % len(values[name])] for index in range(len(unknowns))] for name in DAYS}
    for deck in decks.values():
        chance.shuffle(deck)
    return [{**combo, **{name: deck[index] for name, deck in decks.items()}} for index, combo in enumerate(unknowns)]


def sample(allowed, count, seed):
    """As many combinations as asked for, drawn from all."""
    values, chance = space(allowed), random.Random(f"sample {seed}")
    return [{name: chance.choice(values[name]) for name in values} for _ in range(count)]


def pairs(allowed, seed, quick=True):
    """Few combinations in which every two values of different dimensions meet.

    A limit of a minute is waited for, so with `quick` these two values occur once each, and their pairs do not count.
    """
    values, chance = space(allowed), random.Random(f"pairs {seed}")
    slow = [value for value in values["limit"] if value in MINUTES]
    if quick and len(slow) < len(values["limit"]):
        values = {**values, "limit": [value for value in values["limit"] if value not in slow]}
    else:
        slow = []
    names = list(values)
    left = {
        ((one, first), (other, second))
        for one, other in itertools.combinations(names, 2)
        for first in values[one]
        for second in values[other]
    }
    drawn = []
    while left:
        best, covers = None, set()
        for _ in range(60):
            # Begins with a pair that is still to come, so that each draw brings something.
            combo = {name: chance.choice(values[name]) for name in names}
            combo.update(chance.choice(sorted(left)))
            new = {pair for pair in itertools.combinations(combo.items(), 2) if pair in left}
            if len(new) > len(covers):
                best, covers = combo, new
        drawn.append(best)
        left -= covers
    # Where nothing else takes long.
    calm = {"kills": "no", "others": "nobody", "losses": "none", "nodes": "1", "devices": "selected", "watch": "no"}
    for value in slow:
        picks = {name: chance.choice(values[name]) for name in names}
        picks.update({name: value for name, value in calm.items() if value in values[name]})
        drawn.append({**picks, "limit": value})
    return drawn
