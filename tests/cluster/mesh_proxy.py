"""Stands in for the proxy of a service mesh, in a pod. It looks its control plane up, with the pod's resolv.conf, until it finds it. Only then is it ready.

    python3 -c "$(cat mesh_proxy.py)" PORT PATH NAME        NAME is the control plane's, http://POD:PORT/PATH tells whether it has been found
"""

import http.server
import socket
import sys
import threading
import time

PAUSE = 0.2


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == PATH and found.is_set() else 503)
        self.end_headers()

    def log_request(self, *_):
        """Prints nothing: standard output is for the results of the lookups."""


def find(name):
    while not found.is_set():
        try:
            socket.getaddrinfo(name, None)
        except socket.gaierror as error:
            print(f"failed: {name}: {error}", flush=True)
            time.sleep(PAUSE)
        else:
            print(f"found: {name}", flush=True)
            found.set()


PORT, PATH, NAME = sys.argv[1:]
found = threading.Event()
threading.Thread(target=find, args=(NAME,), daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", int(PORT)), Health).serve_forever()
