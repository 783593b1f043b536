"""Ways of breaking the Python environment: other packages than the lock names, other bytes than were installed."""

from __future__ import annotations

from tests.sabotage.product import HOME, RECORD, told
from tests.sabotage.sabotage import Sabotage

SITE = f"{HOME}/venv/lib/python3.11/site-packages"

PYTHON = (
    Sabotage(
        "the record names another torch", ("python",), ("test_torch_is_the_one_of_the_versions_file",),
        told("it['torch'] = '2.6.0'"), keeps=(RECORD,),
    ),
    Sabotage(
        "another transformers was installed", ("python", "environment"),
        (
            "test_transformers_is_the_one_of_the_versions_file",
            "test_environment_holds_exactly_what_its_lock_names",
            "test_every_file_of_the_environment_has_the_bytes_that_were_installed",
        ),
        f"sed -i 's/^Version: .*/Version: 5.0.0/' {SITE}/transformers-*.dist-info/METADATA",
        keeps=(f"{SITE}/transformers-*.dist-info/METADATA",),
    ),
    Sabotage(
        "another build of the product was installed", ("python",),
        ("test_project_is_the_one_that_was_set_up", "test_program_says_its_version"),
        told("it['project'] = '9.9.9'"), keeps=(RECORD,),
    ),
    Sabotage(
        "the machine was set up from another lock", ("python",),
        ("test_environment_holds_exactly_what_its_lock_names",),
        told("it['lock_sha256'] = '0' * 64"), keeps=(RECORD,),
    ),
    Sabotage(
        "a package that no lock names was added", ("python",), ("test_environment_holds_exactly_what_its_lock_names",),
        f"mkdir {SITE}/left_pad-1.0.dist-info; cd {SITE}/left_pad-1.0.dist-info; "
        "printf 'Metadata-Version: 2.1\\nName: left-pad\\nVersion: 1.0\\n\\n' > METADATA; "
        "printf 'left_pad-1.0.dist-info/METADATA,,\\nleft_pad-1.0.dist-info/RECORD,,\\n' > RECORD",
        removes=(f"{SITE}/left_pad-1.0.dist-info",),
        also=("test_digest_of_the_environment_is_the_one_that_was_set_up",),
    ),
    Sabotage(
        "a package that is needed is gone", ("python",),
        (
            "test_everything_that_the_product_imports_can_be_imported",
            "test_no_package_lacks_another_or_a_version_of_it",
            "test_environment_holds_exactly_what_its_lock_names",
            "test_digest_of_the_environment_is_the_one_that_was_set_up",
        ),
        f"mkdir /opt/taken; mv {SITE}/safetensors {SITE}/safetensors-*.dist-info /opt/taken",
        mends=f"mv /opt/taken/* {SITE}; rmdir /opt/taken", also=("test_program_says_its_version",),
    ),
    Sabotage(
        "what a package recorded of itself was rewritten", ("python", "environment"),
        (
            "test_digest_of_the_environment_is_the_one_that_was_set_up",
            "test_every_file_of_the_environment_has_the_bytes_that_were_installed",
        ),
        f"echo 'numpy/stolen.py,,' >> $(ls -d {SITE}/numpy-*.dist-info)/RECORD",
        keeps=(f"{SITE}/numpy-*.dist-info/RECORD",),
    ),
    Sabotage(
        "one source of the product was changed", ("environment",),
        ("test_every_file_of_the_environment_has_the_bytes_that_were_installed",),
        f"echo '# nothing' >> {SITE}/runner/formats.py", keeps=(f"{SITE}/runner/formats.py",),
    ),
    Sabotage(
        "one source of the product is gone", ("environment",),
        ("test_every_file_of_the_environment_has_the_bytes_that_were_installed",),
        f"rm {SITE}/runner/subtitles.py", keeps=(f"{SITE}/runner/subtitles.py",), widely=True,
    ),
    Sabotage(
        "a file runs whenever Python starts", ("environment",),
        ("test_nothing_lies_in_the_environment_that_no_package_brought",),
        f"echo 'import os' > {SITE}/quiet.pth", removes=(f"{SITE}/quiet.pth",),
    ),
    Sabotage(
        "the product is a link to somebody's folder", ("environment",),
        (
            "test_no_package_comes_from_a_folder_or_a_repository",
            "test_nothing_lies_in_the_environment_that_no_package_brought",
        ),
        f"touch {SITE}/__editable___product_finder.py", removes=(f"{SITE}/__editable___product_finder.py",),
    ),
    Sabotage(
        "the environment takes the system's packages too", ("python",),
        ("test_python_looks_nowhere_but_in_its_own_environment",),
        f"sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' {HOME}/venv/pyvenv.cfg",
        keeps=(f"{HOME}/venv/pyvenv.cfg",),
    ),
    Sabotage(
        "the record names another Python", ("python",),
        ("test_python_is_the_systems_and_of_the_version_of_the_versions_file",),
        told("it['python'] = '3.9.1'"), keeps=(RECORD,),
    ),
)  # fmt: skip
