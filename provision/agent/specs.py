"""Which arguments every module takes, as data: the reader refuses unknown ones by it, the agent converts by it."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

try:
    from provision.agent.known import KNOWN_ELSEWHERE
except ImportError:  # on a target, which has no use for them, the names are not sent along
    KNOWN_ELSEWHERE = frozenset()

__all__ = ["KNOWN_ELSEWHERE", "SPECS", "Argument", "ModuleSpec", "canonical"]

Names = Tuple[str, ...]


class Argument(NamedTuple):
    """One argument. `refused`: why a value other than the default cannot be honoured; none is ignored silently."""

    type: str = "str"
    default: Any = None
    choices: Tuple[Any, ...] = ()
    aliases: Names = ()
    required: bool = False
    elements: str = ""
    secret: bool = False
    refused: str = ""


class ModuleSpec(NamedTuple):
    """One module. `free_form`: may be written as one line of text, found under `_raw_params`.

    `where`: "target" runs in the agent, "controller" needs no host. `any_argument`: names are the user's own
    (set_fact). `private`: arguments that only the engine sets.
    """

    arguments: Mapping[str, Argument]
    where: str = "target"
    check_mode: str = "full"
    free_form: bool = False
    any_argument: bool = False
    mutually_exclusive: Tuple[Names, ...] = ()
    required_one_of: Tuple[Names, ...] = ()
    required_if: Tuple[Tuple[str, Any, Names], ...] = ()
    required_by: Tuple[Tuple[str, str], ...] = ()
    private: Names = ()

    def spelled(self) -> Dict[str, str]:
        """Every accepted spelling -> the argument's own name."""
        names = {name: name for name in self.arguments}
        for name, argument in self.arguments.items():
            names.update((alias, name) for alias in argument.aliases)
        return names


def canonical(name: str) -> Optional[str]:
    """Our short name of a module written short, as ansible.builtin.X or ansible.legacy.X, or by another name of it."""
    for prefix in ("ansible.builtin.", "ansible.legacy."):
        if name.startswith(prefix):
            name = name[len(prefix) :]
    name = _SAME_MODULE.get(name, name)
    return name if name in SPECS else None


_SAME_MODULE = {"systemd_service": "systemd", "gather_facts": "setup"}


def _text(default: Any = None, *aliases: str, **more: Any) -> Argument:
    return Argument("str", default, aliases=aliases, **more)


def _flag(default: Any = None, *aliases: str, **more: Any) -> Argument:
    return Argument("bool", default, aliases=aliases, **more)


def _number(default: Any = None, **more: Any) -> Argument:
    return Argument("int", default, **more)


def _path(*aliases: str, **more: Any) -> Argument:
    return Argument("path", aliases=aliases, **more)


def _words(*aliases: str, **more: Any) -> Argument:
    return Argument("list", aliases=aliases, elements="str", **more)


def _one_of(*choices: str, default: Any = None, **more: Any) -> Argument:
    return Argument("str", default, choices, **more)


_SELINUX = "SELinux contexts are not managed"
_OTHER_SYSTEM = "it means something on other systems than Linux only"
_GSSAPI = "Kerberos needs a library that targets do not have"

_FILE: Dict[str, Argument] = {
    "mode": Argument("raw"),
    "owner": _text(),
    "group": _text(),
    "attributes": _text(None, "attr"),
    "unsafe_writes": _flag(False),
    "seuser": _text(refused=_SELINUX),
    "serole": _text(refused=_SELINUX),
    "setype": _text(refused=_SELINUX),
    "selevel": _text(refused=_SELINUX),
}

_URL: Dict[str, Argument] = {
    "url": _text(required=True),
    "ciphers": _words(),
    "decompress": _flag(True),
    "use_proxy": _flag(True),
    "validate_certs": _flag(True),
    "force_basic_auth": _flag(False),
    "client_cert": _path(),
    "client_key": _path(),
    "http_agent": _text("ansible-httpget"),
    "unredirected_headers": _words(default=()),
    "use_gssapi": _flag(False, refused=_GSSAPI),
    "use_netrc": _flag(True),
    "force": _flag(False),
}

