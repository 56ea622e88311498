"""Signs what passes through it on its way to the gateway, for tools that cannot sign.

    python signing_proxy.py PORT

Gateway and credentials come from the environment variables of `enos-ota emulator --print-config`. It listens on this machine only.
Whoever can reach the port can call the platform, so run it no longer than you need it.
"""

import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import signing

TOKEN = signing.get_token()


class Proxy(BaseHTTPRequestHandler):
    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = signing.headers(TOKEN, self.path, body)
        headers["Content-Type"] = "application/json;charset=UTF-8"
        request = urllib.request.Request(signing.BASE_URL + self.path, body or None, headers, method=self.command)
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as refusal:
            response = refusal
        with response:
            answer = response.read()
            self.send_response(response.status)
            self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Proxy)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
