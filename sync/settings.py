"""The settings that a reconciliation rests on; amounts in minor units."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What may stay unexplained without a person: per item, and in all."""

    item_threshold: int = 0
    total_threshold: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """One legal entity's settings."""

    entity: str = "default"
    policy: Thresholds = field(default_factory=Thresholds)
