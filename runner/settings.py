"""Every knob: one name, one type, one default, one line that says what it does."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from platformdirs import user_cache_path, user_config_path
from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from runner.engine.models.registry import default_model
from runner.errors import UsageError

APP = "gpu-transcriber"
PREFIX = "GPU_TRANSCRIBER_"
FILE_VARIABLE = PREFIX + "SETTINGS"
DEFAULT_LANGUAGE = "sv"
DEFAULT_MODEL = default_model(DEFAULT_LANGUAGE)


@dataclass(frozen=True, slots=True)
class Takes:
    """What a knob takes, in words, where its type does not say it."""

    words: str


Model = Annotated[str, StringConstraints(min_length=1), Takes("a hub id such as owner/name, or a folder")]
Language = Annotated[
    str, Field(pattern="^(auto|[a-z]{2,3})$"), Takes("a language code such as sv, or auto to detect it")
]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$"), Takes("auto, cpu, cuda or cuda:N")]
Formats = Annotated[
    str,
    Field(pattern=r"^\s*(txt|json|srt|vtt|tsv)(\s*,\s*(txt|json|srt|vtt|tsv))*\s*$"),
    Takes("any of txt, json, srt, vtt and tsv, with commas between them"),
]
Where = Annotated[
    str, Field(pattern=r"^(auto|local|aws|ssh://\S+)$"), Takes("auto, local, aws or ssh://user@host")
]
Region = Annotated[
    str, Field(pattern=r"^([a-z]{2}(-[a-z]+)+-\d+)?$"), Takes("a region's name such as eu-north-1")
]
Folder = Annotated[Path, AfterValidator(Path.expanduser), Takes("a folder")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), Takes("a number of seconds above 0")]

AnyText = Annotated[str, Takes("any text")]
Share = Annotated[float, Field(ge=0, le=1), Takes("a number from 0 to 1")]


class Settings(BaseSettings):
    """Read from GPU_TRANSCRIBER_* in the environment, then the TOML file, then these defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid")

    model: Model = Field(
        DEFAULT_MODEL, description="Model: a hub id or a folder; where none is set, the language picks one."
    )
    language: Language = Field(DEFAULT_LANGUAGE, description="Language spoken, or auto to detect it.")
    style: Literal["standard", "subtitle", "strict"] = Field(
        "standard",
        description="Style of writing, where the model has several: subtitle condenses, strict is verbatim.",
    )
    device: Device = Field("auto", description="auto, cpu, cuda or cuda:N.")
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto", description="Arithmetic of the model; auto chooses by the processor's features."
    )
    batch_size: Annotated[int, Takes("a whole number from 0 to 256")] = Field(
        0, ge=0, le=256, description="Windows decoded together; 0 measures the memory at hand."
    )
    beam: Annotated[int, Takes("a whole number from 1 to 10")] = Field(
        3,
        ge=1,
        le=10,
        description="Texts of each window followed at a time: more are slower and surer, 1 is greedy.",
    )
    threads: Annotated[int, Takes("a whole number, 0 or more")] = Field(
        0, ge=0, description="Processor threads for the model; 0 takes every core allowed to us."
    )
    prompt: AnyText = Field(
        "",
        description="Text that stands before every window as if it had been said: topic, spelling, manner.",
    )
    hotwords: AnyText = Field(
        "", description="Names and words that are likely to be said; they can also be invented."
    )
    previous_text: bool = Field(
        False, description="Give each window the text before it: steadier spelling, several times slower."
    )
    formats: Formats = Field(
        "txt,json", description="Files written for each recording: txt, json, srt, vtt, tsv."
    )
    words: bool = Field(
        False,
        description="Times of every word in json; they are there too where subtitles or marks need them.",
    )
    mark_unsure: bool = Field(
        False, description="Mark words that the model is unsure of in txt, srt and vtt: [so?]."
    )
    unsure_below: Share = Field(0.5, description="Confidence below which a word counts as unsure.")
    output: Folder = Field(Path("results"), description="Folder in which each run makes its own folder.")
    cache: Folder = Field(
        user_cache_path(APP), description="Folder for models and other things that can be made again."
    )
    where: Where = Field("auto", description="Where to transcribe: auto, local, aws or ssh://user@host.")
    region: Region = Field(
        "", description="AWS region; where none is set, AWS_REGION's, the profile's, or eu-north-1."
    )
    packer: AnyText = Field("packer", description="Packer: a name on the PATH, or a path.")
    hub_timeout: Seconds = Field(10.0, description="Seconds to wait for the model hub to answer.")
    decode_seconds: Seconds = Field(
        600.0, description="Processor seconds that decoding one recording may take."
    )
    decode_memory: Annotated[int, Takes("a whole number of MiB above 0")] = Field(
        2048, gt=0, description="Memory in MiB that decoding one recording may take."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="Least log level shown."
    )
    log_json: bool = Field(False, description="Write logs as JSON lines.")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("*", mode="before")
    @classmethod
    def _from_toml(cls, value: Any, info: ValidationInfo) -> Any:
        """What TOML can say and a variable cannot: a list of formats is fine, true is no number."""
        name = info.field_name or ""
        if isinstance(value, bool) and cls.model_fields[name].annotation is not bool:
            raise ValueError("neither true nor false")
        if name == "formats" and isinstance(value, list) and all(isinstance(part, str) for part in value):
            return ",".join(value)
        return value

    @model_validator(mode="after")
    def _pick_model(self) -> Settings:
        """Where nobody named a model, take the one that is made for the language."""
        if "model" not in self.model_fields_set:
            self.model = default_model(self.language)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,
        **more: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def settings_file() -> Path:
    """The TOML file to read: the one that GPU_TRANSCRIBER_SETTINGS names, else the one in the user's folder."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named).expanduser() if named else user_config_path(APP) / "settings.toml"


def load_settings(given: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the command line (`given`, where None means not said), environment, file and defaults.

    Raises UsageError naming each wrong knob, where its value came from and what it takes.
    """
    said = {name: value for name, value in (given or {}).items() if value is not None}
    path = settings_file()
    in_file = _read(path)
    in_environment = EnvSettingsSource(Settings)()
    origins = dict.fromkeys(in_file, f"file {path}")
    origins |= {name: f"environment {variable(name)}" for name in in_environment}
    origins |= dict.fromkeys(said, "command line")
    try:
        settings = Settings(**said)
    except ValidationError as error:
        wrong = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors())
        values = {**in_file, **in_environment, **said}
        raise UsageError(" ".join(_refusal(name, values[name], origins[name]) for name in wrong)) from None
    if settings.model != DEFAULT_MODEL:
        origins.setdefault("model", f"language {settings.language}")
    settings._origins = origins
    return settings


