"""Ways of breaking what the product stands on: packages, units, the start, and traces of whoever built the machine."""

from __future__ import annotations

from tests.sabotage.product import HOME, RECORD, SCRIPTS, told
from tests.sabotage.sabotage import FORGET, Sabotage

PREREAD = "/etc/systemd/system/transcribe-preread.service"
API = "/etc/systemd/system/transcribe-api.service"
SHIPPER = "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.d/transcribe.json"
APT = "/etc/apt/apt.conf.d/zz-sabotage"
LIST = "/etc/apt/sources.list.d/zz.list"


def drop_in(unit: str, setting: str) -> tuple[str, str]:
    """Commands that overrule one setting of a unit, and that undo it."""
    folder = f"/etc/systemd/system/{unit}.d"
    breaks = f"mkdir {folder}; printf '[Service]\\n{setting}\\n' > {folder}/x.conf; systemctl daemon-reload"
    return breaks, f"rm -r {folder}; systemctl daemon-reload"


def overruled(
    name: str, setting: str, *reds: str, unit: str = "transcribe-api.service", also: tuple[str, ...] = ()
) -> Sabotage:
    """One setting of a unit of ours, overruled by a drop-in."""
    breaks, mends = drop_in(unit, setting)
    changed = f"test_unit_was_changed_by_nobody_afterwards[{unit}]"
    return Sabotage(name, ("service",), (changed, *reds), breaks, mends=mends, also=also)


PACKAGES = (
    Sabotage(
        "a package is held without a reason", ("packages",), ("test_nothing_is_held_that_should_not_be",),
        "apt-mark -qq hold bash", mends="apt-mark -qq unhold bash",
    ),
    Sabotage(
        "a package is half installed", ("packages",), ("test_every_package_is_wholly_installed",),
        "python3 -c \"p = '/var/lib/dpkg/status'; s = open(p).read(); i = s.index('Package: tzdata\\n');"
        " open(p, 'w').write(s[:i] + s[i:].replace('ok installed', 'ok half-configured', 1))\"",
        keeps=("/var/lib/dpkg/status",), also=("test_no_package_lacks_what_it_depends_on",),
    ),
    Sabotage(
        "a package that others need is gone", ("packages",), ("test_no_package_lacks_what_it_depends_on",),
        "python3 -c \"p = '/var/lib/dpkg/status'; s = open(p).read(); i = s.index('Package: libssl3\\n');"
        " j = s.index('\\n\\n', i); open(p, 'w').write(s[:i] + s[j + 2:])\"",
        keeps=("/var/lib/dpkg/status",), also=("test_every_package_is_wholly_installed",),
    ),
    Sabotage(
        "a program that guards the machine was replaced", ("packages",),
        ("test_programs_that_guard_the_machine_are_as_their_packages_brought_them",),
        "printf x >> /usr/bin/passwd", keeps=("/usr/bin/passwd",),
    ),
    Sabotage(
        "packages are taken unsigned", ("packages",), ("test_every_source_of_packages_is_signed",),
        f"echo 'deb [trusted=yes] http://deb.debian.org/debian-security bookworm-debug main' > {LIST}", removes=(LIST,),
    ),
    Sabotage(
        "apt takes what nobody signed", ("packages",), ("test_every_source_of_packages_is_signed",),
        f"echo 'APT::Get::AllowUnauthenticated \"true\";' > {APT}", removes=(APT,),
    ),
    Sabotage(
        "packages come from a stranger", ("packages",), ("test_packages_come_only_from_the_distribution_and_nvidia",),
        f"echo 'deb http://packages.example.org/debian bookworm main' > {LIST}", removes=(LIST,),
    ),
    Sabotage(
        "everybody may write a key that vouches for packages", ("packages",),
        ("test_keys_that_vouch_for_packages_are_roots",),
        "chmod 666 $(ls /etc/apt/trusted.gpg.d/* | head -1)", mends="chmod 644 /etc/apt/trusted.gpg.d/*",
    ),
    Sabotage(
        "packages are changed at night", ("packages",),
        ("test_timer_that_changes_packages_at_night_is_masked[apt-daily-upgrade.timer]",),
        "systemctl -q unmask apt-daily-upgrade.timer", mends="systemctl -q mask apt-daily-upgrade.timer",
    ),
    Sabotage(
        "upgrades install themselves", ("packages",), ("test_unattended_upgrades_are_off",),
        f"echo 'APT::Periodic::Unattended-Upgrade \"1\";' > {APT}", removes=(APT,),
    ),
    Sabotage(
        "apt asks the builder's proxy", ("packages", "hygiene"), ("test_apt_asks_nobody_for_a_proxy",),
        f"echo 'Acquire::http::Proxy \"http://10.0.0.1:3128\";' > {APT}", removes=(APT,),
    ),
)  # fmt: skip

