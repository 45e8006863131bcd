"""A relay in front of a server that counts connections and turns of the conversation, and may delay both ways."""
import asyncio
import threading

from .processes import free_port


class Relay:
    """Passes bytes between clients and a server. delay_s is added to each direction; a turn is the client speaking
    after the server did, or first: each costs a real network one round trip."""

    def __init__(self, address, target_port, delay_s=0.0):
        self.address, self.target_port, self.delay_s = address, target_port, delay_s
        self.port = free_port(address)
        self.connections = self.turns = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def stop(self):
        async def cancel():
            self._server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def reset(self):
        self.connections = self.turns = 0

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, self.address, self.port)

    async def _serve(self, reader, writer):
        self.connections += 1
        await asyncio.sleep(2 * self.delay_s)  # the handshake of TCP itself
        last = {"who": None}
        try:
            far_reader, far_writer = await asyncio.open_connection(self.address, self.target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump("client", reader, far_writer, last),
                             self._pump("server", far_reader, writer, last), return_exceptions=True)

    async def _pump(self, who, reader, writer, last):
        queue = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(queue, writer))
        while data := await reader.read(65536):
            if who == "client" and last["who"] != "client":
                self.turns += 1
            last["who"] = who
            queue.put_nowait((self._loop.time() + self.delay_s, data))
        queue.put_nowait((self._loop.time() + self.delay_s, None))
        await sender

    async def _send(self, queue, writer):
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if data is None:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
