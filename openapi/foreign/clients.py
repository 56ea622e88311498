"""Calls the emulator by way of the Python clients that two generators make from the files of single operations.

    python clients.py

The clients are on the PYTHONPATH: `ota_OPERATION` is by openapi-generator, `opc_OPERATION` by openapi-python-client.
"""

from importlib import import_module

import signing

RUNNING, STOPPED = "66f2a1c0d4e5b6a798011e01", "66f2a1c0d4e5b6a798011e02"
FAILED = f"jobId='{RUNNING}' and status='failed'"


class OpenapiGenerator:
    """Its client has an object for the configuration and one for each tag."""

    def __init__(self, token):
        self.token = token

    def api(self, operation, tag):
        package = import_module(f"ota_{operation}")
        client = package.ApiClient(package.Configuration(host=signing.BASE_URL))
        pool = client.rest_client.pool_manager
        request = pool.request

        # Signed below the generated code, where the body is already bytes.
        def signed_request(method, url, **arguments):
            headers = signing.headers(self.token, url, arguments.get("body"))
            arguments["headers"] = {**(arguments.get("headers") or {}), **headers}
            return request(method, url, **arguments)

        pool.request = signed_request
        return package, getattr(package, f"{tag}Api")(client)

    def retry_task(self, device):
        package, api = self.api("retry_task", "Tasks")
        body = package.RetryTaskRequest(device_keys=[device])
        return api.retry_task("retryTask", signing.ORG_ID, RUNNING, body)

    def search_task(self, expression):
        package, api = self.api("search_tasks", "Tasks")
        page = package.PageRequest(page_no=1, page_size=50)
        body = package.SearchRequest(expression=expression, pagination=page)
        return api.search_tasks("searchTask", signing.ORG_ID, body)

    def get(self, job):
        return self.api("get_job", "Jobs")[1].get_job("get", signing.ORG_ID, job)

    def start(self, job):
        return self.api("start_job", "Jobs")[1].start_job("start", signing.ORG_ID, job)

    def stop(self, job):
        return self.api("stop_job", "Jobs")[1].stop_job("stop", signing.ORG_ID, job)


class OpenapiPythonClient:
    """Its client has a function for each operation, and fills in `action` from the default."""

    def __init__(self, token):
        self.token = token

    def call(self, operation, tag, **arguments):
        def sign(request):
            request.headers.update(signing.headers(self.token, str(request.url), request.content))

        package = import_module(f"opc_{operation}")
        hooks = {"event_hooks": {"request": [sign]}}
        client = package.Client(base_url=signing.BASE_URL, httpx_args=hooks, raise_on_unexpected_status=True)
        function = import_module(f"opc_{operation}.api.{tag}.{operation}")
        return function.sync(client=client, org_id=signing.ORG_ID, **arguments)

    def retry_task(self, device):
        body = import_module("opc_retry_task.models").RetryTaskRequest(device_keys=[device])
        return self.call("retry_task", "tasks", job_id=RUNNING, body=body)

    def search_task(self, expression):
        models = import_module("opc_search_tasks.models")
        page = models.PageRequest(page_no=1, page_size=50)
        body = models.SearchRequest(expression=expression, pagination=page)
        return self.call("search_tasks", "tasks", body=body)

    def get(self, job):
        return self.call("get_job", "jobs", job_id=job)

    def start(self, job):
        return self.call("start_job", "jobs", job_id=job)

    def stop(self, job):
        return self.call("stop_job", "jobs", job_id=job)


def job_state(job):
    [state] = [state for state in signing.emulator_state()["jobs"] if state["jobId"] == job]
    return state


def retries(device):
    """How often a task was retried, by the emulator's own account, and its status."""
    [task] = [task for task in job_state(RUNNING)["tasks"] if task["deviceKey"] == device]
    return task["retries"], task["status"]


def check(client, devices):
    """What every client must be able to do. The devices are two that have failed."""
    retried, left = devices

    found = client.search_task(FAILED)
    assert found.code == 0, found
    failed = {task.device_key for task in found.data}
    assert {retried, left} <= failed, failed
    assert found.pagination.total_size == len(failed), found

    before, status = retries(retried)
    assert status == "failed", status
    answer = client.retry_task(retried)
    assert answer.code == 0, answer
    after, status = retries(retried)
    assert after != before and status != "failed", (before, after, status)
    assert retries(left)[1] == "failed"
    # A failure is an answer too, with the code of the spec.
    assert client.retry_task(retried).code == 24621

    job = client.get(RUNNING)
    assert (job.code, job.data.job_id, job.data.status) == (0, RUNNING, "started"), job
    assert job.data.name.default_value, job

    assert client.start(STOPPED).code == 0
    assert job_state(STOPPED)["status"] == "started"
    assert client.stop(STOPPED).code == 0
    assert job_state(STOPPED)["status"] == "stopped"
    assert client.stop(STOPPED).code == 24616

    missing = client.get("5ed758ca49f032b4663063aa")
    assert missing.code == 24404 and missing.data is None, missing


if __name__ == "__main__":
    token = signing.get_token()
    check(OpenapiGenerator(token), ("pump-01", "pump-02"))
    print("openapi-generator (python): searchTask, retryTask, get, start and stop")
    check(OpenapiPythonClient(token), ("pump-03", "pump-04"))
    print("openapi-python-client: searchTask, retryTask, get, start and stop")
