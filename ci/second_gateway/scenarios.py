"""Attacks that once succeeded, each with the right answer: few devices, one trouble, and what must be told."""

import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .campaign import environment, read_result
from .gateway import Gateway, Server
from .judge import Judge, Told, history
from .self_test import CALM
from .world import JOB, State, World

SCENARIOS = {}
HUGE = {"Retry-After": "18446744073709551615"}
RATE = (429, '{"message":"API rate limit exceeded"}', HUGE)


def scenario(*variants):
    """Registers a function that arranges a stage; with variants, once for each."""
    def register(function):
        name = function.__name__.replace("_", "-")
        for variant in variants or (None,):
            SCENARIOS[name if variant is None else f"{name}-{variant}"] = (function, variant)
        return function
    return register


class Stage:
    """A job, a gateway, and one run of the command."""

    def __init__(self, program, failed=10, other=0, status="succeeded", **combo):
        self.program, self.faults, self.seconds = program, [], 0
        self.world = World({**CALM, "losses": "none", **combo}, 1, 0)
        for number in range(failed + other):
            fails = number < failed
            key = f"{'f' if fails else 'o'}_{number:04}"
            first = State(self.world.begun - 86400 + number, "failed" if fails else status, -1 if fails else 0,
                          "Upgrade timed out" if fails else "", f"task{number}", ("start", None))
            self.world.add(number, key, first)
        self.failed = [key for key in self.world.tasks if key.startswith("f")]
        self.other = [key for key in self.world.tasks if key.startswith("o")]
        self.world.fail_again, self.world.soon = 0, (0.3, 1.0)
        self.gateway = Gateway(self.world, 1)
        self.gateway.share, self.gateway.longest = {}, 100_000
        self.folder = Path(tempfile.mkdtemp(prefix="enos-ota-scenario-"))

    def run(self, *words, named=None, limit=60, terminate=None, timeout=3):
        """Runs `retry`: the devices that are named, or all that failed."""
        server = Server(self.gateway)
        env = environment(server.url, "A", self.folder)
        self.journal = self.folder / "journal.jsonl"
        if named is None:
            selection = ["--failed"]
        else:
            (self.folder / "keys.txt").write_text("".join(f"{key}\n" for key in named))
            selection = ["--device-keys-file", self.folder / "keys.txt"]
        command = [self.program.path, "retry", "--job-id", JOB, *selection, "--yes", "--journal", self.journal, "--timeout",
                   timeout, "--output", "json", *words]
        begun = time.time()
        process = subprocess.Popen([str(word) for word in command], env=env, cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        if terminate:
            while not terminate(self.gateway) and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
        try:
            out, self.stderr = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, self.stderr = process.communicate()
            self.faults.append(f"still running after {limit} s")
        self.seconds = time.time() - begun
        self.exit, ended = process.returncode, time.time()
        server.shutdown()
        server.server_close()
        lines, summary = read_result(out, "json")
        self.out = out
        self.outcomes = {line["deviceKey"]: line["outcome"] for line in lines}
        self.lines = lines
        told = Told("A", self.exit, lines, summary, self.stderr, ended, watch="--watch" in words,
                    no_lookup="--no-lookup" in words, named=None if named is None else frozenset(named))
        if self.exit >= 0 and not self.faults:
            verdict = Judge(self.world, told).run()
            self.histories = [history(self.world, key) for _, key, _ in verdict.false[:1] if key]
            self.faults += [f"{kind}{' ' + key if key else ''}: {text}" for kind, key, text in verdict.false
                            if kind not in self.forgiven]
        return self

    histories = ()
    # What the judge must not mind in a scenario that is about it.
    forgiven = ()

    def expect(self, exits=None, accepted=None, refused=None, says=None, silent=None, searches=None, retries=None, once=True):
        if exits is not None and self.exit not in exits:
            self.faults.append(f"exit {self.exit}, expected {' or '.join(map(str, exits))}: {self.stderr.strip()[-300:]}")
        for keys, allowed in ((accepted, ("accepted",)), (refused, ("rejected", "skipped"))):
            odd = {key: self.outcomes.get(key) for key in keys or () if self.outcomes.get(key) not in allowed}
            if odd:
                some = dict(list(odd.items())[:2])
                self.faults.append(f"{len(odd)} of {len(keys)} are not {' or '.join(allowed)}, such as {some}")
        text = self.stderr + json.dumps(self.lines)
        if says and not re.search(says, text, re.I):
            self.faults.append(f"does not say {says!r}: {self.stderr.strip()[-300:]}")
        if silent and re.search(silent, text, re.I):
            self.faults.append(f"says {silent!r}: {self.stderr.strip()[-300:]}")
        for action, most in (("searchTask", searches), ("retryTask", retries)):
            if most is not None and self.gateway.counts[action] > most:
                self.faults.append(f"{self.gateway.counts[action]} calls of {action}, at most {most} are sensible")
        doubled = [key for key, task in self.world.tasks.items() if len(task.retries()) > 1]
        if once and doubled:
            self.faults.append(f"{len(doubled)} retried more than once, such as {doubled[0]}")
        return self


@scenario(*(f"{status}-{mixed}" for status in ("succeeded", "init", "published", "upgrading") for mixed in ("whole", "partly")))
def two_named_that_did_not_fail(program, variant):
    """A refused list of tasks that are not failed has accepted nothing, however lately they changed."""
    status, mixed = variant.split("-")
    stage = Stage(program, failed=0, other=2, status=status, mixed=mixed)
    for task in stage.world.tasks.values():
        task.past[0] = task.past[0]._replace(when=stage.world.begun - 10)
    return stage.run(named=stage.other).expect(exits=[1], refused=stage.other)


@scenario("whole", "partly", "partly-refused")
def more_than_a_page_in_a_call(program, variant):
    """200 succeeded and 100 failed in lists of 300: what holds of a part of a list does not hold of the list."""
    stage = Stage(program, failed=100, other=200, mixed=variant)
    for key in stage.other:
        task = stage.world.tasks[key]
        task.past[0] = task.past[0]._replace(when=stage.world.begun - 10)
    stage.run("--chunk-size", 300, named=stage.other + stage.failed)
    return stage.expect(exits=[1], accepted=stage.failed, refused=stage.other)


@scenario("cut before", "503 before", "502 page before", "429")
def first_call_lost_on_the_way_there(program, variant):
    stage = Stage(program)
    stage.gateway.plan = lambda action, count: variant if (action, count) == ("retryTask", 1) else None
    return stage.run(named=stage.failed).expect(exits=[0], accepted=stage.failed)


@scenario("cut before", "503 before")
def first_call_lost_while_updates_move(program, variant):
    """Lost on the way there, and updateTime moves by itself."""
    stage = Stage(program, failed=200, update="sweep")
    stage.world.sweep_share = 1.0
    stage.gateway.plan = lambda action, count: variant if (action, count) == ("retryTask", 1) else None
    return stage.run("--chunk-size", 50).expect(exits=[0, 1])


@scenario("cut after", "cut inside", "504 page after", "500 after", "99500 after")
def first_answer_lost(program, variant):
    stage = Stage(program)
    stage.world.soon = (4, 5)
    stage.gateway.plan = lambda action, count: variant if (action, count) == ("retryTask", 1) else None
    return stage.run(named=stage.failed).expect(exits=[0], accepted=stage.failed)


@scenario("named", "selected")
def first_answer_lost_and_failed_again(program, variant):
    """One list, its answer lost, failed again at once; the job has failed tasks that were not sent, and updateTime is honest."""
    stage = Stage(program, failed=60)
    stage.world.fail_again, stage.world.soon = 1, (0.25, 0.3)
    stage.gateway.plan = lambda action, count: "504 page after" if (action, count) == ("retryTask", 1) else None
    if variant == "named":
        return stage.run(named=stage.failed[:30]).expect(exits=[0], accepted=stage.failed[:30])
    (stage.folder / "out.txt").write_text("".join(f"{key}\n" for key in stage.failed[30:]))
    stage.forgiven = ("no line",)
    return stage.run("--exclude-file", stage.folder / "out.txt").expect(exits=[0], accepted=stage.failed[:30])


@scenario("-600", "-60", "-25", "0", "25", "60", "600")
def answer_lost_at_another_clock(program, variant):
    stage = Stage(program, failed=40, clock=variant)
    stage.gateway.plan = lambda action, count: "cut after" if (action, count) == ("retryTask", 1) else None
    return stage.run(named=stage.failed[:20]).expect(exits=[0], accepted=stage.failed[:20])


@scenario()
def a_search_that_repeats_its_first_page(program, _):
    stage = Stage(program, failed=200)

    def alter(action, count, result):
        if action != "searchTask" or result.get("code") != 0:
            return None
        rows = [stage.world.row(task, time.time(), 0) for task in stage.world.tasks.values()]
        return {**result, "data": rows, "pagination": {**result["pagination"], "totalSize": 1_000_000}}

    stage.gateway.alter = alter
    stage.forgiven = ("no line", "stranger")
    return stage.run().expect(exits=[1, 5], searches=60, says="repeat|same|nothing new|again")


@scenario("selected", "named")
def code_0_without_data(program, variant):
    """An answer that does not say that there is nothing."""
    stage = Stage(program)
    stage.gateway.alter = lambda action, count, result: {"code": 0, "msg": "OK"} if action == "searchTask" else None
    stage.forgiven = ("no line",)
    if variant == "named":
        return stage.run(named=stage.failed).expect(exits=[0, 1, 5])
    return stage.run().expect(exits=[5], silent="nothing to retry")


@scenario("searchTask", "retryTask")
def retry_after_without_end(program, variant):
    stage = Stage(program)
    stage.gateway.front = lambda action, count, body: RATE if (action, count) == (variant, 1) else None
    stage.forgiven = ("no line",)
    return stage.run().expect(exits=[0, 5])


@scenario("surrogate", "byte", "fraction", "object", "long")
def one_unreadable_row(program, variant):
    """One device's own text stops no fleet: the others are retried, and the row is named."""
    stage = Stage(program)
    bad = stage.failed[4]

    def alter(action, count, result):
        if action != "searchTask" or not result.get("data"):
            return None
        for row in result["data"]:
            if row["deviceKey"] == bad:
                row["progress" if variant == "fraction" else "desc"] = {
                    "fraction": -1.5, "object": {"text": "no"}, "long": "x" * 9_000_000}.get(variant, "@@")
        text = json.dumps(result).encode()
        return text.replace(b'"@@"', {"surrogate": b'"\\ud800"', "byte": b'"\xff"'}.get(variant, b'"@@"'))

    stage.gateway.alter = alter
    stage.forgiven = ("no line",)
    stage.run()
    stage.expect(exits=[0, 1], accepted=[key for key in stage.failed if key != bad])
    if stage.outcomes.get(bad) != "accepted":
        # The key of a row that is longer than an answer may be cannot be known.
        stage.expect(says="could not be read" if variant == "long" else bad)
    return stage


@scenario("selected", "named")
def rows_of_another_job(program, variant):
    """A row of another job proves nothing about a task of this one."""
    stage = Stage(program, failed=20)
    calls = []

    def plan(action, count):
        if action == "retryTask":
            calls.append(count)
        return "cut before" if (action, count) == ("retryTask", 1) else None

    def alter(action, count, result):
        if action != "searchTask" or not calls or not result.get("pagination"):
            return None
        rows = [{**stage.world.row(task, time.time(), 0), "jobId": "5ed758ca49f032b4663063ff", "status": "succeeded"}
                for task in stage.world.tasks.values()]
        return {**result, "data": rows, "pagination": {**result["pagination"], "totalSize": len(rows)}}

    stage.gateway.plan, stage.gateway.alter = plan, alter
    return stage.run(named=stage.failed if variant == "named" else None).expect(exits=[0, 1])


@scenario("503", "page")
def an_outage(program, variant):
    """Nothing but 503, for one device: exit 5, and the cause is named."""
    stage = Stage(program, failed=1)
    text = '{"message":"Service unavailable"}' if variant == "503" else "<html><body>503</body></html>"
    stage.gateway.front = lambda action, count, body: (503, text, {})
    stage.forgiven = ("no line",)
    return stage.run(named=stage.failed, limit=150).expect(exits=[5], says="503", searches=60, retries=60)


@scenario("401", "403", "404")
def refused_by_the_gateway(program, variant):
    texts = {"401": "Invalid authentication credentials", "403": "Your IP address is not allowed",
             "404": "no Route matched with those values"}
    stage = Stage(program)
    answer = (int(variant), json.dumps({"message": texts[variant]}), {})
    stage.gateway.front = lambda action, count, body: answer
    stage.forgiven = ("no line", "exit code")
    exits = {"401": [3], "403": [3]}.get(variant, [2, 4, 5])
    return stage.run(named=stage.failed).expect(exits=exits, says=f"{texts[variant]}|{variant}", searches=12, retries=12)


@scenario()
def too_large_a_list(program, _):
    """413 shrinks the list."""
    stage = Stage(program, failed=300)
    large = (413, '{"message":"Request size limit exceeded"}', {})
    stage.gateway.front = lambda action, count, body: large if action == "retryTask" and len(body) > 700 else None
    return stage.run(named=stage.failed).expect(exits=[0], accepted=stage.failed, retries=40)


@scenario("413", "99400")
def every_list_refused_for_its_form(program, variant):
    """What every further call would meet is learned once."""
    stage = Stage(program, failed=1000)
    answer = (413, '{"message":"Request size limit exceeded"}', {}) if variant == "413" else (
        200, '{"code":99400,"msg":"Invalid Argument deviceKeys: no","requestId":"r","data":null}', {})
    stage.gateway.front = lambda action, count, body: answer if action == "retryTask" else None
    return stage.run(named=stage.failed, limit=120).expect(exits=[1, 2, 4, 5], retries=100)


@scenario()
def no_search_by_device_key(program, _):
    """A search refused for its form is not tried for every device."""
    stage = Stage(program, failed=1000, byKey="refused")
    return stage.run(named=stage.failed).expect(exits=[0], accepted=stage.failed, searches=60)


@scenario("plain", "watch")
def no_search_after_the_call(program, variant):
    """A confirmation that cannot be had ends in time, and does not change what was accepted."""
    stage = Stage(program, failed=2)
    retried = []
    stage.gateway.plan = lambda action, count: retried.append(count) if action == "retryTask" else None
    page = (200, "<html>busy</html>", {})
    stage.gateway.front = lambda action, count, body: page if action == "searchTask" and retried else None
    stage.forgiven = ("exit code",)
    words = ("--watch", "--watch-timeout", "5s") if variant == "watch" else ()
    stage.run(*words, named=stage.failed, limit=90)
    return stage.expect(exits=[1, 5] if variant == "watch" else [0, 5], accepted=stage.failed)


@scenario("1", "2", "4")
def dead_tokens_in_a_row(program, variant):
    stage = Stage(program)
    dead = (200, '{"code":1203,"msg":"access token expired","requestId":"r","data":null}', {})
    stage.gateway.front = lambda action, count, body: dead if action == "retryTask" and count <= int(variant) else None
    return stage.run(named=stage.failed).expect(exits=[0], accepted=stage.failed)


@scenario()
def a_dead_token_on_the_third_page(program, _):
    stage = Stage(program, failed=700)
    dead = (200, '{"code":1203,"msg":"access token expired","requestId":"r","data":null}', {})
    stage.gateway.front = lambda action, count, body: dead if action == "searchTask" and count in (3, 4) else None
    return stage.run().expect(exits=[0], accepted=stage.failed, searches=60)


@scenario()
def throttled_without_a_word(program, _):
    """429 without Retry-After on the first calls: patience by time."""
    stage = Stage(program)
    busy = (429, '{"message":"API rate limit exceeded"}', {})
    end = time.time() + 12
    stage.gateway.front = lambda action, count, body: busy if time.time() < end else None
    # The scenario is about the patience with a gateway, not about a time that was asked for.
    return stage.run(limit=150, timeout=60).expect(exits=[0], accepted=stage.failed, searches=40)


@scenario()
def a_job_that_is_stopped_on_the_way(program, _):
    stage = Stage(program, failed=60)
    answer = (200, '{"code":24617,"msg":"Job not running","requestId":"r","data":null}', {})
    stage.gateway.front = lambda action, count, body: answer if action == "retryTask" and count > 1 else None
    stage.run("--chunk-size", 20, "--concurrency", 1, named=stage.failed)
    return stage.expect(exits=[1, 4], retries=10, says="24617|not running")


@scenario()
def all_fail_again(program, _):
    """With --watch, upgrades that fail again are no success."""
    stage = Stage(program)
    stage.world.fail_again = 1
    return stage.run("--watch").expect(exits=[1], accepted=stage.failed)


@scenario()
def a_canary_that_fails(program, _):
    """Nothing after the canary is retried, and it is said that it was not sent."""
    stage = Stage(program, failed=60)
    stage.world.fail_again = 1
    stage.run("--canary", 5, "--canary-success", "50%", "--canary-timeout", "20s", limit=90)
    stage.expect(exits=[1], says="canary|wave")
    retried = sum(bool(task.retries()) for task in stage.world.tasks.values())
    if retried > 10:
        stage.faults.append(f"{retried} were retried, although the canary failed")
    return stage


@scenario()
def named_twice(program, _):
    stage = Stage(program)
    return stage.run(named=stage.failed + stage.failed[:5]).expect(exits=[0], accepted=stage.failed)


@scenario("expire-missing", "expire-null", "expire-text", "stauts", "apim-status")
def tokens_in_odd_forms(program, variant):
    stage = Stage(program)

    def answer(data):
        whole = {"status": 0, "msg": "SUCCESS", "business": "apim-token-service", "data": data}
        if variant == "expire-missing":
            del data["expire"]
        elif variant == "expire-null":
            data["expire"] = None
        elif variant == "expire-text":
            data["expire"] = "7200"
        elif variant == "stauts":
            whole["stauts"] = whole.pop("status")
        return whole

    stage.gateway.token_answer = answer
    if variant == "apim-status":
        # How the vendor's own SDK learns that a token has expired.
        expired = (200, '{"apim_status":4011,"apim_refreshtoken":"r"}', {})
        stage.gateway.front = lambda action, count, body: expired if action == "retryTask" and count == 1 else None
    return stage.run(named=stage.failed).expect(exits=[0], accepted=stage.failed)


@scenario("whole", "partly", "partly-refused")
def retried_by_a_person_meanwhile(program, variant):
    """All were failed when they were read; half of them are retried by somebody else before the first call."""
    stage = Stage(program, failed=40, mixed=variant)
    moved = []

    def front(action, count, body):
        if action == "retryTask" and not moved:
            for key in stage.failed[:20]:
                stage.world.retry_one(stage.world.tasks[key], time.time(), ("person", None))
                moved.append(key)

    stage.gateway.front = front
    stage.world.soon = (20, 30)
    stage.run("--chunk-size", 40)
    # Where code 0 is said to the whole list, nobody can tell.
    return stage.expect(exits=[0, 1] if variant == "partly" else [1] if variant == "whole" else [0, 1],
                        accepted=stage.failed[20:] if variant != "partly-refused" else None)


@scenario()
def terminated(program, _):
    """SIGTERM: what is under way is awaited, written and told."""
    stage = Stage(program, failed=200)
    stage.gateway.plan = lambda action, count: "slow" if action == "retryTask" else None
    stage.forgiven = ("exit code",)
    stage.run("--chunk-size", 10, "--concurrency", 2, named=stage.failed,
              terminate=lambda gateway: gateway.counts["retryTask"] >= 3)
    stage.expect(exits=[143], says="resume")
    if not stage.outcomes:
        stage.faults.append("no result on standard output")
    return stage


NAMES = list(SCENARIOS)


def play(program, name):
    function, variant = SCENARIOS[name]
    try:
        stage = function(program, variant)
    except Exception as error:  # noqa: BLE001 - a fault of this tool must not pass for one of the command
        return name, None, [f"this tool failed: {type(error).__name__}: {error}"]
    if not stage.faults:
        shutil.rmtree(stage.folder, ignore_errors=True)
    return name, stage, stage.faults


def run(program, names, jobs):
    """Plays the scenarios whose names begin with one of these, or all. Returns the exit code."""
    chosen = [name for name in NAMES if not names or any(name.startswith(one) for one in names)]
    if not chosen:
        raise ValueError(f"no such scenario; there are {', '.join(NAMES)}")
    failed = []
    begun = time.time()
    with ThreadPoolExecutor(jobs) as pool:
        for name, stage, faults in pool.map(lambda name: play(program, name), chosen):
            seconds = f"exit {stage.exit}, {stage.seconds:.1f} s" if stage else "not played"
            print(f"{'FALSE ' if faults else 'ok    '} {name} ({seconds})", flush=True)
            for fault in faults[:4]:
                print(f"       {fault[:600]}")
            if len(faults) > 4:
                print(f"       and {len(faults) - 4} more")
            for entries in stage.histories if stage else ():
                print("\n".join(f"           {entry}" for entry in entries))
            if faults:
                failed.append(name)
                if stage:
                    print(f"       the journal is in {stage.folder}")
    print(f"\n{len(chosen)} scenarios, {len(failed)} with a wrong answer, {time.time() - begun:.0f} s")
    return 1 if failed else 0
