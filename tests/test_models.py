"""The models task as a person gives it: what it prints, what it does to the cache, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection

from runner import commands
from runner.engine.models import store
from runner.engine.models.registry import REGISTRY
from tests.support.hub import Hub
from tests.support.program import run_tasks
from tests.support.whisper import WEIGHTS, checkpoint_files

MODEL = "org/whisper"
SMALL = "KBLab/kb-whisper-small"


pytestmark = pytest.mark.usefixtures("unchanged_environment")


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """With two models in two styles."""
    for seed, revision in enumerate(("main", "strict")):
        for model in (MODEL, SMALL):
            hub.publish(model, checkpoint_files(kilobytes=1, seed=seed), revision=revision)
    return hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def models(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the task with these words; returns its exit code, and what it printed on stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_tasks(Collection(commands.models), "models", *words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def folder(cache: Path, model: str = MODEL, style: str = "standard") -> Path:
    record = store.read_record(cache, model, style)
    assert record is not None
    return store.folder_of(cache, record)


def flip(path: Path) -> None:
    """Change one bit, which no size tells."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_list_holds_every_model_of_the_table(models: Any, cache: Path) -> None:
    code, out, _ = models()
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if "/" in line.split(" ", 1)[0]}
    assert set(rows) == {entry.id for entry in REGISTRY}
    assert "standard, subtitle, strict" in rows[SMALL]
    assert "unknown" in rows["syvai/hviske-v3-conversation"]
    assert f"The cache takes 0 kB in {cache}/models." in out


def test_the_list_says_what_the_cache_holds(models: Any, hub: Hub, cache: Path) -> None:
    for words in ([SMALL], [SMALL, "--style", "strict"], [MODEL]):
        assert models("--download", *words)[0] == 0
    (folder(cache, SMALL, "strict") / WEIGHTS).unlink()
    _, out, _ = models()
    assert f"standard {folder(cache, SMALL).name[:12]}, " in out
    assert f"strict {folder(cache, SMALL, 'strict').name[:12]}, " in out
    assert sum("cut short" in line for line in out.splitlines()) == 1
    assert next(line for line in out.splitlines() if line.startswith(MODEL)).count("unknown") == 4


def test_the_list_as_json_is_for_programs(models: Any, hub: Hub, cache: Path) -> None:
    models("--download", SMALL, "--style", "strict")
    listed = json.loads(models("--json")[1])
    assert listed["cache"] == str(cache / "models")
    entries = {entry["id"]: entry for entry in listed["models"]}
    assert entries["CoRal-project/roest-v3-whisper-1.5b"]["licence"] is None
    assert entries["NbAiLab/nb-whisper-small"]["default_for"] == ["no", "nn"]
    (held,) = entries[SMALL]["cached"]
    assert (held["style"], held["complete"], held["source"]) == ("strict", True, "hub")
    assert held["folder"] == str(folder(cache, SMALL, "strict"))


def test_a_download_says_where_the_model_is_and_at_which_revision(models: Any, hub: Hub, cache: Path) -> None:
    code, out, err = models("--download", MODEL, "--style", "strict")
    assert code == 0
    place = folder(cache, style="strict")
    assert out == f"{MODEL} in style strict is in {place}, at revision {place.name}.\n"
    assert "Downloading org/whisper" in err


def test_a_download_mends_what_is_damaged_and_fetches_nothing_else(
    models: Any, hub: Hub, cache: Path
) -> None:
    models("--download", MODEL)
    flip(folder(cache) / WEIGHTS)
    hub.asked.clear()
    code, _, err = models("--download", MODEL)
    assert code == 0
    assert f"{WEIGHTS} is damaged: fetching it anew." in err
    assert hub.names() == ["listing", WEIGHTS]
    assert models("--verify", MODEL)[0] == 0


def test_a_whole_cache_is_verified(models: Any, hub: Hub, cache: Path) -> None:
    models("--download", MODEL)
    models("--download", SMALL)
    code, out, _ = models("--verify")
    assert (code, out.count(": whole, ")) == (0, 2)


def test_a_flipped_bit_is_found_and_the_mending_told(models: Any, hub: Hub, cache: Path) -> None:
    models("--download", MODEL, "--style", "strict")
    models("--download", SMALL)
    flip(folder(cache, style="strict") / WEIGHTS)
    code, out, _ = models("--verify")
    assert code == 2
    assert (
        f"{MODEL} in style strict: damaged ({WEIGHTS}); "
        f"mend it with `./invoke models --download {MODEL} --style strict`" in out
    )
    assert f"{SMALL}: whole" in out
    assert models("--verify", SMALL)[0] == 0


