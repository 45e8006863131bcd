"""A client of Varlink, as small as it can be."""
import json
import socket


class Client:
    def __init__(self, path, timeout_s=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        self.socket.connect(str(path))
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, more=False, **parameters):
        self.socket.sendall(json.dumps({"method": method, "parameters": parameters, **({"more": True} if more else {})}).encode() + b"\0")

    def reply(self):
        """The next one; None where the connection ends."""
        while b"\0" not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.rest += data
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.send(method, **parameters)
        return self.reply()

    def series(self, method, **parameters):
        self.send(method, more=True, **parameters)
        while True:
            reply = self.reply()
            yield reply
            if not reply or not reply.get("continues"):
                return
