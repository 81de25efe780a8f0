"""The lint finds what moshi-server swallows in silence, and says where and what to do."""

from __future__ import annotations

import pytest

from provision.errors import UsageProblem
from provision.speech.config import Finding, lint, parse

GOOD = """\
static_dir = "/opt/moshi-server/static"
log_dir = "/var/lib/moshi-server/logs"
instance_name = "tts"
authorized_ids = ["0f3c9b7e"]

[modules.tts_py]
type = "Py"
path = "/api/tts_streaming"
text_tokenizer_file = "hf://kyutai/tts-1.6b-en_fr/tokenizer_spm_8k_en_fr_audio.model"
batch_size = 8
text_bos_token = 1

[modules.tts_py.py]
log_folder = "/var/lib/moshi-server/tts"
voice_folder = "hf-snapshot://kyutai/tts-voices/unmute-prod-website/*.safetensors"
default_voice = "unmute-prod-website/default_voice.wav"
cfg_coef = 2.0
"""

STT = """\
static_dir = "."
log_dir = "$HOME/logs"
instance_name = "stt"
authorized_ids = ["0f3c9b7e"]
[modules.asr]
type = "BatchedAsr"
path = "/api/asr-streaming"
lm_model_file = "a"
text_tokenizer_file = "b"
audio_tokenizer_file = "c"
asr_delay_in_tokens = 6
batch_size = 64
[modules.asr.model]
text_in_vocab_size = 8001
"""


def only(text: str) -> Finding:
    (finding,) = lint(text)
    return finding


@pytest.mark.parametrize("text", [GOOD, STT])
def test_a_good_config_has_no_findings(text: str) -> None:
    assert lint(text) == ()


def test_a_good_config_is_read() -> None:
    config = parse(GOOD)
    assert config.instance_name == "tts"
    assert config.authorized_ids == ("0f3c9b7e",)
    (module,) = config.modules
    assert (module.name, module.kind, module.path, module.slots) == ("tts_py", "Py", "/api/tts_streaming", 8)
    assert module.options["text_bos_token"] == 1


def test_the_keys_of_the_api_are_not_shown() -> None:
    assert "0f3c9b7e" not in repr(parse(GOOD))


@pytest.mark.parametrize(
    "key", ["static_dir", "log_dir", "instance_name", "authorized_ids", "batch_size", "text_bos_token"]
)
def test_a_missing_required_key_is_an_error(key: str) -> None:
    finding = only("\n".join(line for line in GOOD.splitlines() if not line.startswith(key)))
    assert (finding.key, finding.level) == (key, "error")
    assert "missing" in finding.what


def test_a_missing_key_of_a_module_points_at_its_table() -> None:
    assert only(GOOD.replace("batch_size = 8\n", "")).line == 6


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("[server]\nnum_workers = 16", "batch_size"),
        ("[server]\nsecure = false", "TLS is a proxy"),
        ("[modules.tts_py.extra]\nx = 1", "remove it"),
    ],
)
def test_tables_that_nobody_reads_are_told(line: str, fix: str) -> None:
    finding = only(GOOD + line + "\n")
    assert (finding.level, finding.line) == ("warning", len(GOOD.splitlines()) + 1)
    assert fix in finding.fix


@pytest.mark.parametrize("key", ["num_workers", "max_connections", "secure", "port"])
def test_dead_keys_of_old_guides_come_with_what_to_do_instead(key: str) -> None:
    finding = only(f"{key} = 1\n{GOOD}")
    assert (finding.key, finding.line, finding.level) == (key, 1, "warning")
    assert "remove it" not in finding.fix


def test_a_misspelled_key_is_answered_with_the_nearest() -> None:
    findings = {finding.key: finding for finding in lint(GOOD.replace("batch_size", "batch_sise"))}
    assert findings["batch_size"].level == "error"
    assert findings["batch_sise"].line == 10
    assert "did you mean `batch_size`?" in findings["batch_sise"].fix


def test_keys_that_the_voice_model_ignores_are_told() -> None:
    finding = only(GOOD + "cfg_is_no_text = true\n")
    assert (finding.key, finding.level) == ("cfg_is_no_text", "warning")
    assert "does nothing" in finding.fix


def test_a_script_of_ones_own_has_keys_of_its_own() -> None:
    own = GOOD.replace("text_bos_token = 1", 'text_bos_token = 1\nscript = "/opt/tone.py"') + "step_s = 0.01\n"
    assert lint(own) == ()


@pytest.mark.parametrize("coefficient", ["0.5", "2.2", "4.5", '"2.0"'])
def test_a_coefficient_that_no_voice_knows_is_an_error(coefficient: str) -> None:
    finding = only(GOOD.replace("cfg_coef = 2.0", f"cfg_coef = {coefficient}"))
    assert (finding.key, finding.level, finding.line) == ("cfg_coef", "error", 17)


