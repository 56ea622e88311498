"""What schemathesis has to know of this API: how a request is signed, and how an answer tells a failure."""

import zlib

import schemathesis

import signing


class Signer:
    """Signs a request as `requests` has prepared it, so that what is signed is what is sent."""

    def __init__(self):
        self.token = signing.get_token()

    def __call__(self, request):
        request.headers.update(signing.headers(self.token, request.url, request.body))
        return request


schemathesis.auth.set_from_requests(Signer())

# Jobs of the emulator's demo fleet, and one that does not exist.
JOBS = ["66f2a1c0d4e5b6a798011e01", "66f2a1c0d4e5b6a798011e02", "5ed758ca49f032b4663063aa"]


@schemathesis.hook
def map_query(context, query):
    """Lets calls through to the jobs of the emulator: a text out of the blue is no organization's id."""
    if query:
        if query.get("orgId") not in (None, ""):
            query["orgId"] = signing.ORG_ID
        if query.get("jobId") not in (None, ""):
            query["jobId"] = JOBS[zlib.crc32(repr(query["jobId"]).encode()) % len(JOBS)]
    return query


def documented_codes(operation, root):
    lists = [operation["x-error-codes"], root["x-common-error-codes"], root["x-gateway-error-codes"]]
    return {0} | {entry["code"] for entries in lists for entry in entries}


@schemathesis.check
def documented_code(ctx, response, case):
    """The code of an answer is one that the spec lists for this operation."""
    if response.status_code == 200:
        code = response.json().get("code")
        known = documented_codes(case.operation.definition.raw, case.operation.schema.raw_schema)
        assert code in known, f"code {code} is not listed for this operation"


@schemathesis.check
def refused(ctx, response, case):
    """A request that breaks the spec is not answered with success."""
    if case.meta and case.meta.generation.mode.is_negative and response.status_code == 200:
        assert response.json().get("code") != 0, "a request that breaks the spec was answered with code 0"
