"""HTTP/1.1 as bytes: requests written out beforehand, replies read with as little work as can be.

A general client costs more than the service that it is to measure.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from routing_service.errors import InvalidRequest, NoService

HEAD_END = b"\r\n\r\n"
NO_BODY = (204, 304)


class Unreadable(Exception):
    """The reply is not one that this client understands."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and what each of them says besides its own path.

    `family` and `address` are those of a socket.
    """

    host: str
    family: int
    address: tuple[str, int]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        return ipaddress.ip_address(self.address[0].partition("%")[0]).is_loopback

    def get(self, path: str) -> bytes:
        """A GET request, whole."""
        return self.request("GET", path)

    def request(self, method: str, path: str, body: object = None) -> bytes:
        """A request, whole; a `body` is sent as JSON."""
        headers = {"Host": self.host, **self.headers}
        payload = b""
        if body is not None:
            payload = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(payload))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode("ascii") + payload


def read_target(url: str, headers: Mapping[str, str] | None = None) -> Target:
    """Find out where a URL leads.

    Raises
    ------
    InvalidRequest
        It is no ``http://host:port`` or its host is unknown.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path.strip("/"):
        raise InvalidRequest(
            f"{url!r} is not the address of a service: write http://127.0.0.1:8000. Where only "
            "https is offered, test behind what ends it, or the test is one of encryption."
        )
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidRequest(f"{parts.hostname} cannot be found: {error.strerror}") from None
    # Services listen on IPv4 unless told otherwise, but "localhost" may name IPv6 first.
    family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return Target(parts.netloc, family, (str(address[0]), port), headers or {})


def exchange(
    target: Target, method: str, path: str, body: object = None, timeout_s: float = 60.0
) -> tuple[int, Any]:
    """Send one request on a connection of its own; status and JSON, empty if there is none.

    Raises
    ------
    NoService
        Nothing answers there.
    """
    connection = http.client.HTTPConnection(*target.address, timeout=timeout_s)
    headers = {"Host": target.host, **target.headers, "Connection": "close"}
    payload = None if body is None else json.dumps(body)
    if payload is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, payload, headers)
        reply = connection.getresponse()
        text = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoService(
            f"nothing answers at http://{target.host} ({error}); start it with `hasu serve`"
        ) from None
    finally:
        connection.close()
    try:
        return reply.status, json.loads(text)
    except ValueError:
        return reply.status, {}


def read_reply(data: bytes) -> tuple[int, int, bool] | None:
    r"""Read the head of a reply to a request other than HEAD.

    Parameters
    ----------
    data
        What has been received since the request.

    Returns
    -------
    tuple or None
        Status, bytes of the whole reply with its body, whether the connection stays open; None
        while the head is not complete.

    Raises
    ------
    Unreadable
        Not HTTP/1, or a body whose length is not told beforehand.

    Examples
    --------
    >>> read_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
    (200, 40, True)
    """
    end = data.find(HEAD_END)
    if end < 0:
        return None
    head = data[: end + 2].lower()
    if not head.startswith(b"http/1.") or not head[9:12].isdigit():
        raise Unreadable("not HTTP/1")
    status = int(head[9:12])
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        length = int(head[at + 17 : head.find(b"\r\n", at + 17)])
    elif status in NO_BODY:
        length = 0
    else:
        raise Unreadable("no Content-Length")
    return status, end + 4 + length, b"\r\nconnection: close" not in head
