"""What a person can ask for: each task turns words into a request and hands it to the module that does the work."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from runner.door.variadic import VariadicTask
from runner.errors import UsageError


@task(
    klass=partial(VariadicTask, variadic="file"),
    auto_shortflags=False,
    help={
        "file": "A recording, a folder, a pattern, or - for standard input; repeatable, and --file may be left out.",
        "start": "Begin here: seconds, or [HH:]MM:SS.",
        "end": "End here: seconds, or [HH:]MM:SS.",
        "timestamps": "Print the time before each segment.",
        "channels": "mix (the default), or split: a stereo call, each speaker on a channel of their own.",
        "formats": "Files to write, with commas between: txt, json, srt, vtt, tsv; txt,json if not said.",
        "prompt": "Text that stands before each window as if it had been said: topic, spelling, manner of writing.",
        "hotwords": "Names and words that are likely to be said, with commas between; they can also be invented.",
        "previous-text": "Give each window the text before it: steadier spelling, several times slower.",
        "words": "Times of every word in json; with srt, vtt or --mark-unsure they are there anyway.",
        "mark-unsure": "Mark words that the model is unsure of in txt, srt and vtt: [so?].",
        "model": "A hub id or a folder; if not said, the one for the language: KBLab/kb-whisper-small for sv.",
        "language": "Language spoken: sv (the default), no, da, fi, is, en or another, or auto to detect it.",
        "style": "standard (the default), subtitle (condensed) or strict (verbatim), where the model has them.",
        "output": "Folder in which each run makes its own folder; results if not said.",
        "where": "auto (the default), local, aws or ssh://user@host.",
        "device": "auto (the default), cpu, cuda or cuda:N.",
        "precision": "auto (the default), float32, bfloat16, float16 or int8.",
        "beam": "Texts of each window followed at a time, 1 to 10: 1 is fastest; 3 if not said.",
        "quiet": "Show errors only, and the transcript.",
        "resume": "Skip the recordings that the last run over them finished.",
        "log-json": "Log as JSON lines instead of showing progress.",
    },
)
def transcribe(
    _context: Context,
    file: list[str],
    start: str | None = None,
    end: str | None = None,
    timestamps: bool = False,
    channels: str = "mix",
    formats: str | None = None,
    prompt: str | None = None,
    hotwords: str | None = None,
    previous_text: bool = False,
    words: bool = False,
    mark_unsure: bool = False,
    model: str | None = None,
    language: str | None = None,
    style: str | None = None,
    output: str | None = None,
    where: str | None = None,
    device: str | None = None,
    precision: str | None = None,
    beam: str | None = None,
    quiet: bool = False,
    resume: bool = False,
    log_json: bool = False,
) -> None:
    """Turn recordings into text.

    The transcript goes to standard output, all else to standard error:

        ./invoke transcribe interview.mp3 > interview.txt
        ./invoke transcribe --formats txt,srt --start 1:30 --end 12:00 lecture.mp4
        ./invoke transcribe --channels split --timestamps calls/ 'more calls/*.wav'
        ./invoke transcribe --language no intervju.mp3
    """
    from runner.inputs import seconds
    from runner.request import Request
    from runner.session import transcribe as run
    from runner.settings import load_settings

    if channels not in ("mix", "split"):
        raise UsageError(f"--channels is {channels!r}, but it takes mix or split.")
    settings = load_settings(
        {
            "formats": formats,
            "prompt": prompt,
            "hotwords": hotwords,
            "previous_text": previous_text or None,
            "words": words or None,
            "mark_unsure": mark_unsure or None,
            "model": model,
            "language": language,
            "style": style,
            "output": output,
            "where": where,
            "device": device,
            "precision": precision,
            "beam": beam,
            "log_json": log_json or None,
        }
    )
    request = Request(
        files=tuple(file),
        settings=settings,
        start=seconds(start, option="--start") if start is not None else 0.0,
        end=seconds(end, option="--end") if end is not None else None,
        timestamps=timestamps,
        channels=channels,
        quiet=quiet,
        resume=resume,
    )
    _end(run(request))


@task(
    auto_shortflags=False,
    optional=["verify"],
    help={
        "download": "Fetch this model, or what of it is missing or damaged: a hub id.",
        "verify": "Compare every byte in the cache with its recorded sum: a hub id, or all models if none is named.",
        "remove": "Remove this model from the cache: a hub id.",
        "style": "The style to download, verify or remove; standard for a download, all styles for the others.",
        "json": "Print JSON, for programs: the list, or what was verified.",
    },
)
def models(
    _context: Context,
    download: str | None = None,
    verify: str | None = None,
    remove: str | None = None,
    style: str | None = None,
    json: bool = False,
) -> None:
    """List, download, verify or remove models.

    For example:

        ./invoke models
        ./invoke models --download KBLab/kb-whisper-small --style subtitle
        ./invoke models --verify
        ./invoke models --remove KBLab/kb-whisper-small
    """
    from runner.models import Order, carry_out

    _end(carry_out(Order(download=download, verify=verify, remove=remove, style=style, as_json=json)))


@task(auto_shortflags=False, help={"json": "Print JSON, for programs."})
def doctor(_context: Context, json: bool = False) -> None:
    """Say what this machine has and lacks, and how to mend it.

    For example:

        ./invoke doctor
        ./invoke doctor --json > machine.json
    """
    from runner.doctor import report

    _end(report(as_json=json))


@task(auto_shortflags=False, help={"json": "Print JSON, for programs."})
def settings(_context: Context, json: bool = False) -> None:
    """Show every setting, its value and where that came from.

    For example, with one of them set for this run alone:

        GPU_TRANSCRIBER_THREADS=4 ./invoke settings
    """
    from runner.knobs import show_settings

    _end(show_settings(as_json=json))


@task(
    auto_shortflags=False,
    iterable=["var"],
    help={
        "host": "Set up a machine that you own instead: ssh://user@host[:port]; the plan is shown first.",
        "take-over": "With --host: also set its kernel, driver, SSH, firewall and sysctl as in the image.",
        "disposable": "With --host: wipe it in the end as an image is, so that nobody can log in.",
        "cpu": "For machines without an NVIDIA GPU: no driver, no CUDA.",
        "model": "A hub id, a folder, or demonstration; versions.yml's if not said.",
        "region": "AWS region to build in; the settings' if not said.",
        "ssh-config": "With --host: a configuration file for ssh, in place of your own.",
        "var": "NAME=VALUE for Packer, repeatable: names of packer/variables.*.pkr.hcl that are no option here.",
        "template": "Packer's template; packer in the checkout if not said.",
        "check": "Look whether a build could begin, and build nothing.",
        "yes": "Agree to the plan for --take-over and --disposable.",
    },
)
def image(
    _context: Context,
    var: list[str],
    host: str | None = None,
    take_over: bool = False,
    disposable: bool = False,
    cpu: bool = False,
    model: str | None = None,
    region: str | None = None,
    ssh_config: str | None = None,
    template: str | None = None,
    check: bool = False,
    yes: bool = False,
) -> None:
    """Make a machine image, or set up a machine that you own.

    A line `region ami-…` for each region goes to standard output and ami_id.txt, all else to standard error and build/:

        ./invoke image --check
        ./invoke image --region eu-north-1
        ./invoke image --var encrypt=true --var 'copy_regions=["eu-west-1"]'
        ./invoke image --host ssh://me@gpu-box
    """
    from runner.door.install import install

    install("image")
    from runner.image.bake import bake
    from runner.image.order import TEMPLATE, Order, parse_variables

    order = Order(
        host=host,
        take_over=take_over,
        disposable=disposable,
        cpu=cpu,
        model=model,
        region=region,
        ssh_config=Path(ssh_config).expanduser() if ssh_config else None,
        variables=parse_variables(var),
        template=Path(template).expanduser().resolve() if template else TEMPLATE,
        check=check,
        yes=yes,
    )
    _end(bake(order))


@task(
    auto_shortflags=False,
    help={
        "prune": "Remove all but the newest, never one that is in use; says what it would do, and asks.",
        "keep": "With --prune: how many of the newest stay; 3 if not said.",
        "dry-run": "With --prune: only say what would be removed.",
        "yes": "With --prune: remove without asking.",
        "region": "AWS region; the settings' if not said.",
        "json": "Print JSON, for programs.",
    },
)
def images(
    _context: Context,
    prune: bool = False,
    keep: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    region: str | None = None,
    json: bool = False,
) -> None:
    """List our machine images, or remove old ones.

    For example:

        ./invoke images
        ./invoke images --prune --keep 3 --dry-run
        ./invoke images --prune --keep 3 --yes
    """
    from runner.door.install import install

    install("image")
    from runner.image.images import ImagesOrder, carry_out

    _end(
        carry_out(ImagesOrder(prune=prune, keep=keep, dry_run=dry_run, yes=yes, as_json=json, region=region))
    )


def _end(code: int) -> None:
    """End the program with the exit code of what was asked for."""
    if code:
        raise Exit(code=code)