SERVICE = (
    Sabotage(
        "the user of the service can log in", ("service",), ("test_user_of_the_service_cannot_log_in",),
        "usermod -s /bin/bash transcribe", mends="usermod -s /usr/sbin/nologin transcribe",
    ),
    Sabotage(
        "the user of the service has a password", ("service",), ("test_user_of_the_service_cannot_log_in",),
        "usermod -p '$6$salt$hash' transcribe", mends="usermod -p '!' transcribe",
    ),
    Sabotage(
        "the user of the service is an administrator", ("service",),
        ("test_user_of_the_service_has_no_rights_of_an_administrator",),
        "gpasswd -a transcribe sudo > /dev/null", mends="gpasswd -d transcribe sudo > /dev/null",
    ),
    overruled(
        "the server runs as root", "User=root",
        "test_unit_that_hears_strangers_recordings_runs_without_rights[transcribe-api.service]",
        also=("test_unit_is_fenced_in[transcribe-api.service]",),
    ),
    overruled(
        "the server may gain rights", "NoNewPrivileges=no",
        "test_unit_that_hears_strangers_recordings_runs_without_rights[transcribe-api.service]",
    ),
    overruled(
        "the batch may write where it likes", "ProtectSystem=no",
        "test_unit_that_hears_strangers_recordings_runs_without_rights[transcribe-batch@.service]",
        unit="transcribe-batch@.service",
    ),
    overruled(
        "the server is not fenced in",
        "CapabilityBoundingSet=~\\nPrivateUsers=no\\nSystemCallFilter=\\nIPAddressDeny=\\n"
        "RestrictAddressFamilies=\\nRestrictNamespaces=no\\nProtectProc=default\\nPrivateDevices=no",
        "test_unit_is_fenced_in[transcribe-api.service]",
        "test_unit_that_hears_strangers_recordings_runs_without_rights[transcribe-api.service]",
    ),
    overruled("the server stays down after a crash", "Restart=no", "test_server_comes_back_after_a_crash"),
    overruled(
        "the batch stays down after a crash", "Restart=no", "test_batch_goes_on_after_a_crash",
        unit="transcribe-batch@.service",
    ),
    Sabotage(
        "who lets people in stays down after a crash", ("service",), ("test_what_is_killed_is_started_again",),
        drop_in("ssh.service", "Restart=no")[0], mends=drop_in("ssh.service", "Restart=no")[1],
    ),
    Sabotage(
        "a person may write a unit", ("service",),
        ("test_unit_is_roots_and_systemd_understands_it[transcribe-api.service]",),
        f"chown ubuntu {API}", mends=f"chown root {API}",
    ),
    Sabotage(
        "a unit was edited and not read again", ("service",),
        ("test_unit_was_changed_by_nobody_afterwards[transcribe-preread.service]",),
        f"touch -d tomorrow {PREREAD}", keeps=(PREREAD,), mends="systemctl daemon-reload",
    ),
    Sabotage(
        "a unit has a setting that systemd does not know", ("service",),
        ("test_unit_is_roots_and_systemd_understands_it[transcribe-api.service]",),
        f"echo 'Restarts=always' >> {API}; systemctl daemon-reload", keeps=(API,), mends="systemctl daemon-reload",
        also=("test_server_comes_back_after_a_crash",),
    ),
    Sabotage(
        "reading ahead is disabled", ("service",), ("test_reading_ahead_is_enabled_and_early",),
        "systemctl -q disable transcribe-preread", mends="systemctl -q enable transcribe-preread",
    ),
    Sabotage(
        "reading ahead failed at the start", ("service",), ("test_reading_ahead_went_well_at_the_start",),
        f"mv {HOME}/cache/preread.list {HOME}/cache/away; systemctl restart transcribe-preread",
        mends=f"mv {HOME}/cache/away {HOME}/cache/preread.list; systemctl restart transcribe-preread",
    ),
    Sabotage(
        "a server is enabled that is not there", ("service",), ("test_server_starts_only_where_there_is_one",),
        "systemctl -q enable transcribe-api", mends="systemctl -q disable transcribe-api",
    ),
    Sabotage(
        "a unit carries a secret", ("service",), ("test_units_carry_no_secrets",),
        f"echo 'HUB_TOKEN=abc' >> {SCRIPTS}/environment", keeps=(f"{SCRIPTS}/environment",),
    ),
    Sabotage(
        "the product may fetch models", ("service",), ("test_product_is_told_to_stay_off_the_network",),
        f"sed -i s/HF_HUB_OFFLINE=1/HF_HUB_OFFLINE=0/ {SCRIPTS}/environment", keeps=(f"{SCRIPTS}/environment",),
    ),
    Sabotage(
        "a log goes nowhere", ("service",), ("test_every_log_has_its_group",),
        f"sed -i 's|/transcription/batch|/other|' {SHIPPER}", keeps=(SHIPPER,),
    ),
    Sabotage(
        "the journal is lost at each start", ("service",), ("test_journal_is_kept_over_a_start_and_bounded",),
        "printf '[Journal]\\nStorage=volatile\\n' > /etc/systemd/journald.conf.d/zz.conf",
        removes=("/etc/systemd/journald.conf.d/zz.conf",),
    ),
    Sabotage(
        "everybody may read what was said", ("service",),
        ("test_folders_for_recordings_are_the_services_and_closed_to_others",),
        "chmod 2775 /var/lib/transcribe/results", mends="chmod 2770 /var/lib/transcribe/results",
    ),
)  # fmt: skip

