"""Forged reports, each with one lie or none: the judge has to find exactly that."""

import time

from .judge import OUTCOMES, Judge, Told
from .world import Call, Look, State, World

CALM = {"mixed": "whole", "update": "status", "taskId": "same", "texts": "reset", "reads": "0", "byKey": "taken", "limit": "none",
        "nodes": "1", "losses": "both", "kills": "no", "clock": "0", "devices": "named", "others": "nobody", "watch": "no",
        "output": "json"}


class Forge:
    """A ledger written by hand: twenty failed tasks f0 to f19 and two succeeded ones s0 and s1, begun 100 s ago."""

    def __init__(self, **combo):
        self.world = World({**CALM, **combo}, 1, 0)
        self.zero = self.world.begun = time.time() - 100
        for number in range(22):
            failed = number < 20
            key = f"f{number}" if failed else f"s{number - 20}"
            first = State(self.zero - 1000, "failed" if failed else "succeeded", -1, "", f"t{number}", ("start", None))
            self.world.add(number, key, first)

    def call(self, at, keys, code=0, answered=True, retried=(), client="A", trouble=None, carried=None):
        call = Call(len(self.world.calls) + 1, client, self.zero + at, frozenset(keys), trouble, code, answered,
                    self.zero + at + 0.01, self.zero + (carried or at), frozenset(retried))
        self.world.calls.append(call)
        for key in retried:
            self.state(carried or at, key, "init", ("retry", call))
        return call

    def state(self, at, key, status, by=("device", None)):
        self.world.tasks[key].past.append(State(self.zero + at, status, 0, "", "t", by))

    def look(self, at, key, status, client="A", update_time=0, task_id="t", texts=(0, "")):
        self.world.tasks[key].looks.setdefault(client, []).append(Look(self.zero + at, status, update_time, task_id, texts))

    def judge(self, outcomes, exit=None, stderr=None, summary=None, code=None, message="Only failed tasks can be retried",
              **more):
        lines = [{"deviceKey": key, "outcome": outcome, "code": code, "message": None if outcome == "accepted" else message,
                  "requestId": None} for key, outcome in outcomes]
        counts = {name: sum(outcome == name for _, outcome in outcomes) for name in OUTCOMES}
        if exit is None:
            exit = 0 if counts["accepted"] == len(lines) else 1
        if summary is None:
            summary = {"requested": len(lines), **counts}
        if stderr is None:
            stderr = f"{len(lines)} devices: {counts['accepted']} accepted" if exit == 0 else "error: not all were accepted"
        named = more.pop("named", frozenset(key for key, _ in outcomes))
        told = Told("A", exit, lines, summary, stderr, self.zero + 50, named=named, **more)
        return Judge(self.world, told).run()


def retried(*keys, **more):
    forge = Forge(**more)
    forge.call(1, keys, retried=keys)
    return forge


def lost_and_failed_again(look=None, **combo):
    """f0 is retried by a call whose answer is lost, fails again, and is retried once more."""
    forge = Forge(**combo)
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], answered=False, retried=["f0"], trouble="cut after")
    if look:
        forge.look(1.5, "f0", look)
    forge.state(2, "f0", "failed")
    forge.call(4, ["f0"], retried=["f0"])
    return forge


def forge_never_seen():
    forge = Forge(mixed="partly")
    forge.call(1, ["f0", "s0"], retried=["f0"])
    return forge


def steady(retried=True):
    """A call that is lost on the way there, a sweep of which the client sees little, and perhaps another who retries."""
    forge = Forge(others="process", update="sweep")
    keys = [f"f{number}" for number in range(10)]
    for key in keys:
        forge.look(0.5, key, "failed")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    if retried:
        forge.call(2, ["f0"], retried=["f0"], client="B")
        forge.state(3, "f0", "failed")
    for key in keys:
        forge.look(4, key, "failed", update_time=9 if key == "f0" else 0)
    return forge


def needless(name, verdict, kinds):
    """A case in which the faults are none, and what is needless is what counts."""
    found = [("needless", None, kind) for kind, _, _ in verdict.needless if kind not in kinds]
    found += [("not needless", None, kind) for kind in kinds if kind not in [one for one, _, _ in verdict.needless]]
    verdict.false += found
    return name, verdict, [], []