@pytest.mark.parametrize("coefficient", ["1", "1.5", "4.0"])
def test_the_coefficients_of_the_training_are_fine(coefficient: str) -> None:
    assert lint(GOOD.replace("cfg_coef = 2.0", f"cfg_coef = {coefficient}")) == ()


def test_a_default_voice_outside_of_the_glob_is_an_error() -> None:
    finding = only(GOOD.replace('"unmute-prod-website/default_voice.wav"', '"cml-tts/fr/2465.wav"'))
    assert (finding.key, finding.level, finding.line) == ("default_voice", "error", 16)


def test_the_built_in_default_voice_is_checked_as_well() -> None:
    assert only(GOOD.replace('default_voice = "unmute-prod-website/default_voice.wav"\n', "")).key == "default_voice"


@pytest.mark.parametrize(
    "folder", ["hf-snapshot://kyutai/tts-voices", "/srv/voices", "hf-snapshot://kyutai/tts-voices/**/*.safetensors"]
)
def test_a_wide_enough_voice_folder_is_fine(folder: str) -> None:
    text = GOOD.replace("hf-snapshot://kyutai/tts-voices/unmute-prod-website/*.safetensors", folder)
    assert lint(text) == ()


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        ('["public_token"]', "public_token"),
        ("[]", "nobody is let in"),
        ('["$KEY"]', "not expanded"),
        ('"0f3c"', "no list of texts"),
        ("[5]", "no list of texts"),
    ],
)
def test_bad_keys_of_the_api_are_errors(ids: str, what: str) -> None:
    finding = only(GOOD.replace('["0f3c9b7e"]', ids))
    assert (finding.key, finding.level, finding.line) == ("authorized_ids", "error", 4)
    assert what in finding.what


@pytest.mark.parametrize("slots", ["0", "-1", '"8"', "2.5", "true"])
def test_slots_are_a_whole_number_from_1(slots: str) -> None:
    assert only(GOOD.replace("batch_size = 8", f"batch_size = {slots}")).key == "batch_size"


def test_braces_around_a_variable_stay_as_they_are() -> None:
    finding = only(GOOD.replace("/var/lib/moshi-server/tts", "${HOME}/tts"))
    assert (finding.key, finding.line) == ("log_folder", 14)


@pytest.mark.parametrize(("kind", "near"), [("py", "`Py`"), ("BatchedASR", "`BatchedAsr`"), ("TTS", "Tts")])
def test_an_unknown_type_is_answered_with_the_nearest(kind: str, near: str) -> None:
    finding = only(GOOD.replace('type = "Py"', f'type = "{kind}"'))
    assert (finding.key, finding.level) == ("type", "error")
    assert near in finding.fix


def test_two_modules_on_one_path_are_an_error() -> None:
    second = GOOD[GOOD.index("[modules") :].replace("modules.tts_py", "modules.again")
    finding = only(GOOD + second)
    assert "share the path /api/tts_streaming" in finding.what


@pytest.mark.parametrize("modules", ["", "[modules]\n", "modules = 5\n"])
def test_no_module_at_all_is_an_error(modules: str) -> None:
    top = GOOD[: GOOD.index("[modules")]
    assert only(top + modules).what == "no module is configured"


def test_a_module_or_its_py_that_is_no_table_is_an_error() -> None:
    top = GOOD[: GOOD.index("[modules")]
    assert "is no table" in only(top + "[modules]\ntts = 5\n").what
    assert "is no table" in only(GOOD[: GOOD.index("[modules.tts_py.py]")] + "py = 5\n").what


def test_broken_toml_is_told_with_its_line() -> None:
    finding = only(GOOD.replace('instance_name = "tts"', "instance_name = tts"))
    assert (finding.line, finding.level) == (3, "error")
    with pytest.raises(UsageProblem, match=r"tts\.toml:3"):
        parse(GOOD.replace('instance_name = "tts"', "instance_name = tts"), "tts.toml")


@pytest.mark.parametrize("key", ["static_dir", "authorized_ids", "type", "path"])
def test_a_config_that_lacks_a_needed_key_cannot_be_read(key: str) -> None:
    with pytest.raises(UsageProblem, match=key):
        parse("\n".join(line for line in GOOD.splitlines() if not line.startswith(key)), "tts.toml")


def test_findings_stand_in_the_order_of_the_lines() -> None:
    lines = [finding.line for finding in lint("port = 1\n" + GOOD.replace("cfg_coef = 2.0", "cfg_coef = 9.0"))]
    assert lines == sorted(lines) == [1, 18]


def test_comments_and_quoted_keys_do_not_confuse_the_lines() -> None:
    text = GOOD.replace("[modules.tts_py]", '[ modules . "tts_py" ] # main').replace(
        "batch_size = 8", '"batch_size" = 0'
    )
    assert (only(text).key, only(text).line) == ("batch_size", 10)
