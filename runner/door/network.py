"""One proxy or CA setting for uv, pip and the model hub alike, whichever tool the person made it for.

uv and the hub's client read SSL_CERT_FILE and SSL_CERT_DIR; pip reads PIP_CERT, REQUESTS_CA_BUNDLE and
CURL_CA_BUNDLE; where none is set, uv alone trusts a list of its own instead of the system's store
(https://docs.astral.sh/uv/concepts/authentication/certificates). Proxy variables are read in small
letters by some and in capitals by others, and pip has PIP_PROXY.

The first set-up uses this before anything is installed: only the standard library here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_DIR")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

# Where Debian and Alpine, Fedora and its kin (new, old), and SUSE keep the system's store in one file.
SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)


def harmonise_environment(env: MutableMapping[str, str]) -> list[str]:
    """Fill in the variables that uv, pip and the hub lack, from those that are set; returns the names changed.

    What a tool was told itself is left to it. Of a proxy variable in small and in capital letters that differ,
    the small one counts, as in curl and Python. A CA path that does not exist is not passed on.
    """
    before = dict(env)
    _one_authority(env)
    _one_proxy(env)
    return sorted(name for name in env if env[name] != before.get(name))


def _one_authority(env: MutableMapping[str, str]) -> None:
    named = [env[name] for name in CA_VARIABLES if env.get(name)]
    # On macOS the store is no file: uv must be told to ask the system, the others do.
    stores = SYSTEM_STORES if sys.platform == "linux" and not named else ()
    found = next((path for path in (*named, *stores) if Path(path).exists()), None)
    if found is None:
        if not named and sys.platform != "linux":
            _fill(env, "UV_SYSTEM_CERTS", "true")
        return
    if Path(found).is_dir():
        if not env.get("SSL_CERT_FILE"):
            _fill(env, "SSL_CERT_DIR", found)
    else:
        _fill(env, "SSL_CERT_FILE", found)
        _fill(env, "CURL_CA_BUNDLE", found)
    _fill(env, "REQUESTS_CA_BUNDLE", found)
    _fill(env, "PIP_CERT", found)


def _one_proxy(env: MutableMapping[str, str]) -> None:
    if proxy := env.get("PIP_PROXY"):
        for name in ("http_proxy", "https_proxy"):
            if not (env.get(name) or env.get(name.upper())):
                env[name] = proxy
    for name in PROXY_VARIABLES:
        if value := env.get(name) or env.get(name.upper()):
            # Without a scheme the tools disagree on what a proxy's address means.
            if name != "no_proxy" and "://" not in value:
                value = f"http://{value}"
            env[name] = env[name.upper()] = value


def _fill(env: MutableMapping[str, str], name: str, value: str) -> None:
    if not env.get(name):
        env[name] = value


def masked(url: str) -> str:
    """`url` without the user name and password that it may hold."""
    return re.sub(
        r"^([a-z0-9+.-]+://)?.*@", lambda found: (found[1] or "") + "***@", url, flags=re.IGNORECASE
    )


def proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables that are set, one for each pair of spellings, fit to be shown."""
    found = {name: env.get(name) or env.get(name.upper()) or "" for name in PROXY_VARIABLES}
    return {name: masked(value) for name, value in found.items() if value}
