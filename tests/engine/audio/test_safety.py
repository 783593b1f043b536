"""What a hostile recording may reach: nothing but its own bytes, for a while; and no process outlives its reader."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest

from runner.engine.audio import child, containers
from runner.engine.audio.outlet import Outlet
from runner.engine.audio.recording import Recording, open_recording
from runner.errors import DecodingLimit, EngineFailed, RecordingUnreadable
from tests.engine.audio.test_recording import heard
from tests.support.needs import needs
from tests.support.recordings import KINDS, endless_silence, playlists, tone, wav

ROOT = Path(child.__file__).parents[3]


@contextmanager
def web_server() -> Iterator[tuple[str, list[str]]]:
    """A server that hears every request; yields one of its addresses and the requests so far."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x.wav", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A recording that a list may name and nobody gave us; reading it would set its time of access."""
    path = wav(tmp_path / "secret.wav", tone(1.0))
    os.utime(path, (0, path.stat().st_mtime))
    return path


@pytest.mark.parametrize("name", ["url.m3u8", "file.mp3", "near.ffconcat", "scheme.mpd", "stream.sdp"])
def test_a_list_that_names_addresses_or_files_is_refused(name: str, tmp_path: Path, secret: Path) -> None:
    path = tmp_path / name
    with web_server() as (url, seen):
        path.write_text(playlists(url, secret)[name])
        with pytest.raises(RecordingUnreadable, match=f"{name} is a playlist"):
            open_recording(path, name=name)
        assert seen == []
    assert secret.stat().st_atime == 0


class Named(io.BytesIO):
    """A file that tells its name, by which libav knows some lists."""

    name = ""


def test_libav_itself_follows_no_list(tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "PLAYLIST", re.compile(b"nothing starts like this"))
    monkeypatch.chdir(tmp_path)
    sent: list[bytes] = []
    with web_server() as (url, seen):
        for name, text in playlists(url, secret).items():
            for given in ("", name):
                file = Named(text.encode())
                file.name = given
                with pytest.raises((av.FFmpegError, ValueError)):
                    containers.read_with_libav(Outlet(sent.append, rate=16_000), file)
        assert seen == []
        assert sent == []
        assert secret.stat().st_atime == 0
        file = Named(playlists(url, secret)["url.m3u8"].encode())
        file.name = "url.m3u8"
        with pytest.raises(av.FFmpegError):
            av.open(file)
        assert seen != []  # it would have been followed


def test_no_container_that_is_read_names_other_files() -> None:
    lists = {"hls", "dash", "concat", "sdp", "rtsp", "rtp", "sap", "imf", "image2", "lavfi", "tty", "alsa"}
    assert lists.isdisjoint(",".join(containers.CONTAINERS).split(","))
    assert av.formats_available.issuperset(containers.CONTAINERS)


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    return endless_silence(tmp_path / "endless.wav")


def pid(recording: Recording) -> int:
    return recording._child._process.pid


def gone(process: int) -> bool:
    """Whether there is no such process any more, nor its ghost."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@needs("linux")
