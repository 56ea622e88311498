"""Holds what a client told against what the gateway's ledger knows, device by device."""

import re
from collections import Counter
from dataclasses import dataclass, field

# An answer that leaves the gateway shortly before a kill, or late, may not have reached the client's journal.
LATELY, SLOWLY = 1.0, 0.6
# A killed run's last request may be read only now.
QUEUED = 0.1
# What arrives so shortly before a call can no longer stop it.
DECIDES = 0.3
LATE_TROUBLES = ("504 late", "cut late")
# So few unsent failed tasks prove nothing about what moves updateTime.
CONTROLS = 5
OUTCOMES = ("accepted", "rejected", "skipped", "unknown")
CRASH = re.compile(r"panicked at|RUST_BACKTRACE|Traceback \(most recent")
SUCCESS = re.compile(r"\b(accepted|succeeded|success|done|nothing to retry)\b", re.I)
CAVEAT = re.compile(
    r"\b(error|hint|warning|rejected|skipped|unknown|unsettled|fail\w*|not|no|gave|stopped|interrupted|resume)\b", re.I)


@dataclass
class Told:
    """What one run of a client said when it ended."""

    client: str
    exit: int
    lines: list
    summary: dict
    stderr: str
    ended: float
    watch: bool = False
    no_lookup: bool = False
    # The devices that were named, or None if the failed tasks were selected.
    named: frozenset = None
    excluded: frozenset = frozenset()
    kills: tuple = ()
    # Lines that earlier, killed runs printed.
    earlier: tuple = ()


@dataclass
class Verdict:
    # (kind, device or None, text)
    false: list = field(default_factory=list)
    # What cannot be told apart from outside, so that it is no fault: (kind, device, text)
    apart: list = field(default_factory=list)
    # Unknown or left undone, although everything could be found out.
    needless: list = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    unknown_reasons: Counter = field(default_factory=Counter)

    def merge(self, other):
        for name in ("false", "apart", "needless"):
            getattr(self, name).extend(one for one in getattr(other, name) if one not in getattr(self, name))


