"""Ways of opening a machine to those who should not come in: SSH, accounts, the network, what an intruder leaves."""

from __future__ import annotations

from tests.sabotage.sabotage import FORGET, Sabotage

FIRST = "/etc/ssh/sshd_config.d/00-first.conf"  # the first that is said holds
NFT = "nft"
RELOAD = "systemctl reload ssh"
FIREWALL = "systemctl restart transcribe-firewall"


def sshd(line: str, check: str, name: str, *, also: tuple[str, ...] = ()) -> Sabotage:
    """One setting of sshd, said before ours."""
    return Sabotage(name, ("ssh",), (check,), f"echo '{line}' > {FIRST}", removes=(FIRST,), also=also)


SSH = (
    sshd("PasswordAuthentication yes", "test_sshd_has_in_effect[passwordauthentication]", "passwords open the machine"),
    sshd(
        "KbdInteractiveAuthentication yes", "test_sshd_has_in_effect[kbdinteractiveauthentication]",
        "questions and answers open the machine",
    ),
    sshd("PermitEmptyPasswords yes", "test_sshd_has_in_effect[permitemptypasswords]", "no password opens the machine"),
    sshd("PermitRootLogin yes", "test_root_cannot_log_in", "root may log in"),
    sshd("X11Forwarding yes", "test_sshd_has_in_effect[x11forwarding]", "windows are forwarded"),
    sshd("AllowAgentForwarding yes", "test_sshd_has_in_effect[allowagentforwarding]", "agents are forwarded"),
    sshd(
        "PermitUserEnvironment yes", "test_sshd_has_in_effect[permituserenvironment]",
        "who logs in sets what is loaded",
    ),
    sshd("StrictModes no", "test_sshd_has_in_effect[strictmodes]", "keys that others may write are taken"),
    sshd("Ciphers aes128-cbc,aes256-ctr", "test_sshd_offers_nothing_weak[ciphers]", "a weak cipher is offered"),
    sshd("MACs hmac-sha1", "test_sshd_offers_nothing_weak[macs]", "a weak sum of messages is offered"),
    sshd(
        "KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256", "test_sshd_offers_nothing_weak[kexalgorithms]",
        "a weak exchange of keys is offered",
    ),
    sshd(
        "HostKeyAlgorithms ecdsa-sha2-nistp256,ssh-ed25519", "test_sshd_offers_nothing_weak[hostkeyalgorithms]",
        "a signature that nobody chose is offered",
    ),
    sshd("MaxAuthTries 20", "test_sshd_gives_up_soon_on_who_has_no_key", "a stranger may try twenty times"),
    sshd("LoginGraceTime 0", "test_sshd_gives_up_soon_on_who_has_no_key", "a stranger may wait for ever"),
    sshd(
        "AuthorizedKeysFile /etc/ssh/everybody", "test_sshd_reads_keys_only_from_a_users_own_folder",
        "one file of keys opens every account",
    ),
    sshd("AcceptEnv LD_PRELOAD", "test_sshd_lets_nobody_bring_a_library_to_load", "who logs in brings a library"),
    Sabotage(
        "sshd does not understand its settings", ("ssh",), ("test_sshds_configuration_is_sound",),
        f"echo 'Nonsense yes' > {FIRST}", removes=(FIRST,), widely=True,
    ),
    Sabotage(
        "passwords open the machine to one network", ("ssh",), ("test_sshd_has_in_effect[passwordauthentication]",),
        f"printf 'Match Address 10.0.0.0/8\\n  PasswordAuthentication yes\\n' > {FIRST}", removes=(FIRST,),
    ),
    Sabotage(
        "sshd runs with other settings than it has", ("ssh",),
        ("test_sshd_that_runs_offers_a_stranger_a_key_and_nothing_else",),
        f"printf 'PasswordAuthentication yes\\nAuthenticationMethods any\\n' > {FIRST}; "
        f"{RELOAD}; sleep 0.3; rm {FIRST}",
        removes=(FIRST,), mends=f"{RELOAD}; sleep 0.3",
    ),
    Sabotage(
        "everybody may read the host's key", ("ssh",), ("test_files_of_sshd_are_roots",),
        "chmod 644 /etc/ssh/ssh_host_ed25519_key", mends="chmod 600 /etc/ssh/ssh_host_ed25519_key", widely=True,
    ),
    Sabotage(
        "a person may write sshd's settings", ("ssh",), ("test_files_of_sshd_are_roots",),
        "chown ubuntu /etc/ssh/sshd_config.d", mends="chown root /etc/ssh/sshd_config.d",
    ),
    Sabotage(
        "the machine has a key of an outdated kind", ("ssh",), ("test_host_keys_are_modern",),
        "install -m 600 /dev/null /etc/ssh/ssh_host_dsa_key", removes=("/etc/ssh/ssh_host_dsa_key",),
    ),
)  # fmt: skip