def test_the_child_can_open_nothing_and_knows_no_secrets(
    endless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    with open_recording(endless, name="x", cpu_seconds=77, memory_mib=777) as recording:
        process = Path("/proc") / str(pid(recording))
        environment = (process / "environ").read_bytes()
        status = (process / "status").read_text()
        limits = " ".join((process / "limits").read_text().split())
        files = {link.name: link.readlink() for link in (process / "fd").iterdir()}
        assert process.joinpath("cwd").readlink() == Path("/")
    assert b"hush" not in environment
    assert b"HOME" not in environment
    assert "NoNewPrivs:\t1" in status
    assert "\nUid:\t0" not in status
    for limit in (
        "file size 0",
        "core file size 0",
        "open files 0",
        "cpu time 77",
        f"address space {777 << 20}",
    ):
        assert f"Max {limit} " in limits
    assert files["0"] == endless
    assert files["2"] == Path("/dev/null")
    assert len(files) == 3


def test_too_much_time_is_refused_with_the_setting_to_change(endless: Path) -> None:
    with open_recording(endless, name="x.wav", cpu_seconds=0.5) as recording:
        with pytest.raises(DecodingLimit, match=r"0\.5 seconds.*GPU_TRANSCRIBER_DECODE_SECONDS"):
            for _ in recording.blocks():
                pass
        assert gone(pid(recording))


@pytest.mark.parametrize("kind", ["wav", "mp4 film"])
def test_too_much_memory_is_refused_with_the_setting_to_change(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DecodingLimit, match=r"8 MiB.*GPU_TRANSCRIBER_DECODE_MEMORY"):
        open_recording(KINDS[kind](tmp_path, tone(1.0)), name="x", memory_mib=8)


def test_a_child_that_falls_silent_is_ended(endless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_recording(endless, name="x", cpu_seconds=0.5) as recording:
        monkeypatch.setattr(child, "PATIENCE", 0.0)
        os.kill(pid(recording), signal.SIGSTOP)
        with pytest.raises(DecodingLimit, match="nothing came"):
            for _ in recording.blocks():
                pass
        assert gone(pid(recording))


@pytest.mark.parametrize(("number", "kind"), [("SIGKILL", DecodingLimit), ("SIGSEGV", RecordingUnreadable)])
def test_a_child_that_is_killed_is_told_of(number: str, kind: type[Exception], endless: Path) -> None:
    with open_recording(endless, name="x") as recording:
        blocks = recording.blocks()
        next(blocks)
        os.kill(pid(recording), signal.Signals[number])
        with pytest.raises(kind, match="x"):
            for _ in blocks:
                pass
        assert gone(pid(recording))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"outcome": 1}\n',
        b'{"channels": 1, "duration": 1e999, "container": "", "codec": "", "tracks": 1}\n\xff\xff\xff\xff'
        + bytes(8),
        b'{"channels": 1, "duration": 1, "container": "", "codec": "", "tracks": 1}\n\3\0\0\0' + bytes(11),
        b"x" * 100_000,
    ],
)
def test_a_child_that_talks_nonsense_is_not_believed(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "START", f"import os; os.write(1, {answer!r}); os.read(0, 1)")
    path = wav(tmp_path / "x.w64", tone(1.0))
    with pytest.raises(RecordingUnreadable, match=r"x\.w64"):
        heard(path)


def test_a_child_that_cannot_start_is_no_fault_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "START", "import nothing_of_this_name")
    with pytest.raises(EngineFailed):
        open_recording(wav(tmp_path / "x.wav", tone(1.0)), name="x.wav")


def test_a_recording_left_early_leaves_no_child(endless: Path) -> None:
    with open_recording(endless, name="x") as recording:
        for _ in recording.blocks():
            break
    assert gone(pid(recording))
    recording.close()


def test_a_recording_forgotten_leaves_no_child(endless: Path) -> None:
    process = pid(open_recording(endless, name="x"))
    assert gone(process)


@needs("linux")
@pytest.mark.parametrize("start", [0.0, 90_000.0])
def test_a_child_does_not_outlive_a_parent_that_was_killed(start: float, endless: Path) -> None:
    code = (
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from runner.engine.audio import child, recording as audio\n"
        "spawn = child.subprocess.Popen\n"
        "def last_words(*args, **options):\n"
        "    process = spawn(*args, **options)\n"
        "    print(process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "child.subprocess.Popen = last_words\n"
        f"audio.open_recording(audio.Path({str(endless)!r}), name='x', start={start}, end=100_000.0)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    try:
        orphan = os.pidfd_open(int(parent.stdout))
    except ProcessLookupError:
        return  # gone already
    watch = select.poll()
    watch.register(orphan, select.POLLIN)
    ended = watch.poll(30_000)
    os.close(orphan)
    assert ended


def test_the_parent_holds_one_block_however_long_the_recording_is(endless: Path) -> None:
    with open_recording(endless, name="x") as recording:
        for block, _ in zip(recording.blocks(), range(600), strict=False):
            assert block.nbytes == 64_000
            assert len(recording._child._received) <= 2 * 64_000 + child.LINE
