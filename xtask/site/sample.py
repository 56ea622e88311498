import hashlib, json, os, time, urllib.parse, urllib.request

token, secret = os.environ["ENOS_TOKEN"], os.environ["ENOS_APP_SECRET"]
query = {{{query}}}
body = {{body}}
timestamp = str(time.time_ns() // 1_000_000)
signed = token + "".join(name + query[name] for name in sorted(query)) + body + timestamp + secret
request = urllib.request.Request(
    os.environ["ENOS_BASE_URL"] + "{{path}}?" + urllib.parse.urlencode(query),
    body.encode() or None,
    {
        "apim-accesstoken": token,
        "apim-timestamp": timestamp,
        "apim-signature": hashlib.sha256(signed.encode()).hexdigest(),
        "Content-Type": "application/json;charset=UTF-8",
    },
    method="{{method}}",
)
with urllib.request.urlopen(request, timeout=30) as response:
    answer = json.load(response)
if answer["code"] != 0:
    raise SystemExit(f"{answer['code']} {answer['msg']}")
print(answer["data"])