def _read(path: Path) -> dict[str, Any]:
    """The knobs in the file; only a file that nobody named may be missing."""
    if not path.exists() and not os.environ.get(FILE_VARIABLE):
        return {}
    whose = f"The settings file {path}" + (f" ({FILE_VARIABLE})" if os.environ.get(FILE_VARIABLE) else "")
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a pipe would keep us waiting
            raise UsageError(f"{whose} cannot be read: it is not a regular file.")
        path.read_bytes()  # the library takes a missing file for an empty one
        values = TomlConfigSettingsSource(Settings, path).toml_data
    except OSError as error:
        raise UsageError(f"{whose} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise UsageError(f"{whose} is not valid TOML: {error}.") from None
    for name in values:
        if name not in Settings.model_fields:
            near = nearest(name, Settings.model_fields)
            hint = f"did you mean {near}?" if near else f"it may set {', '.join(Settings.model_fields)}."
            raise UsageError(f"{whose} sets {name}, which is no setting; {hint}")
    return dict(values)


def _refusal(name: str, value: object, origin: str) -> str:
    source, _, detail = origin.partition(" ")
    places = {
        "environment": f"{detail} in the environment",
        "file": f"{name} in {detail}",
        "command": "--" + name.replace("_", "-"),
    }
    shown = "a secret that does not fit" if is_secret(name) else repr(value)
    return f"{places[source]} is {shown}, but it takes {takes(name)}."


def takes(name: str) -> str:
    """What a knob takes, in words."""
    field = Settings.model_fields[name]
    for part in field.metadata:
        if isinstance(part, Takes):
            return part.words
    choices = ["true", "false"] if field.annotation is bool else list(get_args(field.annotation))
    return " or ".join([", ".join(choices[:-1]), choices[-1]])


def is_secret(name: str) -> bool:
    """Whether a knob's value is never shown."""
    return "Secret" in str(Settings.model_fields[name].annotation)


def variable(name: str) -> str:
    """The knob's variable, as the person spelt it: names in the environment match in any case."""
    wanted = PREFIX + name.upper()
    return next((spelt for spelt in os.environ if spelt.upper() == wanted), wanted)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant; None if none is near."""
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=0.75)), None)
