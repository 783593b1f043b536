"""The doctor in situations that really are: other tools on PATH, other folders, no engine, no hub, a full disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from runner import __version__
from runner.doctor import report
from runner.doctor.disk import disk, measure, room, uv_cache
from runner.doctor.finding import Finding, in_gigabytes
from runner.doctor.gpu import Gpu, gpus, judge
from runner.doctor.machine import memory_limit, processor, processor_quota, system, terminal
from runner.doctor.models import models
from runner.doctor.reach import authorities, hub, proxy
from runner.doctor.rental import aws, packer
from runner.settings import load_settings
from tests.support.disks import read_only_disk, small_disk
from tests.support.loopback import Authority, Page, hub_pages, serving
from tests.support.needs import needs

ROOT = Path(__file__).parent.parent
UV_CACHE = uv_cache()  # the tests have another home
MODEL = "KBLab/kb-whisper-small"
NOWHERE = "http://127.0.0.1:1"  # a port on which nothing listens

Tool = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home, a cache and results of the test's own, and a hub that is not there."""
    for name in ("cache", "home"):
        (tmp_path / name).mkdir()
    for name in [name for name in os.environ if name.startswith(("AWS_", "HF_")) or "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GPU_TRANSCRIBER_OUTPUT", str(tmp_path / "results"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a program of this name, which is this shell script, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


def states(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.subject: finding.state for finding in findings}


def one(findings: Iterable[Finding], subject: str) -> Finding:
    (found,) = [finding for finding in findings if finding.subject == subject]
    return found


def run(python: str | Path = sys.executable, folder: Path = ROOT) -> tuple[int, dict[str, Finding]]:
    """`doctor --json` as a person runs it in `folder`: the exit code and the findings by subject."""
    command = [python, "-m", "runner", "doctor", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["can_transcribe"] == (done.returncode == 0)
    return done.returncode, {row["subject"]: Finding(**row) for row in answer["findings"]}


# The whole


def test_a_machine_with_the_engine_can_transcribe_without_a_hub() -> None:
    code, found = run()
    assert code == 0
    assert found["engine"].state == "ok"
    assert found["program"].found.startswith(f"gpu-transcriber {__version__} ")
    assert found["hub"].state == found["model"].state == "note"
    assert "openai/whisper-base serves instead" in found["model"].found
    assert not [finding for finding in found.values() if "could not be examined" in finding.found]


def test_it_imports_neither_the_engine_nor_aws() -> None:
    code = (
        "import sys; from runner.doctor import report; report(True); sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    heavy = {"torch", "numpy", "av", "transformers", "huggingface_hub", "boto3", "invoke"}
    assert not heavy & set(done.stderr.split())


def test_a_wrong_setting_is_a_problem_and_the_rest_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_BATCH_SIZE", "many")
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", "")
    code, found = run()
    assert code == 1
    assert "GPU_TRANSCRIBER_BATCH_SIZE in the environment is 'many'" in found["settings"].found
    assert found["python"].state == "ok"


def test_every_problem_and_every_note_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tool: Tool, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("GPU_TRANSCRIBER_LANGAGE", "sv")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    monkeypatch.setenv("https_proxy", "socks5://localhost:1")
    tool("nvidia-smi", "exit 9")
    assert report(as_json=True) == 1
    rows = json.loads(capsys.readouterr().out)["findings"]
    mended = [row for row in rows if row["state"] != "ok"]
    assert {"room (models)", "settings", "certificates", "proxy", "gpu"} <= {row["subject"] for row in mended}
    assert not [row for row in mended if not row["mend"]]


def test_a_plain_report_has_one_row_a_line_and_a_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert report() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:6].strip() for line in lines[1:-2]} == {"ok", "note", ""}
    assert lines[-1] == "A local transcription can run."
    (tmp_path / "results").touch()
    assert report() == 1
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "A local transcription cannot run before the problem above."
    )


@pytest.mark.slow
def test_a_thin_install_tells_what_the_engine_would_cost(tmp_path: Path) -> None:
    """In a copy of the checkout with the thin part only, as after the first `./invoke`."""
    checkout, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    for folder in (checkout, elsewhere):
        shutil.copytree(ROOT / "runner", folder / "runner", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)
    python = checkout / ".venv/bin/python"
    locked = ["--constraints", "requirements.lock", "--build-constraints", "requirements.lock"]
    for command in (
        ["venv", "--python", sys.executable, ".venv"],
        ["pip", "install", "--python", str(python), "--editable", ".", *locked],
    ):
        uv = [sys.executable, "-m", "uv", "--quiet", "--cache-dir", str(UV_CACHE), *command]
        subprocess.run(uv, cwd=checkout, check=True, timeout=120)
    code, found = run(python, checkout)
    assert code == 0
    assert found["engine"].state == "note"
    assert "the first transcription does it" in found["engine"].found
    assert f"rm -rf {checkout}/.venv" in found["packages"].mend
    # What is not the checkout's own .venv is left to whoever made it.
    code, found = run(python, elsewhere)
    assert code == 1
    assert f"Use {elsewhere}/invoke" in found["engine"].mend
    assert found["packages"].mend == ""


# The machine


@pytest.mark.parametrize(
    ("name", "architecture", "libc", "state", "word"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), "ok", ""),
        ("Linux", "x86_64", ("glibc", "2.17"), "problem", "2.28"),
        ("Linux", "x86_64", ("", ""), "problem", "glibc"),  # musl
        ("Darwin", "arm64", ("", ""), "ok", ""),
        ("Darwin", "x86_64", ("", ""), "problem", "Intel"),
        ("Windows", "AMD64", ("", ""), "problem", "Use WSL"),
    ],
)
def test_a_system_is_supported_or_refused_in_one_sentence(
    name: str, architecture: str, libc: tuple[str, str], state: str, word: str
) -> None:
    finding = system(name, architecture, libc)
    assert finding.state == state
    assert word in finding.mend


