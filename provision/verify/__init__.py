"""Is this speech server as good as promised? Measured from where the operator stands."""

from provision.verify.job import verify
from provision.verify.target import SpeechTarget, Targets, VerifyOptions

__all__ = ["SpeechTarget", "Targets", "VerifyOptions", "verify"]
