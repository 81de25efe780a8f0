"""The files baked into the machine image, by path: units, sshd and sudo settings, the first process."""

from __future__ import annotations

from importlib import resources

AGENT = "/usr/local/sbin/provision-machine"
FIRST_PROCESS = "/usr/local/sbin/provision-machine-init"

# The firewall is loaded before anything in the machine can listen, and a machine whose firewall cannot be loaded
# does not boot: exit code 0 keeps the engine from restarting it for ever.
_FIRST_PROCESS = """\
#!/bin/sh
if [ ! -w /sys/fs/cgroup ]; then mount -o remount,bind,rw /sys/fs/cgroup || true; fi
if ! nft -f /etc/provision-machine/firewall.nft; then
    echo 'provision: the firewall could not be loaded; this machine stays off'
    exit 0
fi
exec /sbin/init "$@"
"""

_BOOT_UNIT = f"""\
[Unit]
Description=Google Compute Engine Guest Agent (of the local cloud)
Before=ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={AGENT} boot

[Install]
WantedBy=multi-user.target
RequiredBy=ssh.service
"""

_TRUST_UNIT = """\
[Unit]
Description=Trust the certificates of the operator's computer
ConditionPathExists=/etc/provision-machine/trust-is-new
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/usr/sbin/update-ca-certificates
ExecStart=/bin/rm -f /etc/provision-machine/trust-is-new

[Install]
WantedBy=multi-user.target
"""

_STARTUP_UNIT = f"""\
[Unit]
Description=Google Compute Engine Startup Scripts (of the local cloud)
After=multi-user.target network.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart={AGENT} startup-script

[Install]
WantedBy=multi-user.target
"""

# A power-off must leave with exit code 0: the engine restarts a container that left otherwise, which is a reboot.
_POWER_OFF = """\
[Unit]
SuccessAction=exit-force
SuccessActionExitStatus=0
"""

_SSHD = """\
PasswordAuthentication no
PermitRootLogin no
UseDNS no
"""

_SUDOERS = """\
%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL
Defaults env_keep += "http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY"
"""


def image_files() -> dict[str, tuple[int, str]]:
    """Every file of ours in the image: path to mode and content."""
    units = "/etc/systemd/system"
    return {
        AGENT: (0o755, "#!/usr/bin/python3\n" + _agent_source()),
        FIRST_PROCESS: (0o755, _FIRST_PROCESS),
        f"{units}/provision-machine.service": (0o644, _BOOT_UNIT),
        f"{units}/provision-machine-trust.service": (0o644, _TRUST_UNIT),
        f"{units}/provision-machine-startup.service": (0o644, _STARTUP_UNIT),
        f"{units}/systemd-poweroff.service.d/leave.conf": (0o644, _POWER_OFF),
        f"{units}/systemd-halt.service.d/leave.conf": (0o644, _POWER_OFF),
        "/etc/default/locale": (0o644, "LANG=C.UTF-8\n"),
        "/etc/ssh/sshd_config.d/provision.conf": (0o644, _SSHD),
        "/etc/sudoers.d/google_sudoers": (0o440, _SUDOERS),
    }


def _agent_source() -> str:
    return resources.files(__package__).joinpath("agent.py").read_text(encoding="utf-8")