class Judge:
    def __init__(self, world, told):
        self.world, self.told, self.verdict = world, told, Verdict()
        self.calls = [call for call in world.calls if call.client == told.client and call.at <= told.ended]
        self.carrying = {}
        for call in self.calls:
            for key in call.keys:
                self.carrying.setdefault(key, []).append(call)

    def fault(self, kind, key, text):
        self.verdict.false.append((kind, key, text))

    def apart(self, kind, key, text):
        self.verdict.apart.append((kind, key, text))

    def lost(self, call):
        """Whether the client may not have the answer of this call."""
        if not call.answered or call.done - call.at > SLOWLY:
            return True
        return any(call.at <= kill + QUEUED and call.done >= kill - LATELY for kill in self.told.kills)

    def told_of(self, call):
        """Whether the client was told that the call retried its devices."""
        return not self.lost(call) and call.code == 0

    def looks(self, task, begin, end, perhaps=False):
        """Looks of the client that surely reached it between two moments, or also those that may have reached it."""
        return [
            look for look in task.looks.get(self.told.client, ())
            if begin < look.when < end and (perhaps or not any(kill - LATELY <= look.when <= kill + QUEUED for kill in self.told.kills))
        ]

    def run(self):
        self.check_form()
        lines = {}
        for line in self.told.lines:
            key = line.get("deviceKey")
            if key in lines:
                self.fault("two lines", key, f"{lines[key]} and {line}")
            lines[key] = line
        self.check_keys(lines)
        for key, line in lines.items():
            self.check_line(key, line)
        self.check_earlier(lines)
        return self.verdict

    # The whole

    def check_form(self):
        told = self.told
        if told.exit < 0 or told.exit in (6, 101, 134, 139) or CRASH.search(told.stderr):
            self.fault("crash", None, f"exit {told.exit}: {told.stderr[-400:]}")
        counts = Counter(line.get("outcome") for line in told.lines)
        self.verdict.counts = counts
        strangers = set(counts) - set(OUTCOMES)
        if strangers:
            self.fault("outcome", None, f"outcomes that do not exist: {strangers}")
        expected = {"requested": len(told.lines), **{name: counts[name] for name in OUTCOMES}}
        if told.summary is not None and {name: told.summary.get(name) for name in expected} != expected:
            self.fault("summary", None, f"the summary says {told.summary}, the lines {expected}")
        if told.summary is None and told.exit in (0, 1):
            self.fault("summary", None, f"exit {told.exit} without a result: {told.stderr[-300:]}")
        all_accepted = counts["accepted"] == len(told.lines)
        good = all_accepted and (not told.watch or self.all_succeeded())
        # A person may retry again what was seen to fail again.
        if told.watch and all_accepted and self.world.combo["others"] != "nobody":
            good = told.exit == 0
        if told.summary is not None and (told.exit == 0) != good and not (told.exit == 5 and not told.lines):
            reason = f"{dict(counts)}" + (", and not every upgrade succeeded" if all_accepted and not good else "")
            self.fault("exit code", None, f"exit {told.exit}, but {reason}: {self.last_line()}")
        last = self.last_line()
        if told.exit != 0 and SUCCESS.search(last) and not CAVEAT.search(last):
            self.fault("last line", None, f"exit {told.exit}, but the last line is: {last}")
        if told.exit == 0 and last.startswith("error"):
            self.fault("last line", None, f"exit 0, but the last line is: {last}")

    def last_line(self):
        lines = [line.strip() for line in self.told.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def all_succeeded(self):
        tasks = [self.world.tasks.get(line.get("deviceKey")) for line in self.told.lines]
        return all(task is None or task.at(self.told.ended).status == "succeeded" for task in tasks)

    def check_keys(self, lines):
        told = self.told
        if told.exit not in (0, 1):
            return
        if told.named is not None:
            missing, strange = told.named - set(lines), set(lines) - told.named
        else:
            must = {key for key, task in self.world.tasks.items() if self.must_be_selected(task)} - told.excluded
            may = {key for key, task in self.world.tasks.items()
                   if any(look.status == "failed" for look in task.looks.get(told.client, ()))} - told.excluded
            missing, strange = must - set(lines), set(lines) - may
        for key in sorted(missing):
            self.fault("no line", key, "the report does not have it")
        for key in sorted(strange):
            self.fault("stranger", key, f"not asked for: {lines[key]}")

    def must_be_selected(self, task):
        """Failed from the beginning, until this client retried it or to the end."""
        if task.past[0].status != "failed":
            return False
        left = [state for state in task.past[1:] if state.when <= self.told.ended and state.status != "failed"]
        return not left or (left[0].by[0] == "retry" and left[0].by[1].client == self.told.client)

    def stayed_failed(self, task, until):
        return task.past[0].status == "failed" and task.failed_during(self.world.begun, until)

    def check_earlier(self, lines):
        for line in self.told.earlier:
            key, now = line.get("deviceKey"), lines.get(line.get("deviceKey"))
            if now is None:
                if self.told.exit in (0, 1):
                    self.fault("told before", key, f"a killed run told {line}, the last does not have it")
            elif line.get("outcome") == "accepted" and now.get("outcome") != "accepted":
                self.fault("told before", key, f"a killed run told {line}, the last one {now}")

    # One line

    def check_line(self, key, line):
        task, outcome = self.world.tasks.get(key), line.get("outcome")
        retries = [state for state in task.retries(self.told.client) if state.when <= self.told.ended] if task else []
        if outcome == "accepted" and not retries:
            self.check_empty_acceptance(key, task, line)
        if outcome in ("rejected", "skipped") and retries:
            self.check_denied(key, task, line, retries)
        if outcome == "rejected" and line.get("code") == 24621 and task and self.stayed_failed(task, self.told.ended):
            self.fault("rejected as not failed", key, f"it was failed all the time: {line}")
        message = line.get("message") or ""
        if outcome in ("skipped", "unknown", "rejected") and len(message.strip()) < 8:
            self.fault("no reason", key, f"a line without a reason: {line}")
        if outcome == "unknown":
            self.verdict.unknown_reasons[re.sub(r"\d+", "N", message)] += 1
            if self.needless_unknown(task):
                self.verdict.needless.append(("unknown", key, f"{line}"))
        if outcome in ("rejected", "skipped") and task and self.told.exit in (0, 1) and self.stayed_failed(task, self.told.ended):
            self.verdict.needless.append(("left undone", key, f"{line}"))
        for earlier, later in zip(retries, retries[1:]):
            self.check_double(key, task, line, earlier, later)

    def check_empty_acceptance(self, key, task, line):
        """Accepted, but this client's calls never retried it."""
        for call in self.carrying.get(key, ()):
            before = self.last_before(task, call) if task else None
            shown = before.status if before else None
            # A line with code 0 shows that the answer was read, however near a kill was.
            told = self.told_of(call) or (line.get("code") == 0 and call.code == 0)
            if told and self.world.combo["mixed"] == "partly":
                if shown == "failed" or (self.told.no_lookup and shown is None):
                    return self.apart("accepted by code 0", key, f"{call} left it out and said OK: {line}")
            if self.tells_nothing(call) and before and self.moved_by_another(task, call):
                return self.apart("accepted by another", key, f"somebody else moved it; {call} tells nothing: {line}")
        self.fault("accepted, never retried", key, f"{line}")

    def last_before(self, task, call):
        """The last look that could still stop the call, or that shows the task failed; None if there is none."""
        looks = self.looks(task, 0, call.at, perhaps=True)
        while looks and looks[-1].status != "failed" and looks[-1].when > call.at - DECIDES:
            looks.pop()
        return looks[-1] if looks else None

    def tells_nothing(self, call):
        """Whether the client cannot know from the answer if the call retried its failed devices."""
        return self.lost(call) or (call.code == 24621 and self.world.combo["mixed"] == "partly-refused")

    def moved_by_another(self, task, call):
        """Whether somebody else took a task out of `failed` while it looked as if this call could have done so."""
        behind = float(self.world.combo["reads"])
        before, after = self.last_before(task, call), self.looks(task, call.at, self.told.ended, perhaps=True)
        # A look is noted when its answer arrives, which may have taken a while.
        since = before.when - behind - LATELY
        left = [state.when for state in task.past if state.when >= since and state.status != "failed"]
        if before.status != "failed" or not left or left[0] > self.told.ended:
            return False
        honest = self.world.combo["update"] == "status"
        # What the client must have seen to take it for retried.
        believed = honest or self.seems_honest(before.when, after[-1].when if after else before.when)
        if not any(look.status != "failed" or (believed and look.update_time != before.update_time)
                   or self.other_task(before, look) for look in after):
            return False
        # Seen failed and untouched after the call: then it did nothing, if updateTime is honest.
        still = [look for look in self.looks(task, call.at + behind + LATELY, left[0])
                 if look.status == "failed" and look.update_time == before.update_time]
        return not (still and honest)

    def seems_honest(self, begin, end):
        """Whether updateTime had to seem honest to the client: of the failed tasks at which it looked again, and which nobody
        had retried in between, most have kept it."""
        kept = moved = 0
        for task in self.world.tasks.values():
            looks = self.looks(task, begin - LATELY, end + LATELY, perhaps=True)
            for one, other in zip(looks, looks[1:]):
                if one.status == other.status == "failed" and task.failed_during(one.when - float(self.world.combo["reads"]), other.when):
                    kept += one.update_time == other.update_time
                    moved += one.update_time != other.update_time
        return kept >= CONTROLS and kept > moved

    @staticmethod
    def other_task(one, other):
        """Whether two looks show another task or another failure, whatever updateTime means."""
        return one.task_id != other.task_id or one.texts != other.texts

    def check_denied(self, key, task, line, retries):
        """Rejected or skipped, but this client's calls retried it."""
        call = retries[0].by[1]
        if len(retries) == 1 and call.trouble in LATE_TROUBLES:
            # The service went on after the gateway had given up; a look in between shows that nothing was done.
            if any(call.at < look.when <= call.carried + 2 and look.status == "failed"
                   for look in task.looks.get(self.told.client, ())):
                return self.apart("carried out belatedly", key, f"{call}: {line}")
        self.fault(f"{line['outcome']}, but retried", key, f"{line}")

    def check_double(self, key, task, line, earlier, later):
        """Retried twice: only a fault if the client could have known."""
        first, second = earlier.by[1], later.by[1]
        if not self.tells_nothing(first):
            return self.fault("retried twice", key, f"although {first} told what it did: {line}")
        # What is seen after somebody else's retry tells nothing of ours.
        elsewhere = [state.when for state in task.past if earlier.when < state.when < later.when and (
            state.by[0] == "person" or (state.by[0] == "retry" and state.by[1].client != self.told.client))]
        end = min([second.at - DECIDES, *elsewhere])
        left = [look for look in self.looks(task, earlier.when, end) if look.status != "failed"]
        # Without a first look such a look settles nothing, and a killed run takes it along.
        if left and not (self.told.no_lookup and self.told.kills):
            return self.fault("retried twice", key, f"it had been seen {left[0].status} after {first}: {line}")
        if first.trouble in LATE_TROUBLES and first.carried > second.at or second.trouble in LATE_TROUBLES:
            return self.apart("carried out belatedly", key, f"{first} and {second}: {line}")
        untouched = [look for look in self.looks(task, first.at, second.at) if look.status == "failed"
                     and look.when <= first.carried + float(self.world.combo["reads"]) + LATELY]
        before = self.last_before(task, first)
        if first.trouble in LATE_TROUBLES and before and any(look.update_time == before.update_time for look in untouched):
            return self.apart("carried out belatedly", key, f"it was seen untouched after {first}: {line}")
        if elsewhere:
            return self.apart("doubled", key, f"somebody else retried it, too, between {first} and {second}: {line}")
        if self.world.by_itself:
            before = self.looks(task, 0, first.at)
            after = self.looks(task, earlier.when, second.at - DECIDES)
            could = before and any(self.other_task(before[-1], look) for look in after)
            kind = "doubled, though taskId or texts could tell" if could else "doubled"
            return self.apart(kind, key, f"updateTime moves by itself, no look between {first} and its new failure: {line}")
        if self.told.no_lookup:
            return self.apart("doubled", key, f"no first look was wanted, {first}: {line}")
        if before and before.status != "failed":
            return self.apart("doubled", key, f"it was {before.status} when last seen before {first}, so that it had changed "
                                              f"proved nothing: it may have failed by itself: {line}")
        steady, moved = self.controls(earlier.when, second.at)
        if steady < CONTROLS or moved:
            why = f"{moved} unsent tasks were moved by others" if moved else "there was no unsent failed task"
            return self.apart("doubled", key, f"{why}, so updateTime proved nothing, {first}: {line}")
        self.fault("retried twice", key, f"updateTime showed the retry by {first}, and unsent tasks that it is honest: {line}")

    def controls(self, begin, end):
        """Tasks that this client did not send meanwhile: how many stayed failed, and how many others took out of it."""
        sent = set()
        for call in self.calls:
            if begin - LATELY <= call.at <= end:
                sent |= call.keys
        unsent = [task for key, task in self.world.tasks.items() if key not in sent and task.at(begin).status == "failed"]
        steady = sum(task.failed_during(begin, end) for task in unsent)
        return steady, len(unsent) - steady

    def needless_unknown(self, task):
        combo, told = self.world.combo, self.told
        honest = combo["update"] == "status" and combo["others"] == "nobody" and combo["losses"] != "late"
        if not honest or told.kills or told.no_lookup or task is None or told.exit not in (0, 1):
            return False
        if combo["byKey"] == "refused" and task.past[0].status != "failed":
            # All that can be seen of it is that it is not among the failed ones.
            return False
        sent = set(self.carrying)
        unsent = sum(key not in sent and self.stayed_failed(one, told.ended) for key, one in self.world.tasks.items())
        return unsent >= CONTROLS


def history(world, key):
    """What the ledger knows of a device, one line per entry."""
    task = world.tasks.get(key)
    entries = [(call.at, f"sent in {call}") for call in world.calls if key in call.keys]
    if task is None:
        return [f"{when - world.begun:8.3f}  {text}" for when, text in sorted(entries)] + ["          the job has no such task"]
    for state in task.past:
        who = {"retry": f"retried by call {state.by[1].number} of {state.by[1].client}" if state.by[1] else "",
               "person": "retried by a person", "device": "by the device", "start": "at first"}[state.by[0]]
        entries.append((max(state.when, world.begun), f"{state.status} {state.task_id} {state.desc!r}, {who}"))
    entries += [(when, "updateTime moves") for when in task.touches]
    for name, looks in task.looks.items():
        last = None
        for look in looks:
            if (look.status, look.update_time) != last:
                known = f", updateTime {look.update_time}, {look.task_id}" if look.task_id else ""
                entries.append((look.when, f"{name} sees it {look.status}{known}"))
                last = (look.status, look.update_time)
    lines = [f"{when - world.begun:8.3f}  {text}" for when, text in sorted(entries)]
    return lines if len(lines) <= 40 else [*lines[:20], f"          ... {len(lines) - 40} more ...", *lines[-20:]]
