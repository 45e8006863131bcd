"""What a visitor sees: a fetch over https that verifies, a fetch over http that does not follow."""
import http.client
import socket
import ssl

from cryptography import x509


def served_certificate(address, port, name, timeout_s=5):
    """The leaf that the listener shows for that name, verified by nobody; None when the handshake is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), timeout=timeout_s) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))
    except (ssl.SSLError, ConnectionError):
        return None


def fetch_https(address, port, name, root, path="/"):
    """GET https://NAME/path at that address; chain and name must verify against root. Returns (status, body)."""
    context = ssl.create_default_context(cafile=str(root))
    with socket.create_connection((address, port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            return _exchange(secure, name, path)[::2]


def fetch_http(address, port, name, path="/"):
    """GET http://NAME/path at that address. Returns (status, headers, body); redirects are not followed."""
    with socket.create_connection((address, port), timeout=5) as plain:
        return _exchange(plain, name, path)


def _exchange(stream, name, path):
    host = f"[{name}]" if ":" in name else name
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = http.client.HTTPResponse(stream)
    answer.begin()
    return answer.status, dict(answer.getheaders()), answer.read()
