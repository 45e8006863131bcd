"""A client of a websocket server, through NGINX."""
import asyncio
import ssl


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