ACCOUNTS = (
    Sabotage(
        "an account has a password", ("accounts",), ("test_no_account_has_a_password",),
        "usermod -p '$6$salt$hash' games", mends="usermod -p '*' games",
    ),
    Sabotage(
        "a second account is root", ("accounts",), ("test_only_root_is_root",),
        "echo 'toor:x:0:0::/root:/usr/sbin/nologin' >> /etc/passwd", mends="sed -i '/^toor:/d' /etc/passwd",
    ),
    Sabotage(
        "an account of the system has a shell", ("accounts",), ("test_no_account_of_the_system_has_a_shell",),
        "usermod -s /bin/bash games", mends="usermod -s /usr/sbin/nologin games",
    ),
    Sabotage(
        "somebody else has an account", ("accounts",), ("test_there_is_one_person_and_it_is_the_administrator",),
        "useradd -M eve", mends="userdel eve",
    ),
    Sabotage(
        "everybody may read the hashes of passwords", ("accounts",), ("test_files_of_accounts_are_closed",),
        "chmod 644 /etc/shadow", mends="chmod 640 /etc/shadow",
    ),
    Sabotage(
        "everybody may write the list of accounts", ("accounts", "security"),
        ("test_files_of_accounts_are_closed", "test_no_file_can_be_written_by_everybody"),
        "chmod 666 /etc/passwd", mends="chmod 644 /etc/passwd",
    ),
    Sabotage(
        "the service may become root", ("accounts", "service"),
        (
            "test_only_the_administrator_may_become_root_without_a_password",
            "test_user_of_the_service_has_no_rights_of_an_administrator",
        ),
        "install -m 440 /dev/stdin /etc/sudoers.d/transcribe <<'END'\ntranscribe ALL=(ALL) NOPASSWD: ALL\nEND\n:",
        removes=("/etc/sudoers.d/transcribe",),
    ),
    Sabotage(
        "a person may write the rules of sudo", ("accounts",), ("test_rules_of_sudo_are_sound_and_roots",),
        "install -m 440 -o ubuntu /dev/null /etc/sudoers.d/loose", removes=("/etc/sudoers.d/loose",),
        mends=FORGET, widely=True,  # sudo itself complains, at every command
    ),
)  # fmt: skip

