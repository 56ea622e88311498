"""The tasks of a job with all that becomes of them, and the ledger: what each call asked for and what was done."""

import bisect
import random
import threading
import time
from collections import namedtuple
from dataclasses import dataclass

from .combos import text

ORG, JOB = "o15724268424841", "5ed758ca49f032b4663063aa"
REASONS = [("Failed to download the firmware", -2), ("Failed to verify the firmware", -3), ("Upgrade timed out", -1)]
NOT_FAILED = ["init", "published", "upgrading", "succeeded"]

# A state of a task, since when, and whose doing it was.
State = namedtuple("State", "when status progress desc task_id by")
# A row of a search that reached a client: when, and what it said.
Look = namedtuple("Look", "when status update_time task_id texts")


class Task:
    def __init__(self, number, key, first):
        self.number, self.key, self.past = number, key, [first]
        # When updateTime moved although the status did not.
        self.touches = []
        # client -> its looks at this task, by time
        self.looks = {}

    def at(self, moment):
        return self.past[max(bisect.bisect_right(self.past, moment, key=lambda state: state.when) - 1, 0)]

    def update_time(self, moment):
        index = bisect.bisect_right(self.touches, moment) - 1
        return max(self.at(moment).when, self.touches[index] if index >= 0 else 0.0)

    def retries(self, client=None):
        return [state for state in self.past if state.by[0] == "retry" and client in (None, state.by[1].client)]

    def failed_during(self, begin, end):
        """Whether it was failed all the time from `begin` to `end`."""
        if self.at(begin).status != "failed":
            return False
        return all(state.status == "failed" for state in self.past if begin < state.when <= end)


@dataclass
class Call:
    """A retry that reached the gateway."""

    number: int
    client: str
    at: float
    keys: frozenset
    trouble: str = None
    # Code of the answer, if the service made one.
    code: int = None
    # Whether the whole answer left the gateway, and when it was done with the call.
    answered: bool = False
    done: float = None
    # When it was carried out, which devices were retried.
    carried: float = None
    retried: frozenset = frozenset()

    def __hash__(self):
        return self.number

    def __str__(self):
        what = f"call {self.number} of {self.client} with {len(self.keys)} devices"
        fate = f"code {self.code}" if self.code is not None else "not carried out"
        answer = "answered" if self.answered else "answer lost"
        return f"{what} ({fate}, {answer}{', ' + self.trouble if self.trouble else ''})"


