"""A real websocket server that echoes, and a client that looks at it through NGINX."""
import asyncio
import ssl
import sys

from .processes import Service, free_port, port_answers

SERVER = """\
import asyncio, sys, websockets
async def echo(socket, path=None):
    async for message in socket:
        await socket.send(message)
async def main():
    # Nothing of its own on the line: what keeps the socket open is NGINX.
    async with websockets.serve(echo, sys.argv[1], int(sys.argv[2]), ping_interval=None):
        await asyncio.Future()
asyncio.run(main())
"""


class EchoServer:
    def __init__(self, lab):
        self.address, self.port = lab.address, free_port(lab.address)
        self.url = f"http://{self.address}:{self.port}"
        self.service = Service("websocket", [sys.executable, "-c", SERVER, self.address, str(self.port)],
                               lab.path / "websocket.log", lambda: port_answers(self.address, self.port))

    def start(self):
        self.service.start()
        return self

    def stop(self):
        self.service.stop()


def echo(lab, name, message, idle_s=0.0, path="/ws"):
    """What comes back over wss:// from that name, said after a silence of idle_s."""
    import websockets

    context = ssl.create_default_context(cafile=str(lab.ca.root))

    async def talk():
        async with websockets.connect(f"wss://{name}:{lab.nginx.https_port}{path}", ssl=context, host=lab.address,
                                      port=lab.nginx.https_port, server_hostname=name, ping_interval=None) as socket:
            await asyncio.sleep(idle_s)
            await socket.send(message)
            return await asyncio.wait_for(socket.recv(), 10)
    return asyncio.run(talk())