BOOT = (
    Sabotage(
        "a unit has failed", ("boot",), ("test_system_runs_and_no_unit_has_failed",),
        "systemd-run -q --unit=broken false; sleep 0.2", mends="systemctl reset-failed",
        also=("test_journal_has_no_error_since_the_start",),
    ),
    Sabotage(
        "the time service is off", ("boot",), ("test_time_service_is_enabled_and_the_only_one",),
        "systemctl -q disable chrony", mends="systemctl -q enable chrony",
    ),
    Sabotage(
        "the clock is another country's", ("boot",), ("test_clock_is_in_utc",),
        "ln -sf /usr/share/zoneinfo/Europe/Stockholm /etc/localtime",
        mends="ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime",
    ),
    Sabotage(
        "the machine waits for a restart", ("boot",), ("test_nothing_waits_for_a_restart",),
        "touch /run/reboot-required", removes=("/run/reboot-required",),
    ),
    Sabotage(
        "nobody can log in after the next start", ("boot",), ("test_ssh_is_there_after_a_start",),
        "systemctl -q disable ssh.service", mends="systemctl -q enable ssh.service",
    ),
    Sabotage(
        "the machine has not been restarted since it was set up", ("boot",),
        ("test_machine_has_been_restarted_since_it_was_set_up",),
        told("it['built_at'] = '2199-01-01T00:00:00Z'"), keeps=(RECORD,),
    ),
    # An entry of the journal can only be forgotten together with all before it.
    Sabotage(
        "a program crashed", ("boot",), ("test_journal_has_no_error_since_the_start",),
        "logger -p daemon.crit 'everything is lost'; journalctl --sync",
        mends=FORGET,
    ),
)  # fmt: skip

TRACES = (
    Sabotage(
        "a private key was left behind", ("hygiene",), ("test_no_file_holds_a_private_key_or_a_token",),
        "printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\\nabc\\n' > /root/key.pem", removes=("/root/key.pem",),
    ),
    Sabotage(
        "credentials of the cloud were left behind", ("hygiene",),
        ("test_no_file_holds_a_private_key_or_a_token", "test_no_file_is_there_that_programs_keep_secrets_in"),
        "mkdir -p /home/ubuntu/.aws; "
        "printf 'aws_access_key_id = AKIA%s\\n' ABCDEFGHIJKLMNOP > /home/ubuntu/.aws/credentials",
        removes=("/home/ubuntu/.aws",),
    ),
    Sabotage(
        "a token of the hub was left behind", ("hygiene",), ("test_no_file_holds_a_private_key_or_a_token",),
        "printf 'hf_%s' $(printf 'a%.0s' $(seq 34)) > /opt/notes", removes=("/opt/notes",),
    ),
    Sabotage(
        "a password stands in an address", ("hygiene",), ("test_no_file_holds_a_private_key_or_a_token",),
        "echo 'index-url = https://me:secret123@packages.example.org/simple' > /etc/pip.conf",
        removes=("/etc/pip.conf",),
    ),
    Sabotage(
        "a file of log-ins was left behind", ("hygiene",), ("test_no_file_is_there_that_programs_keep_secrets_in",),
        "echo 'machine a login b' > /root/.netrc", removes=("/root/.netrc",),
    ),
    Sabotage(
        "a secret is in everybody's environment", ("hygiene",), ("test_no_unit_or_shell_is_handed_a_secret",),
        "echo 'HUB_TOKEN=abc' >> /etc/profile.d/zz.sh", removes=("/etc/profile.d/zz.sh",),
    ),
    Sabotage(
        "the builder's proxy is in everybody's environment", ("hygiene",), ("test_builder_left_no_proxy",),
        "echo 'https_proxy=http://10.0.0.1:3128' >> /etc/profile.d/zz.sh", removes=("/etc/profile.d/zz.sh",),
    ),
    Sabotage(
        "an address of the builder's network has a name", ("hygiene",),
        ("test_no_address_is_written_into_the_table_of_hosts",),
        "cp /etc/hosts /run/hosts; echo '10.1.2.3 packages.internal' >> /etc/hosts",
        mends="cat /run/hosts > /etc/hosts; rm /run/hosts",
    ),
)  # fmt: skip

HEARING = (
    Sabotage(
        "what answers is not the product", ("performance",),
        ("test_clip_is_transcribed_without_a_network_and_with_the_right_words",),
        f"printf '#!/bin/sh\\necho något annat\\n' > {SCRIPTS}/transcribe",
        keeps=(f"{SCRIPTS}/transcribe",), widely=True,
    ),
)  # fmt: skip
