"""Plays one combination: the command against the gateway, killed and resumed, and the judge on what it told."""

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from . import combos
from .gateway import APP_KEYS, SECRETS, Gateway, Server
from .judge import Judge, Told, Verdict, history
from .world import JOB, ORG, World

# No more calls than these should meet a window that is used up.
FUTILE = 2
# Where calls are counted by the minute, a run may wait for so many minutes more before it counts as stuck: the quota is
# made for a campaign without losses, kills and others, and without the searches of a watch.
MINUTES_MORE = 10
# The command is resumed as often when it gave up on a gateway with so much trouble.
RESUMES = 12


running = set()
interrupted = threading.Event()


def end_all():
    """Ends the runs that are under way, and lets none begin."""
    interrupted.set()
    for process in list(running):
        process.kill()


class Program:
    """The command, and which of its options there are."""

    def __init__(self, path):
        self.path = Path(path).resolve()
        self.retry_help, self.report_help = (
            subprocess.run([self.path, name, "--help"], capture_output=True, text=True, check=True).stdout
            for name in ("retry", "report"))
        self.no_lookup = "--no-lookup" in self.retry_help
        self.report_form = "--format" if "--format" in self.report_help else "--output"


def environment(url, client, folder):
    kept = {name: value for name, value in os.environ.items()
            if not name.upper().endswith("_PROXY") and not name.startswith("ENOS_")}
    return {**kept, "ENOS_BASE_URL": url, "ENOS_ORG_ID": ORG, "ENOS_APP_KEY": APP_KEYS[client],
            "ENOS_APP_SECRET": SECRETS[APP_KEYS[client]][1], "XDG_CONFIG_HOME": str(folder),
            "XDG_STATE_HOME": str(folder), "NO_COLOR": "1"}


