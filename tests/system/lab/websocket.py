"""A real websocket server, as a site has it behind its proxy: it echoes, and may be kept from answering pings."""
import asyncio
import threading

from .processes import free_port


class WebsocketServer:
    """Echoes on every path of address:port."""

    def __init__(self, address):
        self.address, self.port = address, free_port(address)
        self.paths = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @staticmethod
    def available():
        try:
            import websockets  # noqa: F401
        except ImportError:
            return False
        return True

    def start(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    async def _listen(self):
        import websockets

        async def echo(connection):
            self.paths.append(connection.path if hasattr(connection, "path") else connection.request.path)
            async for message in connection:
                await connection.send(message)
        self._server = await websockets.serve(echo, self.address, self.port, ping_interval=None)

    def stop(self):
        async def close():
            self._server.close()
            await self._server.wait_closed()
        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
