"""Ways of breaking what is ours: the layout, the model, what was warmed up."""

from __future__ import annotations

from tests.sabotage.sabotage import Sabotage

HOME = "/opt/transcribe"
RECORD = f"{HOME}/.setup_complete"
MODEL = "$(dirname $(find /opt/transcribe/models -name model.safetensors))"
MODELS = f"{HOME}/models"
SCRIPTS = f"{HOME}/scripts"
WARM = f"{HOME}/cache/warm.json"
LIST = f"{HOME}/cache/preread.list"
FLIP = (
    f"cd {MODEL}; touch -r model.safetensors /run/as-it-was; "
    "python3 -c \"file = open('model.safetensors', 'r+b'); file.seek(-1000, 2); byte = file.read(1)[0];"
    ' file.seek(-1000, 2); file.write(bytes([byte ^ 1]))"; '
    "touch -r /run/as-it-was model.safetensors"
)


def told(change: str, file: str = RECORD) -> str:
    """Change a file of JSON; `change` is a statement of Python about `it`."""
    return f"python3 -c \"import json; it = json.load(open('{file}')); {change}; json.dump(it, open('{file}', 'w'))\""


LAYOUT = (
    Sabotage(
        "the record of the set-up is gone", ("layout",), ("test_machine_was_set_up_to_its_end_and_says_so",),
        f"rm {RECORD}", keeps=(RECORD,), widely=True,
    ),
    Sabotage(
        "the record of the set-up was cut off", ("layout",), ("test_machine_was_set_up_to_its_end_and_says_so",),
        f"truncate -s 100 {RECORD}", keeps=(RECORD,), widely=True,
    ),
    Sabotage(
        "the record does not say which lock it was", ("layout",),
        ("test_setup_record_says_everything_and_in_the_right_kind",),
        told("del it['lock_sha256']"), keeps=(RECORD,),
    ),
    Sabotage(
        "the record can be written by everybody", ("layout",),
        (
            "test_setup_record_is_roots_and_nobody_else_may_write_it",
            "test_nobody_but_root_can_write_to_programs_model_and_scripts",
            "test_nothing_in_the_products_folder_can_be_written_by_everybody",
        ),
        f"chmod 666 {RECORD}", keeps=(RECORD,),
    ),
    Sabotage(
        "a script was changed after the set-up", ("layout",), ("test_setup_record_was_written_last",),
        f"touch {SCRIPTS}/transcribe", keeps=(f"{SCRIPTS}/transcribe",),
    ),
    Sabotage(
        "the system was replaced by another release", ("layout",),
        ("test_machine_runs_the_system_that_it_was_set_up_on",),
        "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"13\"/' /usr/lib/os-release", keeps=("/usr/lib/os-release",),
    ),
    Sabotage(
        "the models lie elsewhere, behind a link", ("layout",), ("test_folder_stands_where_it_was_specified[models]",),
        f"mv {MODELS} /opt/elsewhere; ln -s /opt/elsewhere {MODELS}",
        mends=f"rm {MODELS}; mv /opt/elsewhere {MODELS}", widely=True,
    ),
    Sabotage(
        "somebody's file lies in the product's folder", ("layout",),
        ("test_nothing_else_stands_in_the_products_folder",),
        f"touch -d 2020-01-01 {HOME}/notes.txt", removes=(f"{HOME}/notes.txt",),
    ),
    Sabotage(
        "a script belongs to a person", ("layout",),
        ("test_everything_in_the_products_folder_is_roots_but_compiled_kernels",),
        f"chown ubuntu {SCRIPTS}/environment", mends=f"chown root {SCRIPTS}/environment",
    ),
    Sabotage(
        "the group may write to the one entry", ("layout",),
        ("test_nobody_but_root_can_write_to_programs_model_and_scripts", "test_the_one_entry_can_be_run"),
        f"chmod 775 {SCRIPTS}/transcribe", mends=f"chmod 755 {SCRIPTS}/transcribe",
    ),
    Sabotage(
        "everybody may write to the cache", ("layout",),
        (
            "test_nothing_in_the_products_folder_can_be_written_by_everybody",
            "test_folder_stands_where_it_was_specified[cache]",
        ),
        f"chmod 777 {HOME}/cache", mends=f"chmod 755 {HOME}/cache",
    ),
    Sabotage(
        "a link leads nowhere", ("layout",), ("test_no_link_in_the_products_folder_leads_nowhere",),
        f"ln -s /nowhere {HOME}/cache/lost", removes=(f"{HOME}/cache/lost",),
        also=("test_links_leave_the_products_folder_only_for_the_systems_python",),
    ),
    Sabotage(
        "a link leads out of the product's folder", ("layout",),
        ("test_links_leave_the_products_folder_only_for_the_systems_python",),
        f"ln -s /etc/passwd {HOME}/cache/people", removes=(f"{HOME}/cache/people",),
    ),
    Sabotage(
        "the one entry is gone", ("layout",), ("test_the_one_entry_can_be_run",),
        f"rm {SCRIPTS}/transcribe", keeps=(f"{SCRIPTS}/transcribe",),
    ),
)  # fmt: skip

