"""Servers that are no CA: what stands at a wrong address, or misbehaves."""
import socket
import ssl
import threading

from . import pki
from .processes import free_port


class FakeServer:
    """Kinds: tcp-silent, tls-silent, html-502, html-200, empty, huge-body, huge-header, endless, redirect-http,
    redirect-file, busy (503 and Retry-After), expired (its certificate), wrong-name, not-json, slow."""

    def __init__(self, kind, lab):
        self.kind, self.address, self.port = kind, lab.address, free_port(lab.address)
        names = ["elsewhere.example"] if kind == "wrong-name" else ["localhost", lab.address]
        self.trust, certificate, key = pki.write_server_certificate(lab.path, f"fake-{kind}", names,
                                                                   expired=kind == "expired")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.url = f"https://{self.address}:{self.port}/dir"
        self.connections = self.sent = 0
        self._listener = socket.create_server((self.address, self.port), backlog=16)
        self._done = threading.Event()

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self):
        self._done.set()
        self._listener.close()

    def _accept(self):
        while not self._done.is_set():
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        try:
            if self.kind == "tcp-silent":
                self._done.wait(300)
                return
            stream = self._context.wrap_socket(stream, server_side=True)
            if self.kind == "tls-silent":
                self._done.wait(300)
                return
            stream.settimeout(300)
            while self._request(stream):
                for block in self._answer():
                    stream.sendall(block)
                    self.sent += len(block)
        except (OSError, ssl.SSLError):
            pass
        finally:
            stream.close()

    @staticmethod
    def _request(stream):
        data = b""
        while b"\r\n\r\n" not in data:
            block = stream.recv(65536)
            if not block:
                return False
            data += block
        return True

    def _answer(self):
        html = b"<html><h1>It works</h1>\x1b[31m</html>"
        length = b"Content-Length: %d\r\n\r\n"
        if self.kind == "html-502":
            yield b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n" + length % len(html) + html
        elif self.kind == "html-200":
            yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + length % len(html) + html
        elif self.kind == "empty":
            yield b"HTTP/1.1 200 OK\r\n" + length % 0
        elif self.kind == "not-json":
            yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length % 5 + b"{\"a\":"
        elif self.kind == "busy":
            yield b"HTTP/1.1 503 Busy\r\nRetry-After: 7200\r\n" + length % 0
        elif self.kind.startswith("redirect-"):
            target = b"http://%s/dir" % self.address.encode() if self.kind == "redirect-http" else b"file:///etc/passwd"
            yield b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\n" + length % 0
        elif self.kind == "huge-header":
            yield b"HTTP/1.1 200 OK\r\n"
            for _ in range(64):
                yield b"X-Filler: " + b"x" * 65536 + b"\r\n"
        elif self.kind in ("huge-body", "endless"):
            yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            yield length % (1 << 30) if self.kind == "huge-body" else b"Connection: close\r\n\r\n"
            yield b'{"newNonce": "'
            while not self._done.is_set():
                yield b"x" * 65536
        elif self.kind == "slow":
            yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length % 100000
            while not self._done.wait(0.2):
                yield b" "
        else:
            yield b"HTTP/1.1 404 Not Found\r\n" + length % 0
