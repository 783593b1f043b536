"""What a machine may have: whatever is not on these lists is a finding.

Of Canonical's server image of Ubuntu 22.04, which the AMI begins as, and of a minimal Debian 12. What the former has
beyond the latter was written down from its packages and is unproven.
"""

from __future__ import annotations

# Programs that run as their owner or group, whoever starts them.
SETUID = {
    "/usr/bin/chage", "/usr/bin/chfn", "/usr/bin/chsh", "/usr/bin/crontab", "/usr/bin/dotlockfile", "/usr/bin/expiry",
    "/usr/bin/fusermount3", "/usr/bin/gpasswd", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/bin/newuidmap",
    "/usr/bin/newgidmap", "/usr/bin/passwd", "/usr/bin/pkexec", "/usr/bin/ssh-agent", "/usr/bin/su", "/usr/bin/sudo",
    "/usr/bin/umount", "/usr/bin/wall", "/usr/bin/write.ul", "/usr/bin/at", "/usr/bin/nvidia-modprobe",
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper", "/usr/lib/openssh/ssh-keysign", "/usr/libexec/polkit-agent-helper-1",
    "/usr/lib/policykit-1/polkit-agent-helper-1", "/usr/sbin/pam_extrausers_chkpwd", "/usr/sbin/unix_chkpwd",
    "/usr/lib/x86_64-linux-gnu/utempter/utempter", "/usr/lib/eject/dmcrypt-get-device",
    "/usr/bin/screen", "/usr/lib/landscape/apt-update",
}  # fmt: skip

# Programs that have a capability without being root's.
CAPABLE = {
    "/usr/bin/ping", "/usr/bin/mtr-packet", "/usr/bin/newuidmap", "/usr/bin/newgidmap",
    "/usr/lib/x86_64-linux-gnu/gstreamer1.0/gstreamer-1.0/gst-ptp-helper",
}  # fmt: skip

# (protocol, port, program): who may listen where strangers can reach it. Loopback is another matter, see below.
LISTENING = {
    ("tcp", 22, "sshd"),
    ("tcp", 22, "systemd"),
    ("udp", 68, "systemd-network"),
    ("udp", 68, "dhclient"),
}
API_PORT = 8000
OPENED = {"tcp/22", f"tcp/{API_PORT}", "udp/68", "udp/546"}  # SSH, the API, answers of DHCP
LISTENING_ON_LOOPBACK = {
    ("udp", 323, "chronyd"),
    ("udp", 53, "systemd-resolve"),
    ("tcp", 53, "systemd-resolve"),
}

# Jobs by the clock, of packages; ours are none.
CRON = {
    "/etc/cron.d/e2scrub_all", "/etc/cron.d/popularity-contest", "/etc/cron.daily/apt-compat", "/etc/cron.daily/apport",
    "/etc/cron.daily/dpkg", "/etc/cron.daily/exim4-base", "/etc/cron.daily/logrotate", "/etc/cron.daily/man-db",
    "/etc/cron.weekly/man-db", "/etc/cron.d/sysstat", "/etc/cron.daily/sysstat",
}  # fmt: skip
TIMERS = {
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "logrotate.timer", "man-db.timer", "motd-news.timer", "systemd-tmpfiles-clean.timer",
    "update-notifier-download.timer", "update-notifier-motd.timer", "ua-timer.timer", "fwupd-refresh.timer",
    "chrony-dnssrv@.timer", "mdcheck_start.timer", "mdcheck_continue.timer", "mdmonitor-oneshot.timer",
    "sysstat-collect.timer", "sysstat-summary.timer", "xfs_scrub_all.timer",
}  # fmt: skip

# Units in /etc/systemd/system that are files and no links: ours alone.
UNITS = {
    "transcribe-preread.service", "transcribe-api.service", "transcribe-batch@.service", "transcribe-firewall.service",
    "transcribe-host-keys.service", "transcribe-log-api.service", "transcribe-log-batch.service",
    "transcribe-gpu.service", "transcribe-log-system.service",
}  # fmt: skip

# sshd: what modern OpenSSH (8.9 of Ubuntu 22.04 and later) offers and no audit objects to.
CIPHERS = {
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
}
MACS = {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "umac-128-etm@openssh.com"}
KEY_EXCHANGES = {
    "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com", "mlkem768x25519-sha256", "curve25519-sha256",
    "curve25519-sha256@libssh.org", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
}  # fmt: skip
SIGNATURES = {
    "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-256", "rsa-sha2-512",
    "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com",
}  # fmt: skip
# Whose key opens the machine chose its kind; only sums that are broken are refused.
USERS_SIGNATURES = SIGNATURES | {
    f"{kind}{curve}{end}"
    for kind in ("ecdsa-sha2-", "sk-ecdsa-sha2-", "webauthn-sk-ecdsa-sha2-")
    for curve in ("nistp256", "nistp384", "nistp521")
    for end in ("", "@openssh.com", "-cert-v01@openssh.com")
}

# Kernel settings: of a network, which a container may set too, and of the kernel itself.
SYSCTL_NET = {
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.all.secure_redirects": "0",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.default.accept_redirects": "0",
    "net.ipv6.conf.all.accept_source_route": "0",
}
SYSCTL_KERNEL = {
    "kernel.randomize_va_space": "2",
    "kernel.kptr_restrict": "2",
    "kernel.dmesg_restrict": "1",
    "kernel.unprivileged_bpf_disabled": "1",
    "kernel.yama.ptrace_scope": "1",
    "kernel.sysrq": "0",
    "kernel.perf_event_paranoid": "3",
    "net.core.bpf_jit_harden": "2",
    "fs.protected_fifos": "2",
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
}
