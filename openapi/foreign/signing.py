"""An access token and signatures, written from the descriptions in the spec alone: no code of this project."""

import hashlib
import json
import os
import time
import urllib.request
from urllib.parse import parse_qsl, urlsplit

BASE_URL = os.environ["ENOS_BASE_URL"]
APP_KEY = os.environ["ENOS_APP_KEY"]
APP_SECRET = os.environ["ENOS_APP_SECRET"]
ORG_ID = os.environ["ENOS_ORG_ID"]


def sha256(text):
    return hashlib.sha256(text).hexdigest()


def now():
    return str(time.time_ns() // 1_000_000)


def get_token():
    timestamp = now()
    body = {
        "appKey": APP_KEY,
        "encryption": sha256((APP_KEY + timestamp + APP_SECRET).encode()),
        "timestamp": int(timestamp),
    }
    request = urllib.request.Request(
        BASE_URL + "/apim-token-service/v2.0/token/get",
        json.dumps(body).encode(),
        {"Content-Type": "application/json;charset=UTF-8"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    assert answer["status"] == 0, answer
    return answer["data"]["accessToken"]


def headers(token, url, body):
    """The three headers of a request, from the URL and the body as they go over the wire."""
    timestamp = now()
    if isinstance(body, str):
        body = body.encode()
    query = {}
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        # Of a name that occurs twice, the first counts: so does the vendor's sample.
        query.setdefault(name, value)
    pairs = "".join(name + query[name] for name in sorted(query))
    text = token.encode() + pairs.encode() + (body or b"") + timestamp.encode() + APP_SECRET.encode()
    return {"apim-accesstoken": token, "apim-timestamp": timestamp, "apim-signature": sha256(text)}


def emulator_state():
    """What the emulator itself says of its jobs and tasks."""
    with urllib.request.urlopen(BASE_URL + "/_emulator/state", timeout=10) as response:
        return json.load(response)
