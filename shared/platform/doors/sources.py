"""Who calls, as far as somebody other than the caller says so."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request

FORWARDED_FOR = "x-forwarded-for"
HOME_OF_IPV6 = 64
"""A subscriber is given so many leading bits at least, and all addresses that begin with them (RFC 6177)."""

NOBODY = "-"


def source_of(request: Request) -> str:
    """The caller's address: what a source is counted by.

    In front of a function stands Google's own proxy, which writes the address that it was called from behind whatever
    the caller wrote into `X-Forwarded-For`; so only the last one counts. (A load balancer before that would put its own
    there.) Without a proxy it is the address of the connection. Of IPv6 the network counts, for whoever has one address
    has 2^64.
    """
    last = ",".join(request.headers.getlist(FORWARDED_FOR)).rpartition(",")[2]
    return _address(last) or _address(request.client.host if request.client else "") or NOBODY


def _address(written: str) -> str | None:
    try:
        address = ipaddress.ip_address(written.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), HOME_OF_IPV6), strict=False))