NETWORK = (
    Sabotage(
        "something listens that nobody knows", ("network",), ("test_nothing_listens_that_should_not",),
        "systemd-run -q --unit=stranger python3 -m http.server --bind 0.0.0.0 4444; "
        "for _ in $(seq 50); do ss -Hltn | grep -q :4444 && break; sleep 0.1; done",
        mends="systemctl stop stranger",
    ),
    Sabotage(
        "something listens on loopback that nobody knows", ("network",),
        ("test_nothing_listens_on_loopback_that_should_not",),
        "systemd-run -q --unit=stranger python3 -m http.server --bind 127.0.0.1 4444; "
        "for _ in $(seq 50); do ss -Hltn | grep -q :4444 && break; sleep 0.1; done",
        mends="systemctl stop stranger",
    ),
    Sabotage(
        "the firewall lost its rules", ("network",), ("test_firewall_lets_in_nothing_that_it_was_not_told",),
        "nft flush ruleset", mends=FIREWALL, widely=True,
    ),
    Sabotage(
        "the firewall opens a port that nobody named", ("network",),
        ("test_firewall_lets_in_nothing_that_it_was_not_told",),
        "nft add rule inet transcribe input tcp dport 4444 accept", mends=FIREWALL,
    ),
    Sabotage(
        "the firewall opens a range of ports", ("network",), ("test_firewall_lets_in_nothing_that_it_was_not_told",),
        "nft add rule inet transcribe input tcp dport 8000-8100 accept", mends=FIREWALL,
    ),
    Sabotage(
        "the firewall lets everything in", ("network",), ("test_firewall_lets_in_nothing_that_it_was_not_told",),
        "nft insert rule inet transcribe input accept", mends=FIREWALL,
    ),
    Sabotage(
        "the firewall lets in what no rule names", ("network",),
        ("test_firewall_lets_in_nothing_that_it_was_not_told",),
        "nft add chain inet transcribe input '{ policy accept; }'", mends=FIREWALL,
    ),
    Sabotage(
        "the firewall does not start with the machine", ("network",), ("test_firewall_is_there_after_a_start",),
        "systemctl -q disable transcribe-firewall", mends="systemctl -q enable transcribe-firewall",
    ),
    Sabotage(
        "who hears recordings may ask for the machine's credentials", ("network",),
        ("test_who_hears_recordings_cannot_ask_for_the_machines_credentials",),
        "nft flush chain inet transcribe output", mends=FIREWALL,
    ),
    Sabotage(
        "the machine believes redirections", ("network",),
        ("test_network_setting_is_in_effect[net.ipv4.conf.all.accept_redirects]",),
        "sysctl -qw net.ipv4.conf.all.accept_redirects=1", mends="sysctl -qw net.ipv4.conf.all.accept_redirects=0",
    ),
    Sabotage(
        "the kernel's settings are gone after the next start", ("network",),
        ("test_kernel_settings_will_be_in_effect_after_a_start",),
        "rm /etc/sysctl.d/99-transcribe.conf", keeps=("/etc/sysctl.d/99-transcribe.conf",),
    ),
    Sabotage(
        "a later file overrules the kernel's settings", ("network",),
        ("test_kernel_settings_will_be_in_effect_after_a_start",),
        "echo 'kernel.kptr_restrict = 0' > /etc/sysctl.d/99-zz.conf", removes=("/etc/sysctl.d/99-zz.conf",),
    ),
)  # fmt: skip

