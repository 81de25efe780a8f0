"""Recorded streams of events, such as jobs yield them, for the tests of all views."""

from __future__ import annotations

from provision.model import Diff, Event, Note, Output, Problem, Progress, Result, Section, Step, Summary, Table

ESCAPES = "\x1b[1;31mhostile\x1b[0m \x1b]0;title\x07text\r\n"

PLAY: tuple[Event, ...] = (
    Section("Set up the speech hosts", ("tts-1", "tts-2")),
    Step("tts-1", "Gathering Facts", "task"),
    Step("tts-2", "Gathering Facts", "task"),
    Result("tts-1", "Gathering Facts", "ok", 0.02, kind="task"),
    Result("tts-2", "Gathering Facts", "ok", 0.03, kind="task"),
    Step("tts-1", "build : Install packages", "task", expected_s=40),
    Step("tts-2", "build : Install packages", "task", expected_s=40),
    Output("tts-1", "build : Install packages", "Unpacking cmake (3.25.1-1)"),
    Progress("tts-1", "build : Install packages", 3, 12, "packages", "cmake"),
    Result("tts-1", "build : Install packages", "changed", 12.3, {"changed": True, "rc": 0}, kind="task"),
    # The second host lags behind: the first is at its next task already.
    Step("tts-1", "Write the config", "task"),
    Result("tts-2", "build : Install packages", "ok", 1.0, {"changed": False, "rc": 0}, kind="task"),
    Step("tts-2", "Write the config", "task"),
    Result(
        "tts-1",
        "Write the config",
        "changed",
        0.1,
        {"changed": True, "dest": "/etc/moshi-server/tts.toml"},
        diffs=(Diff("port = 80\nend\n", "port = 8080\nend\n", "/etc/moshi-server/tts.toml", "tts.toml.j2"),),
        kind="task",
    ),
    Result("tts-2", "Write the config", "ok", 0.1, kind="task"),
    Step("tts-1", "Make the folders", "task"),
    Result("tts-1", "Make the folders", "ok", 0.0, kind="item", item="/opt/a"),
    Result("tts-1", "Make the folders", "changed", 0.0, {"changed": True}, kind="item", item="/opt/b"),
    Result("tts-1", "Make the folders", "skipped", 0.0, kind="item", item="/opt/c"),
    Result("tts-1", "Make the folders", "changed", 0.0, {"changed": True}, kind="task"),
    Step("tts-1", "Only for Red Hat", "task"),
    Result("tts-1", "Only for Red Hat", "skipped", 0.0, {"skip_reason": "Conditional result was False"}, kind="task"),
    Step("tts-1", "Say hello", "task"),
    Result("tts-1", "Say hello", "ok", 0.0, {"msg": "hello\nworld", "changed": False}, kind="task", aloud=True),
    Step("tts-1", "Try the old way", "task"),
    Result(
        "tts-1",
        "Try the old way",
        "failed",
        0.2,
        {"changed": True, "msg": "non-zero return code", "rc": 2},
        problem=Problem("Try the old way failed on tts-1 (exit code 2)", "no such file\nsecond line", "see site.yml:9"),
        kind="task",
        ignored=True,
    ),
    Step("tts-1", "Restart the server", "handler"),
    Result("tts-1", "Restart the server", "changed", 1.5, {"changed": True}, kind="handler"),
    Step("tts-2", "Restart the server", "handler"),
    Result(
        "tts-2",
        "Restart the server",
        "unreachable",
        10.0,
        {"unreachable": True, "msg": ESCAPES},
        problem=Problem(f"tts-2 does not answer {ESCAPES}", "connection timed out after 10 s", "provision ssh tts-2"),
        kind="handler",
    ),
    Section("Nobody is meant"),
    Note("no hosts matched for play 'Nobody is meant'", level="warning"),
)

VERIFY: tuple[Event, ...] = (
    Section("Verify tts-1", ("tts-1",), expected_s=90),
    Step("tts-1", "Ready", "step"),
    Result("tts-1", "Ready", "ok", 0.012),
    Step("tts-1", "Time to first audio, 20 runs", "step", expected_s=30),
    Progress("tts-1", "Time to first audio, 20 runs", 5, 20, "runs"),
    Result("tts-1", "Time to first audio, 20 runs", "missed", 31.0, {"ttfa_p50_ms": 512.0}),
    Table(
        "tts-1, measured from here",
        ("measure", "value", "target"),
        (("TTFA p50", "512 ms", "≤ 350 ms"), ("RTF", "2.1", "≥ 1.5"), ("round trip", "0.4 ms", "")),
        ("bad", "good", "neutral"),
    ),
    Note("what slows it down is often the batch size", "provision tune tts-1"),
    Summary({"ttfa_p50_ms": 512.0, "targets_met": False}),
)