_COMMAND: Dict[str, Argument] = {
    "cmd": _text(),
    "creates": _path(),
    "removes": _path(),
    "chdir": _path(),
    "executable": _path(),
    "stdin": _text(),
    "stdin_add_newline": _flag(True),
    "strip_empty_ends": _flag(True),
}

_APT_CACHE: Dict[str, Argument] = {
    "update_cache_retries": _number(5),
    "update_cache_retry_max_delay": _number(12),
}

SPECS: Dict[str, ModuleSpec] = {
    "apt": ModuleSpec(
        {
            **_APT_CACHE,
            "name": _words("package", "pkg"),
            "state": _one_of("absent", "build-dep", "fixed", "latest", "present", default="present"),
            "update_cache": _flag(None, "update-cache"),
            "cache_valid_time": _number(0),
            "purge": _flag(False),
            "default_release": _text(None, "default-release"),
            "install_recommends": _flag(None, "install-recommends"),
            "force": _flag(False),
            "clean": _flag(False),
            "allow_unauthenticated": _flag(False, "allow-unauthenticated"),
            "allow_downgrade": _flag(False, "allow-downgrade", "allow_downgrades", "allow-downgrades"),
            "allow_change_held_packages": _flag(False),
            "upgrade": _one_of("dist", "full", "no", "safe", "yes", default="no"),
            "dpkg_options": _text("force-confdef,force-confold"),
            "deb": _path(),
            "autoremove": _flag(False),
            "autoclean": _flag(False),
            "policy_rc_d": _number(),
            "only_upgrade": _flag(False),
            "fail_on_autoremove": _flag(False),
            "force_apt_get": _flag(False),
            "lock_timeout": _number(60),
        },
        mutually_exclusive=(("name", "upgrade", "deb"),),
        required_one_of=(("name", "upgrade", "update_cache", "deb", "autoremove", "autoclean", "clean"),),
    ),
    "apt_repository": ModuleSpec(
        {
            **_APT_CACHE,
            "repo": _text(required=True),
            "state": _one_of("absent", "present", default="present"),
            "mode": Argument("raw"),
            "update_cache": _flag(True, "update-cache"),
            "validate_certs": _flag(True),
            "filename": _text(),
            "codename": _text(),
            "install_python_apt": _flag(True),
        },
    ),
    "assert": ModuleSpec(
        {
            "that": Argument("list", elements="raw", required=True),
            "fail_msg": _text(None, "msg"),
            "success_msg": _text(),
            "quiet": _flag(False),
        },
        where="controller",
    ),
    "async_status": ModuleSpec(
        {"jid": _text(required=True), "mode": _one_of("cleanup", "status", default="status")},
        private=("_async_dir",),
    ),
    "blockinfile": ModuleSpec(
        {
            **_FILE,
            "path": _path("dest", "destfile", "name", required=True),
            "state": _one_of("absent", "present", default="present"),
            "marker": _text("# {mark} ANSIBLE MANAGED BLOCK"),
            "block": _text("", "content"),
            "insertafter": _text(),
            "insertbefore": _text(),
            "create": _flag(False),
            "backup": _flag(False),
            "marker_begin": _text("BEGIN"),
            "marker_end": _text("END"),
            "append_newline": _flag(False),
            "prepend_newline": _flag(False),
            "validate": _text(),
        },
        mutually_exclusive=(("insertbefore", "insertafter"),),
    ),
    "command": ModuleSpec(
        {**_COMMAND, "argv": _words(), "expand_argument_vars": _flag(True)},
        check_mode="partial",
        free_form=True,
        private=("_raw_params", "_uses_shell"),
    ),
    "copy": ModuleSpec(
        {
            **_FILE,
            "src": _path(),
            "content": Argument("raw", secret=True),
            "dest": _path(required=True),
            "backup": _flag(False),
            "force": _flag(True),
            "directory_mode": Argument("raw"),
            "remote_src": _flag(False),
            "follow": _flag(False),
            "local_follow": _flag(True),
            "checksum": _text(),
            "decrypt": _flag(True),
            "validate": _text(),
        },
        mutually_exclusive=(("src", "content"),),
        private=("_content", "_tree", "_original_basename", "_source_mode"),
    ),
    "debug": ModuleSpec(
        {"msg": Argument("raw", "Hello world!"), "var": Argument("raw"), "verbosity": _number(0)},
        where="controller",
        mutually_exclusive=(("msg", "var"),),
    ),
    "fail": ModuleSpec({"msg": _text("Failed as requested from task")}, where="controller"),
    "fetch": ModuleSpec(
        {
            "src": _path(required=True),
            "dest": _text(required=True),
            "fail_on_missing": _flag(True),
            "validate_checksum": _flag(True),
            "flat": _flag(False),
        },
        private=("_have_digest",),
    ),
    "file": ModuleSpec(
        {
            **_FILE,
            "path": _path("dest", "name", required=True),
            "state": _one_of("absent", "directory", "file", "hard", "link", "touch"),
            "src": _path(),
            "recurse": _flag(False),
            "force": _flag(False),
            "follow": _flag(True),
            "modification_time": _text(),
            "modification_time_format": _text("%Y%m%d%H%M.%S"),
            "access_time": _text(),
            "access_time_format": _text("%Y%m%d%H%M.%S"),
        },
    ),
    "get_url": ModuleSpec(
        {
            **_FILE,
            **_URL,
            "dest": _path(required=True),
            "tmp_dest": _path(),
            "backup": _flag(False),
            "checksum": _text(""),
            "timeout": _number(10),
            "headers": Argument("dict"),
            "url_username": _text(None, "username"),
            "url_password": _text(None, "password", secret=True),
        },
        check_mode="partial",
    ),
    "git": ModuleSpec(
        {
            "repo": _text(None, "name", required=True),
            "dest": _path(),
            "version": _text("HEAD"),
            "accept_hostkey": _flag(False),
            "accept_newhostkey": _flag(False),
            "ssh_opts": _text(),
            "key_file": _path(),
            "reference": _text(),
            "remote": _text("origin"),
            "refspec": _text(),
            "force": _flag(False),
            "depth": _number(),
            "clone": _flag(True),
            "update": _flag(True),
            "executable": _path(),
            "bare": _flag(False),
            "umask": Argument("raw"),
            "recursive": _flag(True),
            "single_branch": _flag(False),
            "track_submodules": _flag(False),
            "verify_commit": _flag(False),
            "archive": _path(),
            "archive_prefix": _text(),
            "separate_git_dir": _path(),
            "gpg_allowlist": _words("gpg_whitelist", default=()),
        },
        mutually_exclusive=(("separate_git_dir", "bare"), ("accept_hostkey", "accept_newhostkey")),
        required_if=(("clone", True, ("dest",)),),
        required_by=(("archive_prefix", "archive"),),
    ),
    "group": ModuleSpec(
        {
            "name": _text(required=True),
            "gid": _number(),
            "state": _one_of("absent", "present", default="present"),
            "force": _flag(False),
            "system": _flag(False),
            "local": _flag(False),
            "non_unique": _flag(False),
            "gid_min": _number(),
            "gid_max": _number(),
        },
        required_if=(("non_unique", True, ("gid",)),),
    ),
    "lineinfile": ModuleSpec(
        {
            **_FILE,
            "path": _path("dest", "destfile", "name", required=True),
            "regexp": _text(None, "regex"),
            "search_string": _text(),
            "state": _one_of("absent", "present", default="present"),
            "line": _text(None, "value"),
            "backrefs": _flag(False),
            "insertafter": _text(),
            "insertbefore": _text(),
            "create": _flag(False),
            "backup": _flag(False),
            "firstmatch": _flag(False),
            "validate": _text(),
        },
        mutually_exclusive=(
            ("insertbefore", "insertafter"),
            ("regexp", "search_string"),
            ("backrefs", "search_string"),
        ),
    ),
    "ping": ModuleSpec({"data": _text("pong")}),
    "pip": ModuleSpec(
        {
            "name": _words(),
            "version": _text(),
            "requirements": _text(),
            "virtualenv": _path(),
            "virtualenv_site_packages": _flag(False),
            "virtualenv_command": _path(default="virtualenv"),
            "virtualenv_python": _text(),
            "state": _one_of("absent", "forcereinstall", "latest", "present", default="present"),
            "extra_args": _text(),
            "editable": _flag(False),
            "chdir": _path(),
            "executable": _path(),
            "umask": _text(),
            "break_system_packages": _flag(False),
        },
        required_one_of=(("name", "requirements"),),
        mutually_exclusive=(("name", "requirements"), ("executable", "virtualenv")),
    ),
    "reboot": ModuleSpec(
        {
            "pre_reboot_delay": _number(0),
            "post_reboot_delay": _number(0),
            "reboot_timeout": _number(600),
            "connect_timeout": _number(),
            "test_command": _text("whoami"),
            "msg": _text("Reboot initiated by Ansible"),
            "search_paths": _words(default=("/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin")),
            "boot_time_command": _text("cat /proc/sys/kernel/random/boot_id"),
            "reboot_command": _text(),
        },
        where="controller",
    ),
    "service": ModuleSpec(
        {
            "name": _text(required=True),
            "state": _one_of("reloaded", "restarted", "started", "stopped"),
            "sleep": _number(),
            "pattern": _text(),
            "enabled": _flag(),
            "runlevel": _text("default"),
            "arguments": _text("", "args"),
            "use": _text("auto"),
        },
        required_one_of=(("state", "enabled"),),
    ),
    "set_fact": ModuleSpec(
        {"key_value": Argument("raw"), "cacheable": _flag(False)}, where="controller", free_form=True, any_argument=True
    ),
    "setup": ModuleSpec(
        {
            "gather_subset": _words(default=("all",)),
            "gather_timeout": _number(10),
            "filter": _words(default=()),
            "fact_path": _path(default="/etc/ansible/facts.d"),
            "parallel": _flag(),
        },
    ),
    "shell": ModuleSpec(
        {**_COMMAND, "executable": _path()},
        check_mode="partial",
        free_form=True,
        private=("_raw_params", "_uses_shell"),
    ),
    "slurp": ModuleSpec({"src": _path("path", required=True)}),
    "stat": ModuleSpec(
        {
            "path": _path("dest", "name", required=True),
            "follow": _flag(False),
            "get_checksum": _flag(True),
            "checksum_algorithm": _one_of(
                *("md5", "sha1", "sha224", "sha256", "sha384", "sha512"),
                default="sha1",
                aliases=("checksum", "checksum_algo"),
            ),
            "get_mime": _flag(True, "mime", "mime_type", "mime-type"),
            "get_attributes": _flag(True, "attr", "attributes"),
        },
    ),
    "systemd": ModuleSpec(
        {
            "name": _text(None, "service", "unit"),
            "state": _one_of("reloaded", "restarted", "started", "stopped"),
            "enabled": _flag(),
            "force": _flag(),
            "masked": _flag(),
            "daemon_reload": _flag(False, "daemon-reload"),
            "daemon_reexec": _flag(False, "daemon-reexec"),
            "scope": _one_of("system", "user", "global", default="system"),
            "no_block": _flag(False),
        },
        required_one_of=(("state", "enabled", "masked", "daemon_reload", "daemon_reexec"),),
        required_by=(("state", "name"), ("enabled", "name"), ("masked", "name")),
    ),
    "template": ModuleSpec(
        {
            **_FILE,
            "src": _path(required=True),
            "dest": _path(required=True),
            "follow": _flag(False),
            "backup": _flag(False),
            "newline_sequence": _one_of("\\n", "\\r", "\\r\\n", "\n", "\r", "\r\n", default="\n"),
            "block_start_string": _text("{%"),
            "block_end_string": _text("%}"),
            "variable_start_string": _text("{{"),
            "variable_end_string": _text("}}"),
            "comment_start_string": _text(),
            "comment_end_string": _text(),
            "trim_blocks": _flag(True),
            "lstrip_blocks": _flag(False),
            "force": _flag(True),
            "output_encoding": _text("utf-8"),
            "validate": _text(),
        },
        private=("_content", "_original_basename", "_source_mode"),
    ),
    "unarchive": ModuleSpec(
        {
            **_FILE,
            "src": _path(required=True),
            "dest": _path(required=True),
            "copy": _flag(True),
            "creates": _path(),
            "io_buffer_size": _number(65536),
            "list_files": _flag(False),
            "exclude": _words(default=()),
            "include": _words(default=()),
            "keep_newer": _flag(False),
            "extra_opts": _words(default=()),
            "remote_src": _flag(False),
            "validate_certs": _flag(True),
            "decrypt": _flag(True),
        },
        check_mode="partial",
        mutually_exclusive=(("include", "exclude"),),
        private=("_content",),
    ),
    "uri": ModuleSpec(
        {
            **_FILE,
            **_URL,
            "dest": _path(),
            "url_username": _text(None, "user"),
            "url_password": _text(None, "password", secret=True),
            "body": Argument("raw"),
            "body_format": _one_of("form-urlencoded", "json", "raw", "form-multipart", default="raw"),
            "method": _text("GET"),
            "return_content": _flag(False),
            "follow_redirects": _one_of("all", "none", "safe", "urllib2", "no", "yes", default="safe"),
            "creates": _path(),
            "removes": _path(),
            "status_code": Argument("list", (200,), elements="int"),
            "timeout": _number(30),
            "headers": Argument("dict", {}),
            "ca_path": _path(),
            "src": _path(),
            "remote_src": _flag(False),
            "unix_socket": _path(),
        },
        check_mode="none",
        mutually_exclusive=(("body", "src"),),
        private=("_content",),
    ),
    "user": ModuleSpec(
        {
            "name": _text(None, "user", required=True),
            "uid": _number(),
            "comment": _text(),
            "hidden": _flag(refused=_OTHER_SYSTEM),
            "non_unique": _flag(False),
            "seuser": _text(refused=_SELINUX),
            "group": _text(),
            "groups": _words(),
            "append": _flag(False),
            "shell": _path(),
            "home": _path(),
            "skeleton": _text(),
            "password": _text(secret=True),
            "state": _one_of("absent", "present", default="present"),
            "create_home": _flag(True, "createhome"),
            "move_home": _flag(False),
            "system": _flag(False),
            "force": _flag(False),
            "remove": _flag(False),
            "login_class": _text(refused=_OTHER_SYSTEM),
            "generate_ssh_key": _flag(False),
            "ssh_key_bits": _number(),
            "ssh_key_type": _text("rsa"),
            "ssh_key_file": _path(),
            "ssh_key_comment": _text(),
            "ssh_key_passphrase": _text(secret=True),
            "update_password": _one_of("always", "on_create", default="always"),
            "expires": Argument("float"),
            "password_lock": _flag(),
            "local": _flag(False),
            "profile": _text(refused=_OTHER_SYSTEM),
            "authorization": _text(refused=_OTHER_SYSTEM),
            "role": _text(refused=_OTHER_SYSTEM),
            "password_expire_max": _number(),
            "password_expire_min": _number(),
            "password_expire_warn": _number(),
            "password_expire_account_disable": _number(),
            "umask": _text(),
            "uid_min": _number(),
            "uid_max": _number(),
        },
    ),
    "wait_for": ModuleSpec(
        {
            "host": _text("127.0.0.1"),
            "timeout": _number(300),
            "connect_timeout": _number(5),
            "delay": _number(0),
            "port": _number(),
            "active_connection_states": _words(
                default=("ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "SYN_RECV", "SYN_SENT", "TIME_WAIT")
            ),
            "state": _one_of("absent", "drained", "present", "started", "stopped", default="started"),
            "path": _path(),
            "search_regex": _text(),
            "exclude_hosts": _words(),
            "sleep": _number(1),
            "msg": _text(),
        },
        check_mode="none",
        mutually_exclusive=(("port", "path"),),
    ),
    "wait_for_connection": ModuleSpec(
        {
            "connect_timeout": _number(5),
            "delay": _number(0),
            "sleep": _number(1),
            "timeout": _number(600),
        },
        where="controller",
        check_mode="none",
    ),
}