@pytest.mark.slow
@needs("linux")
def test_the_precision_told_is_the_one_that_the_engine_takes() -> None:
    import torch

    from runner.engine.device import choose_precision

    chosen = str(choose_precision("auto", torch.device("cpu"))).removeprefix("torch.")
    assert processor().found.endswith(f"auto precision is {chosen}")


def test_a_container_with_less_than_its_cores_is_told(tmp_path: Path) -> None:
    assert processor_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert processor_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert processor_quota(tmp_path) == 1.5
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit(tmp_path) is None
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert memory_limit(tmp_path) == 2**30


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    for folder, name, value in [
        ("cpu", "cpu.cfs_quota_us", "50000"),
        ("cpu", "cpu.cfs_period_us", "100000"),
        ("memory", "memory.limit_in_bytes", "9223372036854771712"),
    ]:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(f"{value}\n")
    assert processor_quota(tmp_path) == 0.5
    assert memory_limit(tmp_path) is None


def test_a_terminal_without_utf8_is_told() -> None:
    assert terminal("utf-8", "UTF-8").state == "ok"
    assert terminal("iso8859-1", "utf-8").state == "note"


def test_a_terminal_without_utf8_is_written_to_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "å"
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "GPU_TRANSCRIBER_OUTPUT": str(folder)}
    command = [sys.executable, "-m", "runner", "doctor"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "\\xe5" in done.stdout
    assert "prints ascii" in done.stdout


# GPUs: no machine of the tests has one, so a script speaks as nvidia-smi does


def test_a_driver_that_is_new_enough_is_fine(tool: Tool) -> None:
    tool("nvidia-smi", "echo 'Tesla T4, 580.65.06, 15360, 7.5'; echo 'NVIDIA L4, 580.65.06, 23034, 8.9'")
    first, second = gpus("13.2")
    assert (first.subject, second.subject) == ("gpu 0", "gpu 1")
    assert first.state == second.state == "ok"
    assert (
        "Tesla T4, driver 580.65.06, 15 GiB, compute capability 7.5; auto precision is float16" in first.found
    )
    assert "auto precision is bfloat16" in second.found


@pytest.mark.parametrize(
    ("cuda", "driver", "capability", "state"),
    [
        ("13.2", "575.57.08", 7.5, "note"),
        ("13.2", "580.65.06", 7.5, "ok"),
        ("13.2", "580.65.06", 7.0, "note"),
        ("12.8", "525.60.13", 7.0, "ok"),
        ("12.8", "470.82.01", 7.5, "note"),
        ("11.8", "450.80.02", 3.5, "ok"),
        ("", "580.65.06", 7.5, "note"),
        (None, "580.65.06", 7.5, "ok"),
    ],
)
def test_a_gpu_is_judged_by_its_driver_and_its_age(
    cuda: str | None, driver: str, capability: float, state: str
) -> None:
    finding = judge(Gpu("A card", driver, 16_000, capability), "gpu", cuda)
    assert finding.state == state
    assert bool(finding.mend) == (state == "note")


def test_a_driver_too_old_to_know_the_capability_is_asked_again(tool: Tool) -> None:
    tool(
        "nvidia-smi",
        """case $1 in
        *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;;
        *) echo 'Tesla T4, 470.82.01, 15109';;
        esac""",
    )
    (finding,) = gpus("13.2")
    assert finding.found.endswith(
        "Tesla T4, driver 470.82.01, 15 GiB; PyTorch's CUDA 13.2 needs driver 580 or newer"
    )


def test_a_failing_driver_is_told_in_its_own_words(tool: Tool) -> None:
    tool("nvidia-smi", "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    (finding,) = gpus("13.2")
    assert finding.state == "note"
    assert finding.found == "nvidia-smi fails: Failed to initialize NVML: Driver/library version mismatch"


def test_a_gpu_that_is_hidden_is_told(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    tool("nvidia-smi", "echo 'NVIDIA GH200, 580.65.06, [N/A], 9.0'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [finding.state for finding in gpus("13.2")] == ["ok", "note"]


# Models and the hub


@needs("debian:openssl")
def test_a_hub_that_has_the_model_is_fine_with_one_ca_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, since the program fills in the other variables at its start."""
    authority = Authority.make(tmp_path, "localhost")
    with serving(hub_pages(MODEL, {"config.json": b"{}"}), authority) as port:
        monkeypatch.setenv("HF_ENDPOINT", f"https://localhost:{port}")
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "PIP_CERT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        _, found = run()
        assert found["hub"].found == f"localhost answers and has {MODEL}"
        assert found["model"].found.endswith("which the first transcription downloads")
        assert str(authority.certificate) in found["certificates"].found
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        assert "certificate is not trusted" in hub(MODEL, 1.0).found


def test_a_hub_without_the_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/elsewhere": Page(b"")}) as port:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        assert hub("no/such", 1.0).found == "127.0.0.1 answers but gives no no/such (404)"


def test_the_hub_is_not_asked_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub(MODEL, 1.0).found == "not asked: HF_HUB_OFFLINE is set"


def test_a_model_of_ones_own_needs_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("GPU_TRANSCRIBER_MODEL", str(folder))
    assert one(models(load_settings()), "model").state == "problem"
    (folder / "config.json").touch()
    (folder / "model.safetensors").touch()
    found = list(models(load_settings()))
    assert one(found, "model").state == "ok"
    assert "hub" not in states(found)


# Proxies and certificates


def test_no_password_of_a_proxy_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://anna:hemligt@proxy.example:3128")
    assert proxy().found == "https_proxy=http://***@proxy.example:3128"
    _, found = run()
    assert not [finding for finding in found.values() if "hemligt" in f"{finding.found} {finding.mend}"]


def test_a_file_of_certificates_that_is_gone_or_empty_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ours.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert "cannot be read (no such file or directory)" in authorities().found
    file.write_text("nothing")
    assert "holds no certificates" in authorities().found
    assert "Unset SSL_CERT_FILE" in authorities().mend


# Disk


def test_what_is_on_disk_is_counted_once_whatever_its_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_bytes(bytes(1_000_000))
    (tmp_path / "a/again").hardlink_to(tmp_path / "a/file")
    (tmp_path / "a/link").symlink_to(tmp_path)
    assert 1_000_000 <= measure([tmp_path / "a"]).size < 1_100_000
    assert measure([tmp_path / "gone"]).size == 0


def test_it_says_how_to_free_only_what_is_ours(tmp_path: Path) -> None:
    for name in ("results/20250102_030405", "results/20250102_030405_2", "results/precious", "cache/models"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(bytes(50_000))
    findings = list(disk(load_settings()))
    for subject in ("results", "models on disk"):
        command = one(findings, subject).mend.split("`")[1]
        subprocess.run(["sh", "-c", command], check=True)
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["precious"]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = room("room (results)", tmp_path / "file" / "below", "GPU_TRANSCRIBER_OUTPUT")
    assert finding.state == "problem"
    assert finding.found == f"{tmp_path}/file is not a folder"
    assert "GPU_TRANSCRIBER_OUTPUT" in finding.mend


@needs("linux", "root")
def test_a_read_only_cache_and_a_full_disk_are_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_only_disk(tmp_path / "ro") as cache, small_disk(tmp_path / "full", 64) as output:
        monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(cache))
        monkeypatch.setenv("GPU_TRANSCRIBER_OUTPUT", str(output))
        code, found = run()
    assert code == 1
    assert found["room (models)"].found == f"{cache} cannot be written to"
    assert found["room (results)"].found == f"66 kB free in {output}"


@pytest.mark.parametrize(
    ("size", "shown"), [(5_700_000_000, "5.7 GB"), (290_000_000, "290 MB"), (12_345, "12 kB"), (0, "0 kB")]
)
def test_sizes_read_as_people_say_them(size: int, shown: str) -> None:
    assert in_gigabytes(size) == shown


# What renting would use


def test_credentials_are_seen_and_never_read_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws().state == "note"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHEMLIGT")
    (tmp_path / "home/.aws/sso/cache").mkdir(parents=True)
    (tmp_path / "home/.aws/sso/cache/x.json").write_text("{}")
    (tmp_path / "home/.aws/credentials").write_text("[default]\naws_secret_access_key = hemligt")
    finding = aws()
    assert finding.state == "ok"
    assert "AWS_ACCESS_KEY_ID is set; credentials file" in finding.found
    assert "single sign-on" in finding.found
    assert "hemligt" not in finding.found.lower()
    assert finding.mend == "Not needed for local runs."


def test_packer_is_told_from_the_other_program_of_that_name(tool: Tool) -> None:
    path = tool("packer", "echo 'Packer v1.14.2'")
    assert packer().found == f"1.14.2 at {path}"
    tool("packer", "echo 'skipping line: 1'")
    assert packer().state == "note"