class World:
    """A job of `devices` tasks, of which a tenth is not failed."""

    def __init__(self, combo, seed, devices):
        self.combo, self.chance = combo, random.Random(f"world {seed} {text(combo)}")
        self.lock = threading.RLock()
        self.begun = time.time()
        self.calls, self.tasks, self.task_ids = [], {}, 0
        self.by_itself = combo["update"] != "status"
        self.sweep_next = self.begun + self.chance.uniform(0.5, 1.5)
        self.sweep_share = self.chance.choice([0.1, 0.5, 1.0])
        # How many of the retried devices fail again, and how soon they are done.
        self.fail_again, self.soon = 0.25, (0.3, 2.5)
        self.others_next = None
        self.others_end = None
        self.moves = 0
        for number in range(devices):
            key = f"dev_{number:05}"
            past = self.begun - 86400 + number
            share = self.chance.random()
            if share < 0.1:
                status = self.chance.choice(NOT_FAILED)
                task = Task(number, key, self.state(past, status, 100 if status == "succeeded" else 0, "", "start"))
                # A few fail while the campaign runs.
                if status == "upgrading" and self.chance.random() < 0.3:
                    when = self.begun + self.chance.uniform(0.5, 4)
                    reason, progress = self.chance.choice(REASONS)
                    task.past.append(self.state(when, "failed", progress, reason, "device", task.past[0].task_id))
            else:
                reason, progress = self.chance.choice(REASONS)
                task = Task(number, key, self.state(past, "failed", progress, reason, "start"))
            self.put(task)

    def put(self, task):
        task.next_touch = self.begun + self.chance.expovariate(1 / 3)
        self.tasks[task.key] = task

    def add(self, number, key, first):
        self.put(Task(number, key, first))

    def state(self, when, status, progress, desc, by, task_id=None):
        if task_id is None:
            self.task_ids += 1
            task_id = f"task{self.task_ids:08}"
        return State(when, status, progress, desc, task_id, by if isinstance(by, tuple) else (by, None))

    def seen(self, now):
        """The moment that reads show."""
        behind = float(self.combo["reads"])
        return now - (now - self.begun) % behind if behind else now

    def advance(self, now):
        """Lets happen what happens without any call: sweeps, and what others do. Call it with the lock held."""
        if self.combo["update"] == "sweep":
            while self.sweep_next <= now:
                for task in self.tasks.values():
                    if task.at(self.sweep_next).status == "failed" and self.chance.random() < self.sweep_share:
                        task.touches.append(self.sweep_next)
                self.sweep_next += self.chance.uniform(1, 2)
        elif self.combo["update"] == "each":
            for task in self.tasks.values():
                while task.next_touch <= now:
                    if task.at(task.next_touch).status == "failed":
                        task.touches.append(task.next_touch)
                    task.next_touch += self.chance.expovariate(1 / 3)
        if self.combo["others"] == "person":
            if self.others_next is None:
                # They begin with the client's first call, and stop after a while, so that the campaign can end.
                self.others_next, self.others_end = now + self.chance.uniform(0, 0.5), now + 6
            while self.others_next <= min(now, self.others_end):
                self.move_one(self.others_next)
                self.others_next += self.chance.expovariate(10)

    def move_one(self, when):
        task = self.tasks[self.chance.choice(list(self.tasks))]
        # Only on top of what is known: a state that is still to come would be out of order.
        if task.past[-1].when > when or task.past[-1].status != "failed":
            return
        self.moves += 1
        if self.chance.random() < 0.3:
            # A late report of the device.
            task.past.append(self.state(when, "succeeded", 100, "", "device", task.past[-1].task_id))
        else:
            self.retry_one(task, when, ("person", None))

    def retry_one(self, task, when, by):
        """Makes a failed task `init`, and decides what the device will do."""
        last = task.at(when)
        task_id = last.task_id if self.combo["taskId"] == "same" else None
        kept = self.combo["texts"] == "kept"
        progress, desc = (last.progress, last.desc) if kept else (0, "")
        task.past.append(self.state(when, "init", progress, desc, by, task_id))
        task_id = task.past[-1].task_id
        fails = self.chance.random() < self.fail_again
        end = when + self.chance.uniform(*self.soon)
        steps = sorted(self.chance.uniform(when, end) for _ in range(2))
        task.past.append(self.state(steps[0], "published", progress, desc, "device", task_id))
        task.past.append(self.state(steps[1], "upgrading", self.chance.randint(1, 99), "", "device", task_id))
        if fails:
            # Often for the same reason as before.
            reason, progress = (last.desc, last.progress) if self.chance.random() < 0.7 else self.chance.choice(REASONS)
            task.past.append(self.state(end, "failed", progress, reason, "device", task_id))
        else:
            task.past.append(self.state(end, "succeeded", 100, "", "device", task_id))

    def retry(self, call, now):
        """Carries a call out: sets its code and what was retried, and returns the message."""
        self.advance(now)
        call.carried = now
        failed = [key for key in sorted(call.keys) if key in self.tasks and self.tasks[key].at(now).status == "failed"]
        mixed = len(failed) < len(call.keys)
        if not failed or (mixed and self.combo["mixed"] == "whole"):
            call.code = 24621
            return "Only failed tasks can be retried"
        for key in failed:
            self.retry_one(self.tasks[key], now, ("retry", call))
        call.retried = frozenset(failed)
        call.code = 24621 if mixed and self.combo["mixed"] == "partly-refused" else 0
        return "OK" if call.code == 0 else "Only failed tasks can be retried"

    def row(self, task, moment, offset):
        state = task.at(moment)
        return {
            "taskId": state.task_id, "orgId": ORG, "assetId": f"as{task.number}", "productKey": "pk1",
            "deviceKey": task.key, "jobId": JOB, "fromVersion": "1.0.0", "toVersion": "1.1.0",
            "progress": state.progress, "desc": state.desc, "status": state.status,
            "updateTime": int((task.update_time(moment) + offset) * 1000),
        }

    def looked(self, client, rows, absent, now):
        """Records rows that have reached a client, and tasks that were left out of all that failed."""
        for row in rows:
            task = self.tasks.get(row["deviceKey"])
            if task is not None:
                texts = (row["progress"], row["desc"]) if isinstance(row["desc"], str) else None
                look = Look(now, row["status"], row["updateTime"], row["taskId"], texts)
                task.looks.setdefault(client, []).append(look)
        for key in absent:
            self.tasks[key].looks.setdefault(client, []).append(Look(now, "not among the failed", None, None, None))