class Client:
    """One operator: a command that is run, perhaps killed, and resumed until it has ended."""

    def __init__(self, name, program, world, server, folder, arguments, kills, chance, patience):
        self.name, self.program, self.world, self.folder = name, program, world, folder
        self.environment = environment(server.url, name, folder)
        self.journal = folder / f"{name}.jsonl"
        self.arguments, self.kills_left, self.chance, self.patience = arguments, kills, chance, patience
        self.kills, self.earlier, self.runs, self.told = [], [], Counter(), []
        self.stuck = None
        # Made by the caller: what every Told of this client has in common.
        self.common = {}

    def play(self):
        form = self.arguments["output"]
        first = ["retry", "--job-id", JOB, *self.arguments["selection"], "--yes", "--journal", self.journal, "--timeout", "3",
                 "--chunk-size", self.arguments["chunk"], *self.arguments["more"], "--output", form]
        again = ["resume", self.journal, "--timeout", "3", "--output", form]
        until = time.time() + self.patience
        for _ in range(RESUMES + 10):
            begun = self.journal.exists() and self.journal.stat().st_size > 0
            run = self.run(again if begun else first, form)
            if self.stuck:
                return
            if run is None:
                continue
            self.told.append(run)
            self.runs[run.exit] += 1
            if run.exit != 5 or self.runs[5] > RESUMES or time.time() > until:
                return
            if self.world.combo["limit"] in combos.MINUTES:
                # As a person would: others have used up this minute.
                time.sleep(60.2 - (time.time() + float(self.world.combo["clock"])) % 60)
        self.stuck = f"not finished after {sum(self.runs.values())} runs"

    def run(self, words, form):
        """One run: what it told, or None if it was killed."""
        if interrupted.is_set():
            self.stuck = "interrupted"
            return None
        process = subprocess.Popen([str(word) for word in (self.program.path, *words)], env=self.environment, cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        running.add(process)
        try:
            return self.await_end(process, form)
        finally:
            running.discard(process)

    def await_end(self, process, form):
        killed = threading.Event()

        def kill_at_a_moment():
            """Kills the run after a while, or while one of its next retries is under way."""
            if not self.wait_for_moment(process):
                return
            killed.set()
            process.kill()
            self.kills.append(time.time())

        if self.kills_left:
            self.kills_left -= 1
            threading.Thread(target=kill_at_a_moment, daemon=True).start()
        try:
            out, err = process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
            self.stuck = f"still running after {self.patience:.0f} s: {err[-300:]}"
            return None
        if killed.is_set() and process.returncode == -signal.SIGKILL:
            if form == "jsonl":
                self.earlier += [line for line in lines_of(out) if "deviceKey" in line]
            return None
        ended = time.time()
        lines, summary = read_result(out, form)
        return Told(self.name, process.returncode, lines, summary, err, ended,
                    kills=tuple(self.kills), earlier=tuple(self.earlier), **self.common)

    def wait_for_moment(self, process):
        """Waits until it is time to kill. False if the run has ended before."""
        if self.chance.random() < 0.6:
            end = len(self.world.calls) + self.chance.randint(1, 4)
            while len(self.world.calls) < end:
                if process.poll() is not None:
                    return False
                time.sleep(0.003)
            pause = self.chance.uniform(0, 0.15)
        else:
            pause = self.chance.choice([self.chance.uniform(0.03, 0.6), self.chance.uniform(0.3, 3)])
        time.sleep(pause)
        return process.poll() is None


def lines_of(text):
    """The whole objects of JSON Lines, of which the last may be torn."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def read_result(out, form):
    if not out.strip():
        return [], None
    if form == "json":
        try:
            result = json.loads(out)
        except ValueError:
            return [], None
        return result.get("devices", []), result.get("summary")
    objects = lines_of(out)
    summaries = [one["summary"] for one in objects if "summary" in one]
    latest = {}
    for line in objects:
        if "deviceKey" in line:
            latest.setdefault(line["deviceKey"], []).append(line)
    # A device may be told anew, but never otherwise; the judge sees a change as two lines.
    lines = [line for told in latest.values() for line in (told[-1:] if len({one["outcome"] for one in told}) == 1 else told)]
    return lines, summaries[-1] if summaries else None


def report_faults(client, told):
    """Holds `report` against the last result."""
    faults = []

    def report(form):
        command = [client.program.path, "report", client.journal, client.program.report_form, form]
        run = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=client.environment,
                             stdin=subprocess.DEVNULL)
        if run.returncode != 0:
            faults.append(("report", None, f"report as {form} exits with {run.returncode}: {run.stderr[-300:]}"))
            return None
        return run.stdout

    # A campaign that gave up has devices of which only the result speaks.
    if not client.journal.exists() or told.summary is None or told.exit not in (0, 1):
        return faults
    table, whole = report("csv"), report("json")
    if table is not None:
        rows = {row["deviceKey"]: row for row in csv.DictReader(io.StringIO(table))}
        lines = {line["deviceKey"]: line for line in told.lines}
        if set(rows) != set(lines):
            faults.append(("report", None, f"the table has {len(rows)} devices, the result {len(lines)}"))
        for key in sorted(set(rows) & set(lines)):
            if rows[key]["outcome"] != lines[key]["outcome"]:
                faults.append(("report", key, f"the table says {rows[key]['outcome']}, the result {lines[key]}"))
            elif told.watch and client.world.combo["others"] == "nobody" and rows[key]["outcome"] == "accepted":
                state = client.world.tasks[key].at(told.ended) if key in client.world.tasks else None
                fate = {"succeeded": "succeeded", "failed": "failedAgain"}.get(state.status, state.status) if state else None
                # One that was not seen to end may be said to be so.
                if rows[key].get("fate") in ("succeeded", "failedAgain") and rows[key]["fate"] != fate:
                    faults.append(("report", key, f"it is {fate}, the table says {rows[key].get('fate')}"))
    if whole is not None:
        outcomes = {name: count for name, count in json.loads(whole).get("outcomes", {}).items() if count}
        counted = {name: count for name, count in told.summary.items() if name != "requested" and count}
        if outcomes != counted:
            faults.append(("report", None, f"the report counts {outcomes}, the result {counted}"))
    return faults


class Result:
    """What one combination came to."""

    def __init__(self, combo, seed, devices):
        self.combo, self.seed, self.devices = combo, seed, devices
        self.verdict, self.outcomes, self.clients = Verdict(), Counter(), []
        self.seconds = 0.0
        self.figures = {}
        self.histories = {}
        self.error = None

    def as_json(self):
        def entries(found):
            return [{"kind": kind, "device": key, "text": text} for kind, key, text in found]

        return {"combo": self.combo, "seed": self.seed, "outcomes": dict(self.outcomes), "seconds": round(self.seconds, 1),
                "false": entries(self.verdict.false), "apart": entries(self.verdict.apart),
                "needless": entries(self.verdict.needless), "unknownReasons": dict(self.verdict.unknown_reasons),
                "figures": self.figures, "histories": self.histories, "error": self.error}


def play(program, combo, seed, devices, keep=False, patience=300):
    """Plays a combination, of which no run may take longer than `patience`, in seconds."""
    result = Result(combo, seed, devices)
    chance = random.Random(f"campaign {seed} {combos.text(combo)}")
    folder = Path(tempfile.mkdtemp(prefix="enos-ota-fleet-"))
    minute = combo["limit"] in combos.MINUTES
    if minute:
        patience += 60 * MINUTES_MORE
        # Begin shortly before the minute of the gateway's clock is over, so that only a short wait is needed.
        time.sleep((52 - (time.time() + float(combo["clock"]))) % 60)
    begun = time.time()
    try:
        play_in(folder, program, combo, seed, devices, chance, result, minute, patience)
    except Exception as error:  # noqa: BLE001 - a fault of this tool must not pass for one of the command
        result.error = f"{type(error).__name__}: {error}"
        if os.environ.get("FLEET_DEBUG"):
            raise
    result.seconds = time.time() - begun
    if keep or result.verdict.false:
        result.figures["folder"] = str(folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def minute_quota(combo, devices, chunk):
    """Enough calls for a whole campaign in two windows, but not in one."""
    calls = -(-devices // chunk) + -(-devices // 200)
    if combo["devices"] == "named-no-lookup":
        # A tenth has to be found by halving.
        calls += devices / 10 * max(1, min(chunk, devices).bit_length() - 1)
    if combo["others"] != "nobody":
        calls *= 2
    return 3 if combo["devices"] == "named-one-call" else max(6, int(calls * 0.75))


def play_in(folder, program, combo, seed, devices, chance, result, minute, patience):
    chunk = chance.choice([20, 60, 200])
    if combo["devices"] == "named-one-call":
        chunk = 200
    elif minute:
        chunk = 20
    quota = minute_quota(combo, devices, chunk) if minute else chance.randint(20, 40)
    world = World(combo, seed, devices)
    gateway = Gateway(world, seed, quota, 1 if combo["devices"] == "named-one-call" else -(-devices // chunk))
    server = Server(gateway)
    keys = list(world.tasks)
    chance.shuffle(keys)
    named, excluded, no_lookup, more = None, frozenset(), False, []
    if combo["devices"] in ("selected", "selected-but"):
        selection = ["--failed"]
        if combo["devices"] == "selected-but":
            excluded = frozenset(keys[:len(keys) // 5])
            (folder / "excluded.txt").write_text("".join(f"{key}\n" for key in sorted(excluded)))
            selection += ["--exclude-file", folder / "excluded.txt"]
    else:
        count = chance.randint(1, 90) if combo["devices"] == "named-one-call" else len(keys) * 4 // 5
        names = keys[:count] + (["nobody_knows_it"] if chance.random() < 0.3 else [])
        named = frozenset(names)
        (folder / "keys.txt").write_text("".join(f"{key}\n" for key in names))
        selection = ["--device-keys-file", folder / "keys.txt"]
        if combo["devices"] == "named-no-lookup" and program.no_lookup:
            no_lookup = True
            more.append("--no-lookup")
    watch = combo["watch"] == "yes"
    if watch:
        more += ["--watch", "--watch-timeout", "30s"]
    elif chance.random() < 0.2:
        more.append("--no-verify")
    arguments = {"selection": selection, "chunk": chunk, "more": more, "output": combo["output"]}
    clients = []
    for name in ("A", "B") if combo["others"] == "process" else ("A",):
        kills = chance.randint(1, 8) if combo["kills"] == "yes" and name == "A" else 0
        client = Client(name, program, world, server, folder, arguments, kills, chance, patience)
        client.common = {"watch": watch, "no_lookup": no_lookup, "named": named, "excluded": excluded}
        clients.append(client)
    threads = [threading.Thread(target=client.play) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Work that the service goes on with after the gateway gave up.
    if combo["losses"] == "late":
        time.sleep(1.1)
    server.shutdown()
    server.server_close()
    for client in clients:
        judge_client(client, world, result)
    # A window that is used up is learned from a refusal, which some calls under way may share.
    futile = max(gateway.limit.refused.values(), default=0)
    if minute and futile > FUTILE * len(clients) * (1 + len(clients[0].kills)):
        result.verdict.needless.append(("knocks", None, f"{futile} calls in a minute that was used up"))
    result.figures = {
        "calls": dict(gateway.counts), "troubles": dict(gateway.trouble_counts), "oddities": dict(gateway.oddities),
        "kills": len(clients[0].kills), "exits": {client.name: dict(client.runs) for client in clients}, "moves": world.moves,
        "futile": futile, "quota": gateway.limit.quota if gateway.limit.length else None,
        "chunk": chunk, "longest": gateway.longest,
    }
    for kind, key, _ in (result.verdict.false + result.verdict.needless)[:400]:
        if key and sum(1 for other in result.histories if other.startswith(kind)) < 3:
            result.histories[f"{kind}: {key}"] = history(world, key)


def judge_client(client, world, result):
    verdict = result.verdict
    if client.stuck:
        verdict.false.append(("stuck", None, client.stuck))
    for told in client.told:
        one = Judge(world, told).run()
        verdict.merge(one)
        if told.exit not in (0, 1, 5):
            verdict.false.append(("exit", None, f"{client.name} ended with {told.exit}: {told.stderr[-400:]}"))
    if client.runs[5] > RESUMES:
        verdict.false.append(("gave up", None, f"exit 5 in {client.runs[5]} runs: {client.told[-1].stderr[-400:]}"))
    if client.told:
        last = client.told[-1]
        verdict.false += report_faults(client, last)
        judged = Judge(world, last).run()
        result.outcomes.update(judged.counts)
        verdict.unknown_reasons.update(judged.unknown_reasons)
