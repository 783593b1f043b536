"""One proxy or CA setting reaches uv, pip and the hub alike; told against real servers on the loopback address."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.door.network import harmonise_environment, masked, proxies
from tests.support.loopback import Authority, forwarding, hub_pages, index_pages, serving
from tests.support.needs import needs

MODEL = "owner/model"
HUB = """
import sys
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.utils import get_session
get_session().head(constants.ENDPOINT)  # a download would try a failing connection for twenty seconds
print(open(hf_hub_download(sys.argv[1], "config.json", cache_dir=sys.argv[2])).read())
"""


class Company:
    """A company's network: an index and a hub behind its own CA, on hosts that only its proxy knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.make(folder, "localhost", "index.test", "hub.test")
        venv.create(folder / "bootstrap", with_pip=True)  # the pip that ./invoke begins with
        self.pip = [str(folder / "bootstrap/bin/python"), "-I", "-m", "pip"]
        self.pages = {**index_pages(folder, "parcel"), **hub_pages(MODEL, {"config.json": b"{}"})}

    def run(self, tool: str, base: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Let uv, pip or the hub's client fetch from `base` in an environment with these `variables` only."""
        new = self.folder / f"{tool}-{len(list(self.folder.iterdir()))}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(new),
            "PIP_CONFIG_FILE": os.devnull,
            **variables,
        }
        harmonise_environment(environment)
        index = [f"--index-url={base}/simple", "parcel"]
        commands = {
            "uv": [sys.executable, "-m", "uv", "pip", "install", "--no-cache", f"--target={new}", *index],
            "pip": [*self.pip, "-v", "download", "--no-cache-dir", "--retries=0", f"--dest={new}", *index],
            "hub": [sys.executable, "-c", HUB, MODEL, str(new)],
        }
        environment["HF_ENDPOINT"] = base
        return subprocess.run(commands[tool], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def port(company: Company) -> Iterator[int]:
    with serving(company.pages, company.authority) as number:
        yield number


@pytest.mark.slow
@needs("debian:openssl")
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("tool", ["uv", "pip", "hub"])
def test_one_ca_variable_is_enough_for_every_tool(
    company: Company, port: int, tool: str, variable: str
) -> None:
    done = company.run(tool, f"https://localhost:{port}", **{variable: str(company.authority.certificate)})
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@needs("debian:openssl")
@pytest.mark.parametrize("tool", ["uv", "pip", "hub"])
def test_a_stranger_of_a_ca_is_trusted_by_none(company: Company, port: int, tool: str) -> None:
    done = company.run(tool, f"https://localhost:{port}")
    assert done.returncode != 0
    assert "certificate" in (done.stdout + done.stderr).lower()


@pytest.mark.slow
@needs("debian:openssl")
@pytest.mark.parametrize("tool", ["uv", "pip", "hub"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "PIP_PROXY"])
def test_one_proxy_variable_is_enough_for_every_tool(
    company: Company, port: int, tool: str, variable: str
) -> None:
    host = "hub.test" if tool == "hub" else "index.test"
    with forwarding({host: port}) as (proxy, seen):
        certificate = str(company.authority.certificate)
        address = {variable: f"127.0.0.1:{proxy}", "PIP_CERT": certificate}
        done = company.run(tool, f"https://{host}", **address)
    assert done.returncode == 0, done.stderr
    assert f"CONNECT {host}:443" in seen


@pytest.mark.slow
@needs("debian:openssl")
@pytest.mark.parametrize("tool", ["uv", "hub"])  # pip asks no index without TLS
def test_a_plain_address_goes_through_the_http_proxy(company: Company, tool: str) -> None:
    host = "hub.test" if tool == "hub" else "index.test"
    with serving(company.pages) as plain, forwarding({host: plain}) as (proxy, seen):
        done = company.run(tool, f"http://{host}", http_proxy=f"http://127.0.0.1:{proxy}")
    assert done.returncode == 0, done.stderr
    assert any(request.startswith(("GET http://", "HEAD http://")) for request in seen), seen


def test_what_is_set_already_is_left_alone(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.touch()
    theirs.touch()
    env = {"SSL_CERT_FILE": str(ours), "PIP_CERT": str(theirs), "UV_SYSTEM_CERTS": "false"}
    changed = harmonise_environment(env)
    assert changed == ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"]
    assert env["PIP_CERT"] == str(theirs)
    assert env["REQUESTS_CA_BUNDLE"] == str(ours)


def test_a_folder_of_certificates_goes_where_folders_go(tmp_path: Path) -> None:
    env = {"REQUESTS_CA_BUNDLE": str(tmp_path)}
    harmonise_environment(env)
    assert env["SSL_CERT_DIR"] == env["PIP_CERT"] == str(tmp_path)
    assert "SSL_CERT_FILE" not in env


def test_a_ca_path_that_does_not_exist_is_not_passed_on(tmp_path: Path) -> None:
    env = {"REQUESTS_CA_BUNDLE": str(tmp_path / "gone.pem")}
    assert harmonise_environment(env) == []


def test_the_small_spelling_of_a_proxy_counts() -> None:
    env = {"https_proxy": "http://small:1", "HTTPS_PROXY": "http://capital:2", "NO_PROXY": "localhost"}
    harmonise_environment(env)
    assert env["HTTPS_PROXY"] == "http://small:1"
    assert env["no_proxy"] == "localhost"


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    env = {"PIP_PROXY": "proxy:3128"}
    harmonise_environment(env)
    assert harmonise_environment(env) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://anna:hemligt@proxy:3128", "http://***@proxy:3128"),
        ("http://anna:hem/li@gt@proxy:3128", "http://***@proxy:3128"),
        ("anna:hemligt@proxy:3128", "***@proxy:3128"),
        ("http://proxy:3128", "http://proxy:3128"),
    ],
)
def test_a_password_in_a_proxy_address_is_never_shown(url: str, shown: str) -> None:
    assert masked(url) == shown
    assert proxies({"HTTPS_PROXY": url}) == {"https_proxy": shown}
