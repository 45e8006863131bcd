"""A gate before a CA: what a client asks goes through to the real one, but for what the gate refuses itself."""
import http.client
import http.server
import ssl
import threading

from . import pki
from .processes import free_port

HOPS = {"connection", "transfer-encoding", "content-length", "keep-alive", "date"}


class Gate:
    """Its directory is at url; the CA names its resources by the Host that it is asked for, so all goes by way of here.
    refusals: {path: (status, headers, body)}. date: what it says as Date in place of the CA's own."""

    def __init__(self, lab, ca):
        self.address, self.port, self.refusals, self.date, self.asked = lab.address, free_port(lab.address), {}, None, []
        self.trust, certificate, key = pki.write_server_certificate(lab.path, "gate", ["localhost", lab.address])
        self.url = f"https://{self.address}:{self.port}/dir"
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        self._server = http.server.ThreadingHTTPServer((self.address, self.port), self._handler(ca))
        self._server.daemon_threads = True
        self._server.socket = server.wrap_socket(self._server.socket, server_side=True)

    def start(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def count(self, path):
        return self.asked.count(path)

    def _handler(self, ca):
        gate, context = self, ssl.create_default_context(cafile=str(ca.trust))
        host, port = ca.url.split("/")[2].rsplit(":", 1)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _pass(self):
                gate.asked.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path in gate.refusals:
                    status, headers, text = gate.refusals[self.path]
                    return self._answer(status, headers.items(), text.encode())
                far = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)
                far.request(self.command, self.path, body or None, dict(self.headers))
                answer = far.getresponse()
                self._answer(answer.status, answer.getheaders(), answer.read())
                far.close()
                return None

            def _answer(self, status, headers, body):
                self.send_response_only(status)
                self.send_header("Date", gate.date or self.date_time_string())
                for name, value in headers:
                    if name.lower() not in HOPS:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = _pass

        return Handler
