"""The HTTP side: tokens, signatures, limits, nodes, and calls that go wrong."""

import hashlib
import json
import os
import random
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .combos import text
from .world import JOB, ORG, Call

# One application a client, so that the ledger knows whose call it is.
SECRETS = {
    "0a1b2c3d-aaaa-4bbb-8ccc-0123456789ab": ("A", "fb3c1a52-dddd-4eee-8fff-ba9876543210"),
    "1b2c3d4e-aaaa-4bbb-8ccc-0123456789ab": ("B", "0c4d2b63-dddd-4eee-8fff-ba9876543210"),
}
APP_KEYS = {client: key for key, (client, _) in SECRETS.items()}
FIELDS = ("jobId", "deviceKey", "fromVersion", "toVersion", "status", "desc")

BEFORE = ["cut before", "429", "500 before", "503 before", "502 page before", "504 page before", "24500"]
AFTER = ["cut after", "cut inside", "502 page after", "503 page after", "504 page after", "500 after", "99500 after"]
LATE = ["504 late", "cut late"]
HARMLESS = ["token dies", "slow", "429"]
TROUBLES = {
    "none": HARMLESS,
    "before": BEFORE + HARMLESS,
    "after": AFTER + HARMLESS + ["too slow"],
    "both": BEFORE + AFTER + HARMLESS,
    "late": LATE + AFTER[:2] + HARMLESS,
}
MESSAGES = {429: "API rate limit exceeded", 500: "An unexpected error occurred", 503: "Service unavailable",
            504: "The upstream server is timing out"}