def test_a_model_that_was_cut_short_counts_as_damaged(models: Any, hub: Hub, cache: Path) -> None:
    models("--download", MODEL)
    path = folder(cache) / WEIGHTS
    path.write_bytes(path.read_bytes()[:100])
    code, out, _ = models("--verify", MODEL)
    assert code == 2
    assert f"cut short ({WEIGHTS})" in out


def test_what_was_verified_is_json_for_programs(models: Any, hub: Hub, cache: Path) -> None:
    models("--download", MODEL)
    flip(folder(cache) / "tokenizer.json")
    code, out, _ = models("--verify", "--json")
    (result,) = json.loads(out)
    assert (code, result["id"], result["state"], result["files"]) == (2, MODEL, "damaged", ["tokenizer.json"])


def test_an_empty_cache_has_nothing_to_verify(models: Any, cache: Path) -> None:
    assert models("--verify") == (0, f"There is no model in {cache}/models.\n", "")


def test_a_folder_of_ones_own_is_verified_by_its_path(models: Any, cache: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, body in checkpoint_files(kilobytes=1).items():
        (mine / name).write_bytes(body)
    code, out, _ = models("--verify", str(mine))
    assert code == 0
    assert "can be loaded" in out
    (mine / "tokenizer.json").unlink()
    code, _, err = models("--verify", str(mine))
    assert code == 2
    assert "has no tokenizer.json" in err


def test_a_removed_model_is_gone_in_every_style_and_what_it_frees_is_told(
    models: Any, hub: Hub, cache: Path
) -> None:
    for words in ([MODEL], [MODEL, "--style", "strict"], [SMALL]):
        models("--download", *words)
    size = store.size_of(folder(cache))
    code, out, _ = models("--remove", MODEL)
    assert code == 0
    assert f"Removed {MODEL}: {size / 1000:.0f} kB freed." in out
    assert f"Removed {MODEL} in style strict: " in out
    assert [record.id for record in store.records(cache)] == [SMALL]
    assert not list(store.models(cache).glob("org--whisper*/"))


def test_one_style_alone_is_removed_where_it_is_named(models: Any, hub: Hub, cache: Path) -> None:
    models("--download", MODEL)
    models("--download", MODEL, "--style", "strict")
    models("--remove", MODEL, "--style", "strict")
    assert [record.style for record in store.records(cache)] == ["standard"]


def test_a_link_in_the_cache_is_removed_and_not_what_it_leads_to(
    models: Any, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "config.json").write_text("{}")
    store.models(cache).mkdir(parents=True)
    store.home(cache, MODEL).symlink_to(tmp_path / "precious")
    assert models("--remove", MODEL)[0] == 0
    assert (tmp_path / "precious" / "config.json").is_file()


@pytest.mark.parametrize("model", ["..", ".", "", "../..", "org/..", "/", "org/whisper/../.."])
def test_nothing_outside_the_models_can_be_removed(models: Any, hub: Hub, cache: Path, model: str) -> None:
    models("--download", MODEL)
    assert models(f"--remove={model}")[0] == 2
    assert folder(cache).is_dir()


@pytest.mark.parametrize("order", ["--remove", "--verify"])
def test_a_model_that_is_not_there_is_told_with_the_one_meant(
    models: Any, hub: Hub, cache: Path, order: str
) -> None:
    models("--download", MODEL)
    code, _, err = models(order, "org/wisper")
    assert code == 2
    assert f"org/wisper is not in the cache {cache}/models; did you mean {MODEL}?" in err
    code, _, err = models(order, "KBLab/kb-whisper-large")
    assert code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--download", MODEL, "--remove", MODEL], "--download and --remove are two things to do"),
        (
            ["--download", MODEL, "--style", "loud"],
            "--style is 'loud', but it takes standard, subtitle or strict.",
        ),
        (["--style", "strict"], "--style goes with --download, --verify or --remove."),
        (["--remove", MODEL, "--json"], "--json goes with the list and with --verify"),
        (
            ["--download", "NbAiLab/nb-whisper-small", "--style", "strict"],
            "has no style strict, only standard",
        ),
        (["--download", "small"], "is neither a folder here nor a hub id"),
        (["--download", "/"], "which needs no download"),
        (["--download"], "needs a value"),
    ],
)
def test_orders_that_make_no_sense_are_refused(models: Any, cache: Path, words: list[str], told: str) -> None:
    code, out, err = models(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert not store.models(cache).exists()


def test_a_hub_that_cannot_be_reached_is_told(
    models: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    code, _, err = models("--download", MODEL)
    assert code == 2
    assert "the hub gives none" in err
