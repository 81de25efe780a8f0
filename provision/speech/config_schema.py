"""Which keys moshi-server 0.6.4 reads from its TOML config; it ignores all others without a word. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    """The keys of one table."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()

    @property
    def known(self) -> frozenset[str]:
        return self.required | self.optional


def _keys(required: str, optional: str = "") -> Keys:
    return Keys(frozenset(required.split()), frozenset(optional.split()))


TOP = _keys("static_dir log_dir instance_name authorized_ids", "modules")

_ASR = "type path lm_model_file text_tokenizer_file audio_tokenizer_file asr_delay_in_tokens model"
_ASR_MORE = "log_frequency_s conditioning_delay conditioning_learnt_padding temperature dtype_override"

MODULES: Mapping[str, Keys] = {
    "Py": _keys("type path batch_size text_tokenizer_file text_bos_token", "script py"),
    "PyBatchedAsr": _keys("type path batch_size text_tokenizer_file asr_delay_in_tokens", "script py"),
    "PyPost": _keys("type path", "script py"),
    "BatchedAsr": _keys(f"{_ASR} batch_size", _ASR_MORE),
    "Asr": _keys(_ASR, _ASR_MORE),
    "Lm": _keys("type path lm_model_file text_tokenizer_file audio_tokenizer_file model gen", "dtype_override"),
    "Tts": _keys(
        "type path lm_model_file text_tokenizer_file speaker_tokenizer_file audio_tokenizer_file voices voice_dir "
        "model generation",
        "dtype_override",
    ),
    "Mimi": _keys("type send_path recv_path audio_tokenizer_file auth_recv rooms", "default_room"),
}

PY = _keys(
    "",
    "log_folder hf_repo mimi_weight moshi_weight config_path tokenizer device n_q voice_folder default_voice temp "
    "cfg_coef max_padding initial_padding final_padding padding_between padding_bonus interleaved_text_only debug",
)
"""The `[modules.NAME.py]` table of type Py without a script of one's own: what the built-in tts.py reads."""

DEFAULT_VOICE = "barack_demo.wav"
CFG_COEFS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
"""The values that tts-1.6b was trained with; with any other every voice fails to load."""

DEAD: Mapping[str, str] = {
    "server": "there is no [server] table: capacity is `batch_size` of a module, TLS is a proxy's business",
    "num_workers": "capacity is `batch_size` of the module; the num_workers in the log counts CPU threads",
    "max_connections": "capacity is `batch_size` of the module",
    "workers": "capacity is `batch_size` of the module",
    "secure": "moshi-server has no TLS: put a proxy before it",
    "ssl_cert": "moshi-server has no TLS: put a proxy before it",
    "ssl_key": "moshi-server has no TLS: put a proxy before it",
    "port": "the port is given on the command line: moshi-server worker --port 8080",
    "addr": "the address is given on the command line: moshi-server worker --addr 0.0.0.0",
    "host": "the address is given on the command line: moshi-server worker --addr 0.0.0.0",
    "cfg_is_no_text": "tts.py works it out from the model; the key does nothing",
    "delay_steps": "tts.py takes it from the model; the key does nothing",
}
"""Keys of the old guides and examples that no moshi-server has ever read, and what to do instead."""