MODEL_BROKEN = (
    Sabotage(
        "one bit of the model is another", ("model",), ("test_every_byte_of_the_model_is_the_one_that_was_set_up",),
        FLIP, mends=FLIP,
    ),
    Sabotage(
        "the model was cut off", ("model",),
        ("test_every_byte_of_the_model_is_the_one_that_was_set_up", "test_weights_are_whole"),
        f"cd {MODEL}; cp -a model.safetensors /opt/whole; truncate -s -4096 model.safetensors",
        mends=f"mv /opt/whole {MODEL}/model.safetensors", also=("test_program_finds_the_model_without_a_network",),
    ),
    Sabotage(
        "a file that runs code when loaded lies beside the model", ("model",),
        (
            "test_model_holds_no_file_that_could_run_code_when_loaded", "test_folder_of_the_model_holds_nothing_else",
        ),
        f"install -m 444 /dev/null {MODEL}/pytorch_model.bin", mends=f"rm {MODEL}/pytorch_model.bin",
    ),
    Sabotage(
        "the model can be written to", ("model",), ("test_model_can_be_read_by_the_service_and_written_by_nobody",),
        f"chmod 644 {MODEL}/model.safetensors", mends=f"chmod 444 {MODEL}/model.safetensors",
    ),
    Sabotage(
        "the service cannot read the model", ("model",),
        ("test_model_can_be_read_by_the_service_and_written_by_nobody",),
        f"chmod 400 {MODEL}/model.safetensors", mends=f"chmod 444 {MODEL}/model.safetensors",
    ),
    Sabotage(
        "the model's settings are of another kind", ("model",),
        (
            "test_models_settings_are_those_of_multilingual_whisper",
            "test_every_byte_of_the_model_is_the_one_that_was_set_up",
        ),
        f"cd {MODEL}; sed -i 's/\"model_type\": *\"whisper\"/\"model_type\": \"gpt2\"/' config.json",
        keeps=("/opt/transcribe/models/*/*/config.json",),
        also=("test_program_finds_the_model_without_a_network",),
    ),
    Sabotage(
        "half a download lies among the models", ("model",), ("test_there_is_one_model_and_no_rest_of_a_download",),
        f"touch {MODELS}/model.safetensors.part", removes=(f"{MODELS}/model.safetensors.part",),
        also=("test_model_can_be_read_by_the_service_and_written_by_nobody",),
    ),
    Sabotage(
        "the record names another revision of the model", ("model",), ("test_model_is_the_one_of_the_versions_file",),
        told("it['model']['revision'] = 'main'"), keeps=(RECORD,),
    ),
    Sabotage(
        "the record names another model", ("model",), ("test_model_is_the_one_of_the_versions_file",),
        told("it['model']['id'] = 'openai/whisper-tiny'"), keeps=(RECORD,),
        also=("test_program_finds_the_model_without_a_network",),
    ),
    Sabotage(
        "a demonstration is about to go into service on a GPU", ("model",),
        ("test_demonstration_model_is_on_no_machine_with_a_gpu_that_goes_into_service",),
        told("it['gpu'] = True"), keeps=(RECORD,),
    ),
)  # fmt: skip

WARM_UP = (
    Sabotage(
        "the warm-up heard something else", ("warmup",), ("test_warm_up_understood_the_clip",),
        told("it['accuracy'] = 0.2", WARM), keeps=(WARM,),
    ),
    Sabotage(
        "another model was warmed up", ("warmup",), ("test_warm_up_used_this_model_and_this_program",),
        told("it['identity']['revision'] = 'other'", WARM), keeps=(WARM,),
    ),
    Sabotage(
        "no cold start was measured", ("warmup",), ("test_warm_up_recorded_a_cold_and_a_warm_start",),
        told("it['cold']['load_s'] = 0", WARM), keeps=(WARM,),
    ),
    Sabotage(
        "kernels of another card lie in the cache", ("warmup",),
        ("test_there_is_one_cache_of_kernels_and_it_is_this_machines",),
        f"mkdir {HOME}/cache/kernels/tesla-v100-470", removes=(f"{HOME}/cache/kernels/tesla-v100-470",),
    ),
    Sabotage(
        "the service cannot write to the cache of kernels", ("warmup",),
        ("test_service_can_write_to_the_cache_of_kernels_and_to_nothing_else_of_the_product",),
        f"chown root:root {HOME}/cache/kernels/cpu/cuda",
        mends=f"chown transcribe:transcribe {HOME}/cache/kernels/cpu/cuda",
        also=("test_compilers_find_the_folders_of_their_caches",),
    ),
    Sabotage(
        "the service can write to its own scripts", ("warmup",),
        ("test_service_can_write_to_the_cache_of_kernels_and_to_nothing_else_of_the_product",),
        f"chown transcribe {SCRIPTS}", mends=f"chown root {SCRIPTS}",
    ),
    Sabotage(
        "what is read first names a file that is gone", ("warmup",),
        ("test_list_of_what_to_read_first_names_files_that_are_here",),
        f"printf '0\\t4096\\t/usr/lib/gone.so\\n' >> {LIST}", keeps=(LIST,),
    ),
    Sabotage(
        "what is read first does not begin with the model", ("warmup",),
        ("test_list_of_what_to_read_first_begins_with_the_model_and_covers_it",),
        f"sed -i '1i 0\\t4096\\t/usr/bin/env' {LIST}", keeps=(LIST,),
    ),
    Sabotage(
        "the list of what is read first is empty", ("warmup",),
        (
            "test_list_of_what_to_read_first_begins_with_the_model_and_covers_it",
            "test_list_of_what_to_read_first_names_torchs_libraries",
        ),
        f"truncate -s 0 {LIST}", keeps=(LIST,),
    ),
    Sabotage(
        "what is read first lies behind the end of its file", ("warmup",),
        ("test_list_of_what_to_read_first_names_files_that_are_here",),
        f"printf '900000000000\\t4096\\t/usr/bin/env\\n' >> {LIST}", keeps=(LIST,),
    ),
)  # fmt: skip