def cases():
    """Name, the verdict, and the kinds of faults and of things that cannot be told apart which it must have."""
    accepted = [("f0", "accepted"), ("f1", "accepted")]
    yield "two retried, two accepted", retried("f0", "f1").judge(accepted), [], []
    yield "accepted, but no call ever retried it", retried("f0").judge(accepted), ["accepted, never retried"], []
    forge = Forge()
    forge.call(1, ["s0", "s1"], code=24621)
    yield ("two succeeded tasks are accepted", forge.judge([("s0", "accepted"), ("s1", "accepted")]),
           ["accepted, never retried"] * 2, [])
    forge = Forge()
    forge.call(1, ["f0"], retried=["f0"], client="B")
    yield "accepted, but another client retried it", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(others="process")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.call(2, ["f0"], retried=["f0"], client="B")
    forge.look(3, "f0", "init")
    yield "retried by another while the answer was lost", forge.judge([("f0", "accepted")]), [], ["accepted by another"]
    forge = Forge(others="process")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.look(5, "f0", "failed")
    forge.call(6, ["f0"], retried=["f0"], client="B")
    forge.look(7, "f0", "init")
    yield "retried by another, after it was seen untouched", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(others="process", update="each")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.call(2, ["f0"], retried=["f0"], client="B")
    forge.state(3, "f0", "failed")
    forge.look(4, "f0", "failed", update_time=9)
    yield "retried by another, and only updateTime moved", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge.look(5, "f0", "failed", update_time=9, texts=(-3, "Failed to verify the firmware"))
    yield ("retried by another, and only updateTime moved, which others kept", steady().judge([("f0", "accepted")]), [],
           ["accepted by another"])
    yield ("updateTime moved by itself, and others kept it", steady(retried=False).judge([("f0", "accepted")]),
           ["accepted, never retried"], [])
    yield "retried by another, failed for another reason", forge.judge([("f0", "accepted")]), [], ["accepted by another"]
    forge = Forge(others="process")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.call(2, ["f0"], retried=["f0"], client="B")
    forge.look(3, "f0", "init")
    yield ("retried by another, killed after the first look", forge.judge([("f0", "accepted")], kills=(forge.zero + 0.7,)), [],
           ["accepted by another"])
    forge = Forge(others="process")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.call(2, ["f0"], retried=["f0"], client="B")
    forge.look(3, "f0", "init")
    yield "retried by another, never seen before", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(others="person")
    forge.look(0.5, "f0", "failed")
    forge.state(0.7, "f0", "init", ("person", None))
    forge.call(1, ["f0", "f1"], code=24621)
    yield "retried by a person, the list refused", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(others="person", mixed="partly-refused")
    forge.look(0.5, "f0", "failed")
    forge.state(0.7, "f0", "init", ("person", None))
    forge.call(1, ["f0", "f1"], code=24621, retried=["f1"])
    forge.look(3, "f0", "init")
    yield ("retried by a person, the list refused in part", forge.judge([("f0", "accepted"), ("f1", "accepted")]), [],
           ["accepted by another"])
    mixed = [("f0", "accepted"), ("s0", "accepted")]
    yield "code 0, never seen, no look wanted", forge_never_seen().judge(mixed, no_lookup=True), [], ["accepted by code 0"]
    yield ("code 0, never seen, a look wanted", forge_never_seen().judge(mixed),
           ["accepted, never retried"], [])
    forge = Forge(others="person")
    forge.state(0.2, "f0", "init", ("person", None))
    forge.look(0.5, "f0", "init")
    forge.state(0.8, "f0", "published")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.look(2, "f0", "published")
    yield "seen to have left before the lost call", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(others="process")
    forge.look(0.5, "f0", "failed")
    forge.call(2, ["f0"], retried=["f0"], client="B")
    forge.call(3, ["f0"], code=24621)
    forge.look(4, "f0", "init")
    yield "retried by another, and refused to us", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(update="sweep")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], code=None, answered=False, trouble="cut before")
    forge.look(3, "f0", "failed")
    yield "lost on the way there, updateTime moved", forge.judge([("f0", "accepted")]), ["accepted, never retried"], []
    forge = Forge(mixed="partly")
    forge.look(0.5, "s0", "succeeded")
    forge.call(1, ["f0", "s0"], retried=["f0"])
    yield "code 0, but it was seen succeeded", forge.judge(mixed), ["accepted, never retried"], []
    forge = Forge(mixed="partly")
    forge.look(0.5, "s0", "failed")
    forge.call(1, ["f0", "s0"], retried=["f0"])
    yield "code 0, and it was seen failed", forge.judge(mixed), [], ["accepted by code 0"]

    yield "rejected, but retried", retried("f0").judge([("f0", "rejected")], code=24621), ["rejected, but retried"], []
    yield "skipped, but retried", retried("f0").judge([("f0", "skipped")]), ["skipped, but retried"], []
    yield "unknown and retried", retried("f0").judge([("f0", "unknown")]), [], []
    yield "unknown without a reason", retried("f0").judge([("f0", "unknown")], message=""), ["no reason"], []
    yield "refused as not failed, though failed", Forge().judge([("f0", "rejected")], code=24621), ["rejected as not failed"], []
    yield "a succeeded one is refused", Forge().judge([("s0", "rejected")], code=24621), [], []

    yield "doubled, honest updateTime", lost_and_failed_again().judge([("f0", "accepted")]), ["retried twice"], []
    forge = lost_and_failed_again(others="process")
    forge.world.tasks["f0"].past.pop()
    forge.call(3, ["f0"], retried=["f0"], client="B")
    forge.state(3.5, "f0", "failed")
    forge.state(4, "f0", "init", ("retry", forge.world.calls[1]))
    yield "doubled, and retried by another in between", forge.judge([("f0", "accepted")]), [], ["doubled"]
    forge.look(3.2, "f0", "init")
    yield "doubled, seen to leave after another's retry", forge.judge([("f0", "accepted")]), [], ["doubled"]
    forge.look(1.5, "f0", "init")
    forge.world.tasks["f0"].looks["A"].sort()
    yield "doubled, seen to leave before another's retry", forge.judge([("f0", "accepted")]), ["retried twice"], []
    forge = Forge(losses="late")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], answered=False, retried=["f0"], trouble="cut late", carried=2)
    forge.look(1.8, "f0", "failed")
    forge.state(3, "f0", "failed")
    forge.call(4, ["f0"], retried=["f0"])
    yield "doubled, seen untouched before the first came late", forge.judge([("f0", "accepted")]), [], ["carried out belatedly"]
    forge = Forge(mixed="partly")
    forge.look(0.1, "f0", "failed")
    forge.look(0.9, "f0", "succeeded")
    forge.call(1, ["f0", "f1"], retried=["f1"])
    yield ("code 0, seen to leave too late to stop the call", forge.judge([("f0", "accepted"), ("f1", "accepted")]), [],
           ["accepted by code 0"])
    forge = lost_and_failed_again()
    forge.look(0.6, "f0", "upgrading")
    yield "doubled, seen not failed before", forge.judge([("f0", "accepted")]), [], ["doubled"]
    yield "doubled, updateTime moves by itself", lost_and_failed_again(update="each").judge([("f0", "accepted")]), [], ["doubled"]
    forge = lost_and_failed_again(update="each", taskId="new")
    forge.look(3, "f0", "failed", task_id="t2")
    yield "doubled, taskId is new", forge.judge([("f0", "accepted")]), [], ["doubled, though taskId or texts could tell"]
    forge = lost_and_failed_again(update="each")
    forge.look(3, "f0", "failed", texts=(-3, "Failed to verify the firmware"))
    yield "doubled, the reason is another", forge.judge([("f0", "accepted")]), [], ["doubled, though taskId or texts could tell"]
    yield ("doubled, though seen to leave", lost_and_failed_again("init", update="each").judge([("f0", "accepted")]),
           ["retried twice"], [])
    yield ("doubled, seen to leave by a run that was killed", lost_and_failed_again("init").judge(
        [("f0", "accepted")], no_lookup=True, kills=(time.time() - 97,)), [], ["doubled"])
    yield "doubled without a first look", lost_and_failed_again().judge([("f0", "accepted")], no_lookup=True), [], ["doubled"]
    forge = lost_and_failed_again()
    forge.call(0.9, [f"f{number}" for number in range(1, 20)], retried=[f"f{number}" for number in range(1, 20)])
    yield "doubled, no unsent task", forge.judge([("f0", "accepted")]), [], ["doubled"]
    forge = lost_and_failed_again(others="person")
    forge.state(3, "f9", "init", ("person", None))
    yield "doubled, while a person moved others", forge.judge([("f0", "accepted")]), [], ["doubled"]
    forge = Forge(update="each")
    forge.call(1, ["f0"], retried=["f0"])
    forge.state(2, "f0", "failed")
    forge.call(4, ["f0"], retried=["f0"])
    yield "doubled, though answered", forge.judge([("f0", "accepted")]), ["retried twice"], []
    forge = Forge(update="sweep")
    forge.call(1, ["f0"], retried=["f0"])
    forge.state(2, "f0", "failed")
    forge.call(4, ["f0"], retried=["f0"])
    yield "doubled, killed as the answer came", forge.judge([("f0", "accepted")], kills=(forge.zero + 1.2,)), [], ["doubled"]

    yield "a device is missing", retried("f0").judge([("f0", "accepted")], named=frozenset(["f0", "f1"])), ["no line"], []
    yield "a stranger", retried("f0", "f1").judge(accepted, named=frozenset(["f0"])), ["stranger"], []
    yield "two lines", retried("f0").judge([("f0", "accepted")] * 2), ["two lines"], []
    forge = retried("f0")
    for number in range(20):
        forge.look(0.5, f"f{number}", "failed")
    yield "selected, nineteen missing", forge.judge([("f0", "accepted")], named=None), ["no line"] * 19, []
    excluded = frozenset(f"f{number}" for number in range(1, 20))
    yield "selected, the others excluded", forge.judge([("f0", "accepted")], named=None, excluded=excluded), [], []

    both = [("f0", "accepted"), ("s0", "rejected")]
    yield "exit 0 with a rejected one", retried("f0").judge(both, exit=0, code=24621), ["exit code"], []
    yield "exit 1 with all accepted", retried("f0").judge([("f0", "accepted")], exit=1), ["exit code"], []
    yield "exit 101", retried("f0").judge(both, exit=101, code=24621), ["crash"], []
    yield "a panic", retried("f0").judge(both, stderr="thread 'main' panicked at x\nerror: y"), ["crash"], []
    yield "success said, exit 1", retried("f0").judge(both, stderr="2 devices: 2 accepted"), ["last line"], []
    yield "exit 0, error said", retried("f0").judge([("f0", "accepted")], stderr="error: no"), ["last line"], []
    yield ("a wrong summary", retried("f0").judge(both, summary={
        "requested": 2, "accepted": 2, "rejected": 0, "skipped": 0, "unknown": 0}), ["summary"], [])
    yield "an outcome of its own", retried("f0").judge([("f0", "retried")], summary={
        "requested": 1, "accepted": 0, "rejected": 0, "skipped": 0, "unknown": 0}), ["outcome"], []
    forge = retried("f0")
    forge.state(3, "f0", "failed")
    yield "watched, failed again, exit 0", forge.judge([("f0", "accepted")], watch=True), ["exit code"], []
    forge = retried("f0")
    forge.state(3, "f0", "succeeded")
    yield "watched, succeeded, exit 0", forge.judge([("f0", "accepted")], watch=True), [], []
    earlier = ({"deviceKey": "f0", "outcome": "accepted"},)
    yield ("told accepted, later unknown", retried("f0").judge([("f0", "unknown")], earlier=earlier), ["told before"], [])

    forge = Forge(losses="late")
    forge.look(0.5, "f0", "failed")
    forge.call(1, ["f0"], answered=False, retried=["f0"], trouble="504 late", carried=2)
    forge.look(1.5, "f0", "failed")
    yield "skipped after a look, carried out later", forge.judge([("f0", "skipped")]), [], ["carried out belatedly"]

    unknown = [("f0", "unknown")]
    yield needless("unknown, though all is honest", retried("f0").judge(unknown), ["unknown"])
    yield needless("unknown, updateTime moves by itself", retried("f0", update="each").judge(unknown), [])
    yield needless("unknown after a kill", retried("f0").judge(unknown, kills=(time.time() - 90,)), [])
    yield needless("unknown without a first look", retried("f0").judge(unknown, no_lookup=True), [])
    everything = [f"f{number}" for number in range(20)]
    yield needless("unknown, no unsent task", retried(*everything).judge([(key, "unknown") for key in everything]), [])
    yield needless("skipped, though failed all the time", Forge().judge([("f0", "skipped")]), ["left undone"])
    yield needless("rejected, as it had succeeded", Forge().judge([("s0", "rejected")], code=24621), [])


def run():
    wrong = count = 0
    for name, verdict, false, apart in cases():
        count += 1
        found = sorted(kind for kind, _, _ in verdict.false), sorted(kind for kind, _, _ in verdict.apart)
        if found != (sorted(false), sorted(apart)):
            wrong += 1
            print(f"WRONG {name}: expected {sorted(false)} and {sorted(apart)}, found {found[0]} and {found[1]}: {verdict.false}")
    print(f"{count - wrong} of {count} forged reports are judged rightly")
    return 1 if wrong else 0
