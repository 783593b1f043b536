"""Every knob: one name, one type, one default, one line that says what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_config_path
from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

APP = "gpu-transcriber"
DEFAULT_MODEL = "KBLab/kb-whisper-small"


class Settings(BaseSettings):
    """Read from GPU_TRANSCRIBER_* in the environment, then the TOML file, then these defaults."""

    model_config = SettingsConfigDict(
        env_prefix="GPU_TRANSCRIBER_",
        toml_file=user_config_path(APP) / "settings.toml",
        extra="forbid",
    )

    model: str = Field(DEFAULT_MODEL, description="Model: a hub id or a folder.")
    language: str = Field("sv", description="Language spoken, or auto to detect it.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Arithmetic of the model; auto chooses by the processor's features."
    )
    batch_size: int = Field(0, ge=0, le=256, description="Windows decoded together; 0 measures the memory at hand.")
    threads: int = Field(0, ge=0, description="Processor threads for the model; 0 takes every core allowed to us.")
    formats: str = Field("txt,json", description="Files written for each recording: txt, json, srt, vtt, tsv.")
    output: Path = Field(Path("results"), description="Folder in which each run makes its own folder.")
    cache: Path = Field(user_cache_path(APP), description="Folder for models and other things that can be made again.")
    where: str = Field("auto", description="Where to transcribe: auto, local, aws or ssh://user@host.")
    hub_timeout: float = Field(10.0, gt=0, description="Seconds to wait for the model hub to answer.")
    decode_seconds: float = Field(600.0, gt=0, description="Processor seconds that decoding one recording may take.")
    decode_memory: int = Field(2048, gt=0, description="Memory in MiB that decoding one recording may take.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="Least log level shown.")
    log_json: bool = Field(False, description="Write logs as JSON lines.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
