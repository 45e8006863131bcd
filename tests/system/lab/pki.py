"""Certificates that the lab needs for itself, and reading those that certd obtained."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _alternative_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def write_server_certificate(directory, stem, names, expired=False):
    """A self-made root and a server certificate for names: STEM-ca.pem, STEM.pem, STEM.key. Returns their paths."""
    now = datetime.datetime.utcnow()
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"lab root {stem}")])

    def build(subject, issuer, public_key, start, end):
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
                .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end))

    day = datetime.timedelta(days=1)
    root = build(ca_name, ca_name, ca_key.public_key(), now - 40 * day, now + 40 * day)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
    root = root.sign(ca_key, hashes.SHA256())
    end = now - 10 * day if expired else now + 30 * day
    leaf = build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), ca_name, key.public_key(),
                 now - 30 * day, end)
    leaf = leaf.add_extension(x509.SubjectAlternativeName([_alternative_name(name) for name in names]), critical=False)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    leaf = leaf.sign(ca_key, hashes.SHA256())

    paths = directory / f"{stem}-ca.pem", directory / f"{stem}.pem", directory / f"{stem}.key"
    paths[0].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return paths


def certificates_of(path):
    """The certificates of a PEM file, in its order."""
    end = b"-----END CERTIFICATE-----\n"
    data = path.read_bytes()
    return [x509.load_pem_x509_certificate(block + end) for block in data.split(end) if b"BEGIN CERT" in block]


def public_bytes(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pair_matches(live):
    """True when privkey.pem of that directory is the key of cert.pem and fullchain.pem is cert.pem + chain.pem."""
    key = serialization.load_pem_private_key((live / "privkey.pem").read_bytes(), None)
    leaf = certificates_of(live / "cert.pem")
    full = certificates_of(live / "fullchain.pem")
    chain = certificates_of(live / "chain.pem")
    return (len(leaf) == 1 and public_bytes(key.public_key()) == public_bytes(leaf[0].public_key())
            and full == leaf + chain)


def names_of(certificate):
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return sorted(extension.value.get_values_for_type(x509.DNSName))