class Limit:
    """Calls a window that begins on the gateway's clock. Nodes hear of each other's calls once a second."""

    def __init__(self, kind, quota, form):
        self.kind, self.quota, self.form = kind, quota, form
        self.length = {"none": 0, "second": 1}.get(kind, 60)
        self.window, self.used, self.heard, self.heard_at = None, Counter(), Counter(), 0
        self.refused = Counter()

    def take(self, now, node):
        """Counts a call. Returns whether it may pass, and the headers of its answer."""
        if not self.length:
            return True, {}
        window = int(now // self.length)
        if window != self.window:
            self.window, self.used, self.heard = window, Counter(), Counter()
        if now - self.heard_at >= 1:
            self.heard, self.heard_at = Counter(self.used), now
        used = self.used[node] + sum(count for other, count in self.heard.items() if other != node)
        passes = used < self.quota
        if passes:
            self.used[node] += 1
            used += 1
        else:
            self.refused[window] += 1
        headers = {}
        reset = max(1, int((window + 1) * self.length - now + 0.999))
        if self.kind == "minute-headers":
            left = str(max(0, self.quota - used))
            headers = {"X-RateLimit-Limit-Minute": str(self.quota), "X-RateLimit-Remaining-Minute": left}
            if self.form == "both":
                headers.update({"RateLimit-Limit": str(self.quota), "RateLimit-Remaining": left, "RateLimit-Reset": str(reset)})
        if not passes and (self.form == "both" and self.kind != "minute"):
            headers["Retry-After"] = str(reset)
        return passes, headers


class Gateway:
    """What the answers of one campaign share."""

    def __init__(self, world, seed, quota=30, calls=10):
        self.world, self.combo = world, world.combo
        self.chance = random.Random(f"gateway {seed} {text(self.combo)}")
        self.offset = float(self.combo["clock"])
        self.limit = Limit(self.combo["limit"], quota, self.chance.choice(["both", "plain"]))
        self.two_nodes = self.combo["nodes"] == "2"
        self.longest = self.chance.choice([90, 1000, 1000])
        self.expired_as = self.chance.choice(["code", "status"])
        self.troubles = TROUBLES[self.combo["losses"]]
        # Of few calls a greater share goes wrong, so that every campaign has its troubles, but not without end.
        share = min(0.6, max(0.25, 2.5 / calls))
        self.share = {"searchTask": 0.1, "retryTask": share} if self.combo["losses"] != "none" else {"retryTask": 0.05}
        self.in_a_row = Counter()
        # Where the program is killed, a call takes a while, so that some are under way.
        self.latency = self.chance.choice([0.02, 0.1]) if self.combo["kills"] == "yes" else self.chance.choice([0, 0, 0.02])
        # client -> (token, since, node); and every token that there ever was -> client
        self.tokens, self.issued, self.encryptions = {}, {}, set()
        self.counts, self.trouble_counts, self.oddities = Counter(), Counter(), Counter()
        self.requests = 0
        # What a scenario does otherwise; each gets the action and the count of its calls so far. `front` answers before the
        # service is asked (status, text, headers), `plan` names a trouble, and `alter` changes what the service answers.
        self.front = self.plan = self.alter = lambda *_: None
        self.token_answer = None

    def now(self):
        return time.time() + self.offset

    def pick_trouble(self, action):
        planned = self.plan(action, self.counts[action])
        if planned:
            return planned
        if self.chance.random() >= self.share.get(action, 0) or self.in_a_row[action] >= 3:
            self.in_a_row[action] = 0
            return None
        self.in_a_row[action] += 1
        trouble = self.chance.choice(self.troubles)
        self.trouble_counts[trouble] += 1
        return trouble

    def get_token(self, body, node, refresh=False):
        def failure(status, message):
            return {"status": status, "msg": message, "business": "apim-token-service", "data": None}

        key, timestamp = body.get("appKey"), body.get("timestamp")
        if key not in SECRETS:
            return failure(1002, "appKey not exist")
        client, secret = SECRETS[key]
        expected = hashlib.sha256(f"{key}{timestamp}{secret}".encode()).hexdigest()
        if body.get("encryption") != expected:
            return failure(1003, "encryption error")
        if expected in self.encryptions:
            return failure(1001, "encryption used")
        self.encryptions.add(expected)
        now = time.time()
        if refresh and self.tokens.get(client, (None,))[0] != body.get("accessToken"):
            return failure(1204, "refresh failed")
        if refresh or client not in self.tokens or now > self.tokens[client][1] + 7200:
            self.tokens[client] = (os.urandom(16).hex(), now, node)
            self.issued[self.tokens[client][0]] = client
        token, since, _ = self.tokens[client]
        data = {"accessToken": token, "expire": int(since + 7200 - now)}
        if self.token_answer:
            return self.token_answer(data)
        return {"status": 0, "msg": "SUCCESS", "business": "apim-token-service", "data": data}

    def known(self, token, node):
        """The client of a token, unless it is dead or has not come to this node yet."""
        for client, (living, since, home) in self.tokens.items():
            if token == living and (node == home or time.time() > since + 1):
                return client
        return None

    def search(self, body, now):
        """Code, message, rows, pagination, and the tasks that a whole reading shows not to be failed, by leaving them out."""
        expression = body.get("expression") or ""
        pagination = body.get("pagination") or {"pageNo": 1, "pageSize": 10}
        page, size = pagination.get("pageNo"), pagination.get("pageSize")
        if not (isinstance(page, int) and isinstance(size, int) and page > 0 and 0 < size <= 200):
            return 99400, "Invalid Argument pagination", None, None, ()
        conditions = {}
        for part in re.split(r"\s+and\s+", expression) if expression else []:
            match = re.fullmatch(r"\s*(\w+)\s*(?:=\s*(.*)|in\s*\((.*)\))\s*", part, re.S)
            if not match or match[1] not in FIELDS:
                self.oddities[f"expression {part[:60]}"] += 1
                return 99400, f"Invalid Argument expression: {part}", None, None, ()
            literals = re.findall(r"'([^']*)'|\"([^\"]*)\"", match[2] or match[3])
            conditions[match[1]] = {one or other for one, other in literals}
        if "deviceKey" in conditions and self.combo["byKey"] == "refused":
            return 99400, "Invalid Argument expression: deviceKey is not supported", None, None, ()
        world = self.world
        world.advance(now)
        moment, keys = world.seen(now), conditions.get("deviceKey")
        tasks = world.tasks.values() if keys is None else [world.tasks[key] for key in sorted(keys) if key in world.tasks]
        whole = [world.row(task, moment, self.offset) for task in tasks]
        rows = [row for row in whole if all(row[name] in values for name, values in conditions.items())]
        last = conditions.get("status") == {"failed"} and page * size >= len(rows)
        absent = [row["deviceKey"] for row in whole if last and row["status"] != "failed"]
        return 0, "OK", rows[(page - 1) * size:page * size], {
            "pageNo": page, "pageSize": size, "totalSize": len(rows), "sortedBy": None}, absent


class Answers(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    gateway: Gateway

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(self.gateway.now() if timestamp is None else timestamp)

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            # The program was killed as it sent.
            return self.cut()
        self.serve(body)

    def serve(self, body):
        gateway, self.extra = self.gateway, {}
        url = urllib.parse.urlsplit(self.path)
        with gateway.world.lock:
            gateway.requests += 1
            node = gateway.chance.randrange(2) if gateway.two_nodes else 0
        if url.path in ("/apim-token-service/v2.0/token/get", "/apim-token-service/v2.0/token/refresh"):
            with gateway.world.lock:
                return self.answer(200, gateway.get_token(json.loads(body), node, url.path.endswith("refresh")))
        if url.path != "/connect-service/v2.1/ota-jobs":
            gateway.oddities[f"path {url.path}"] += 1
            return self.refuse(404, message="no Route matched with those values")
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        action = query.get("action")
        with gateway.world.lock:
            gateway.counts[action] += 1
            passes, self.extra = gateway.limit.take(gateway.now(), node)
            fronted = gateway.front(action, gateway.counts[action], body)
            trouble = gateway.pick_trouble(action) if passes and not fronted else None
        if not passes:
            return self.refuse(429)
        if trouble == "429":
            return self.refuse(429, headers=gateway.chance.choice([{"Retry-After": "1"}, {}]))
        if fronted:
            status, content, headers = fronted
            return self.raw(status, content.encode(), "text/html" if content.startswith("<") else "application/json", headers)
        call = self.begin(action, body, trouble)
        try:
            self.go_wrong(query, body, node, trouble, call)
        finally:
            if call:
                call.done = time.time()

    def begin(self, action, body, trouble):
        """Puts a retry into the ledger."""
        if action != "retryTask":
            return None
        world = self.gateway.world
        try:
            keys = frozenset(json.loads(body)["deviceKeys"])
        except (ValueError, KeyError, TypeError):
            keys = frozenset()
        with world.lock:
            client = self.gateway.issued.get(self.headers.get("apim-accesstoken"), "?")
            call = Call(len(world.calls) + 1, client, time.time(), keys, trouble)
            world.calls.append(call)
        return call

    def go_wrong(self, query, body, node, trouble, call):
        gateway = self.gateway
        if trouble in ("cut before",):
            return self.cut()
        if trouble in ("500 before", "503 before"):
            return self.refuse(int(trouble[:3]))
        if trouble in ("502 page before", "504 page before"):
            return self.page(int(trouble[:3]))
        if trouble == "24500":
            return self.answer(200, self.envelope(24500, "OTA service internal error"))
        if trouble in LATE and call:
            # The gateway's patience ends before the service's work: it is done, but later.
            timer = threading.Timer(gateway.chance.uniform(0.1, 1.0), self.carry_out, (query, body, node, call, True))
            timer.daemon = True
            timer.start()
            return self.refuse(504) if trouble == "504 late" else self.cut()
        with gateway.world.lock:
            if trouble == "token dies":
                for client, (_, since, _) in list(gateway.tokens.items()):
                    if time.time() > since + 1.5:
                        del gateway.tokens[client]
        self.travel()
        result, client, rows = self.carry_out(query, body, node, call)
        self.travel()
        if trouble in ("cut after", "cut late"):
            return self.cut()
        if trouble == "cut inside":
            whole = result if isinstance(result, bytes) else json.dumps(result).encode()
            return self.raw(200, whole, "application/json", send=whole[:len(whole) // 2])
        if trouble in ("502 page after", "503 page after", "504 page after"):
            return self.page(int(trouble[:3]))
        if trouble in ("500 after", "504 late"):
            return self.refuse(int(trouble[:3]))
        if trouble == "99500 after":
            return self.answer(200, self.envelope(99500, " Internal Server Error"))
        if trouble == "slow":
            time.sleep(0.7)
        if trouble == "too slow":
            time.sleep(3.3)
        if self.answer(200, result):
            with gateway.world.lock:
                now = time.time()
                if call:
                    call.answered = True
                # The client waits for 3 s, so what comes later is written to a connection that nobody reads any more.
                if rows and trouble != "too slow":
                    gateway.world.looked(client, *rows, now)

    def travel(self):
        if self.gateway.latency:
            time.sleep(self.gateway.latency * self.gateway.chance.uniform(0.1, 0.9))

    @staticmethod
    def envelope(code, message, data=None, **more):
        return {"code": code, "msg": message, "requestId": os.urandom(8).hex(), "data": data, **more}

    def carry_out(self, query, body, node, call, belated=False):
        """What the service answers, whose call it is, and the rows it found."""
        gateway, envelope = self.gateway, self.envelope
        with gateway.world.lock:
            token, timestamp = self.headers.get("apim-accesstoken"), self.headers.get("apim-timestamp")
            client = call.client if belated and call.client in APP_KEYS else gateway.known(token, node)
            if client is None:
                expired = envelope(1203, "access token expired")
                if gateway.expired_as == "status":
                    expired["status"] = expired.pop("code")
                return expired, None, None
            if not re.fullmatch(r"\d{10,16}", timestamp or "") or abs(gateway.now() - int(timestamp) / 1000) > 900:
                gateway.oddities["timestamp"] += 1
                return envelope(1004, "timestamp"), client, None
            secret = SECRETS[APP_KEYS[client]][1]
            parameters = "".join(name + value for name, value in sorted(query.items()))
            signed = f"{token}{parameters}".encode() + body + f"{timestamp}{secret}".encode()
            if hashlib.sha256(signed).hexdigest() != self.headers.get("apim-signature"):
                gateway.oddities["signature"] += 1
                return envelope(1003, "signature"), client, None
            if query.get("orgId") != ORG:
                return envelope(99403, f"Denied resource: {query.get('orgId')}"), client, None
            result, client, rows = self.act(query.get("action"), query, json.loads(body or b"{}"), client, call)
            action = query.get("action")
            altered = gateway.alter(action, gateway.counts[action], result)
            return (result, client, rows) if altered is None else (altered, client, rows)

    def act(self, action, query, body, client, call):
        gateway, world, envelope = self.gateway, self.gateway.world, self.envelope
        now = time.time()
        if action == "searchTask":
            code, message, rows, pagination, absent = gateway.search(body, now)
            more = {} if pagination is None else {"pagination": pagination}
            return envelope(code, message, rows, **more), client, (rows or (), absent)
        if action in ("retryTask", "get") and query.get("jobId") != JOB:
            return envelope(24404, "Job not found"), client, None
        if action == "get":
            job = {"orgId": ORG, "jobId": JOB, "name": {"defaultValue": "fleet", "i18nValue": {}}, "firmwareId": "fw1",
                   "type": "upgrade", "status": "started", "createTime": int((world.begun - 90000) * 1000)}
            return envelope(0, "OK", job), client, None
        if action == "retryTask":
            keys = body.get("deviceKeys")
            if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
                gateway.oddities["deviceKeys"] += 1
                return envelope(99400, "Invalid Argument deviceKeys: deviceKeys is missing"), client, None
            if len(keys) > gateway.longest:
                call.code = 99400
                return envelope(99400, f"Invalid Argument deviceKeys: the size exceeds {gateway.longest}"), client, None
            message = world.retry(call, now)
            return envelope(call.code, message), client, None
        gateway.oddities[f"action {action}"] += 1
        return envelope(99400, "Invalid Argument action:action is missing"), client, None

    def refuse(self, status, headers=None, message=None):
        """A refusal in the gateway's own words."""
        return self.raw(status, json.dumps({"message": message or MESSAGES[status]}).encode(), "application/json", headers)

    def page(self, status):
        return self.raw(status, f"<html><body><h1>{status}</h1></body></html>".encode(), "text/html")

    def answer(self, status, value):
        return self.raw(status, value if isinstance(value, bytes) else json.dumps(value).encode(), "application/json")

    def raw(self, status, body, kind, headers=None, send=None):
        """Sends an answer, and returns whether all of it has left."""
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {**self.extra, **(headers or {})}.items():
                self.send_header(name, value)
            self._headers_buffer.append(b"\r\n" + (body if send is None else send))
            self.flush_headers()
            self.wfile.flush()
            if send is not None:
                self.cut()
                return False
            return True
        except OSError:
            # The program was killed, or waits no longer.
            self.close_connection = True
            return False

    def cut(self):
        """Resets the connection."""
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        except OSError:
            pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, gateway):
        super().__init__(("127.0.0.1", 0), type("Handler", (Answers,), {"gateway": gateway}))
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        # A connection that was cut by one of both.
        pass

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"
