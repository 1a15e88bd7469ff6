"""Real IMAP servers on loopback with TLS: Dovecot where it is installed, and pymap."""

from __future__ import annotations

import datetime
import grp
import ipaddress
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from imapclient import IMAPClient

DOVECOT = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER, PASSWORD = "marketing", "only-we-know"


class Server:
    """Where a mailbox is, ``tls`` as the channel's setting says, and its owner, who stays in."""

    def __init__(self, port: int, tls: str, ca_file: Path) -> None:
        self._port, self._tls, self._ca_file = port, tls, ca_file
        self._owner: IMAPClient | None = None

    def settings(self) -> dict[str, Any]:
        """Return what server.yaml says of it."""
        return {
            "host": "127.0.0.1",
            "port": self._port,
            "tls": self._tls,
            "ca_file": str(self._ca_file),
            "username": USER,
            "password": PASSWORD,
        }

    def visited(self, folder: str = "INBOX") -> IMAPClient:
        """Return another client that has a folder open; it logs in once, which takes pymap long."""
        if self._owner is None:
            context = ssl.create_default_context(cafile=str(self._ca_file))
            implicit = self._tls == "implicit"
            self._owner = IMAPClient(
                "127.0.0.1", self._port, ssl=implicit, ssl_context=context, timeout=60
            )
            if not implicit:
                self._owner.starttls(context)
            self._owner.login(USER, PASSWORD)
        self._owner.select_folder(folder)
        return self._owner

    def put(self, *mails: bytes, age_s: float = 3_600) -> None:
        """Let mails arrive that are some seconds old."""
        then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age_s)
        for mail in mails:
            self.visited().append("INBOX", mail, msg_time=then)

    def clear(self, *folders: str) -> None:
        """Empty the inbox, and further folders where there are some."""
        for folder in ("INBOX", *folders):
            if self.visited().folder_exists(folder):
                self.lose(self.visited(folder).search(), folder)

    def lose(self, uids: list[int], folder: str = "INBOX") -> None:
        """Delete mails for good."""
        client = self.visited(folder)
        client.delete_messages(uids)
        client.expunge()

    def unread(self, folder: str = "INBOX") -> int:
        """Return how many mails of a folder nobody has read."""
        return len(self.visited(folder).search("UNSEEN"))

    def count(self, folder: str = "INBOX") -> int:
        """Return how many mails a folder holds."""
        return len(self.visited(folder).search("UNDELETED"))

    def close(self) -> None:
        """Let the owner go."""
        if self._owner is not None:
            self._owner.shutdown()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine, which is its own authority; returns it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "server.key"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, private


@contextmanager
def pymap() -> Iterator[Server]:
    """Run pymap, an IMAP server in Python, with one empty mailbox in memory and STARTTLS."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pem, key = certificate(folder)
        port = free_port()
        command = [sys.executable, "-c", "from pymap.main import main; main()"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--cert", str(pem), "--key", str(key), "dict"]
        command += ["--demo-data", "--demo-user", USER, "--demo-password", PASSWORD]
        server = Server(port, "starttls", pem)
        with _running(command, folder, port), closing(server):
            server.clear()
            yield server


@contextmanager
def dovecot() -> Iterator[Server]:
    """Run Debian's Dovecot as whoever runs the tests, with one mailbox and TLS."""
    assert DOVECOT is not None
    # Not in pytest's folder: where root runs the tests, Dovecot's processes are nobody's.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        pem, key = certificate(folder)
        port = free_port()
        owner = pwd.getpwuid(os.getuid() or pwd.getpwnam("nobody").pw_uid)
        mail = folder / "mail"
        mail.mkdir()
        shutil.chown(mail, owner.pw_uid, owner.pw_gid)
        group = grp.getgrgid(owner.pw_gid).gr_name
        config = folder / "dovecot.conf"
        config.write_text(f"""
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
default_internal_user = {owner.pw_name}
default_login_user = {owner.pw_name}
default_internal_group = {group}
ssl = required
ssl_cert = <{pem}
ssl_key = <{key}
mail_location = maildir:{mail}/Maildir
first_valid_uid = 1
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={mail}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
""")
        server = Server(port, "implicit", pem)
        with _running([DOVECOT, "-F", "-c", str(config)], folder, port), closing(server):
            yield server


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            _wait_for(process, folder, port)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            logs = "".join(file.read_text(errors="replace") for file in folder.glob("*.log"))
            assert process.poll() is None, f"the IMAP server ended: {logs}"
            time.sleep(0.05)
    raise AssertionError("the IMAP server does not listen")