INTRUDER = (
    Sabotage(
        "a program runs as root for everybody", ("security",), ("test_only_known_programs_run_with_anothers_rights",),
        "chmod u+s /usr/bin/find", mends="chmod u-s /usr/bin/find",
    ),
    Sabotage(
        "a program may do what root may", ("security",), ("test_only_known_programs_have_capabilities",),
        # cap_setuid+ep, as setcap writes it
        "python3 -c \"import os, struct; os.setxattr('/usr/bin/find', 'security.capability',"
        " struct.pack('<5I', 0x02000001, 1 << 7, 0, 0, 0))\"",
        mends="python3 -c \"import os; os.removexattr('/usr/bin/find', 'security.capability')\"",
    ),
    Sabotage(
        "a file of the system can be written by everybody", ("security",),
        ("test_no_file_can_be_written_by_everybody",),
        "chmod 666 /etc/hostname", mends="chmod 644 /etc/hostname",
    ),
    Sabotage(
        "a folder can be written by everybody", ("security",),
        ("test_no_folder_can_be_written_by_everybody_unless_each_keeps_his_own",),
        "install -d -m 777 /srv/share", removes=("/srv/share",),
    ),
    Sabotage(
        "a file belongs to nobody who is known", ("security",), ("test_every_file_belongs_to_somebody",),
        "touch /srv/orphan; chown 4242:4242 /srv/orphan", removes=("/srv/orphan",),
    ),
    Sabotage(
        "a program stands before the system's own", ("security",),
        ("test_folders_that_programs_are_looked_for_in_are_roots",),
        "install -m 755 /dev/null /usr/local/bin/nothing", removes=("/usr/local/bin/nothing",),
    ),
    Sabotage(
        "a program lies among the system's own that no package brought", ("security",),
        ("test_every_program_and_unit_of_the_system_came_with_a_package",),
        "install -m 755 /dev/null /usr/sbin/helper", removes=("/usr/sbin/helper",),
    ),
    Sabotage(
        "a unit lies among the system's own that no package brought", ("security",),
        ("test_every_program_and_unit_of_the_system_came_with_a_package",),
        "printf '[Service]\\nExecStart=/bin/true\\n' > /usr/lib/systemd/system/call-home.service",
        removes=("/usr/lib/systemd/system/call-home.service",),
    ),
    Sabotage(
        "a library is loaded into every program", ("security",), ("test_no_library_is_loaded_into_every_program",),
        "echo /lib/x86_64-linux-gnu/libm.so.6 > /etc/ld.so.preload", removes=("/etc/ld.so.preload",),
    ),
    Sabotage(
        "a job runs by the clock", ("security",), ("test_no_job_runs_by_the_clock_that_no_package_brought",),
        "install -d /etc/cron.d; echo '* * * * * root true' > /etc/cron.d/backup", removes=("/etc/cron.d/backup",),
    ),
    Sabotage(
        "a timer and its unit were added", ("security",),
        ("test_no_job_runs_by_the_clock_that_no_package_brought", "test_no_unit_was_added_but_ours"),
        "cd /etc/systemd/system; printf '[Service]\\nExecStart=/bin/true\\n' > call-home.service; "
        "printf '[Timer]\\nOnCalendar=daily\\n[Install]\\nWantedBy=timers.target\\n' > call-home.timer; "
        "systemctl -q enable call-home.timer",
        mends="systemctl -q disable call-home.timer; rm /etc/systemd/system/call-home.*; systemctl daemon-reload",
    ),
    Sabotage(
        "a shell of root waits on a console", ("security",), ("test_no_shell_of_root_waits_on_a_console",),
        "systemctl -q enable debug-shell.service", mends="systemctl -q disable debug-shell.service",
    ),
    Sabotage(
        "a host is trusted by its name", ("security",), ("test_no_host_is_trusted_by_its_name",),
        "echo + > /root/.rhosts", removes=("/root/.rhosts",),
    ),
    Sabotage(
        "programs write their memory to the disk", ("security",), ("test_no_program_writes_its_memory_to_the_disk",),
        "rm /etc/security/limits.d/90-transcribe.conf", keeps=("/etc/security/limits.d/90-transcribe.conf",),
        also=("test_many_files_are_allowed_to_whoever_logs_in",),
    ),
    Sabotage(
        "who logs in may open few files", ("security",), ("test_many_files_are_allowed_to_whoever_logs_in[*-hard]",),
        "echo '* hard nofile 1024' > /etc/security/limits.d/zz.conf", removes=("/etc/security/limits.d/zz.conf",),
    ),
    Sabotage(
        "services may open few files", ("security",),
        (
            "test_many_files_are_allowed_to_every_service[DefaultLimitNOFILE]",
            "test_many_files_are_allowed_to_every_service[DefaultLimitNOFILESoft]",
        ),
        "printf '[Manager]\\nDefaultLimitNOFILE=1024\\n' > /etc/systemd/system.conf.d/zz.conf; "
        "systemctl daemon-reexec",
        mends="rm /etc/systemd/system.conf.d/zz.conf; systemctl daemon-reexec",
    ),
    Sabotage(
        "services write their memory to the disk", ("security",), ("test_no_program_writes_its_memory_to_the_disk",),
        "printf '[Manager]\\nDefaultLimitCORE=infinity\\n' > /etc/systemd/system.conf.d/zz.conf; "
        "systemctl daemon-reexec",
        mends="rm /etc/systemd/system.conf.d/zz.conf; systemctl daemon-reexec",
    ),
)  # fmt: skip
