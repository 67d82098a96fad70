"""What a contract and its edits may hold: the checks that both share."""

from connectors.localcore import custom_fields
from connectors.localcore.checks import (
    ID,
    Check,
    instant,
    integer,
    listing,
    not_served,
    nullable,
    number,
    one_of,
    record,
    text,
)

NET_TERMS = integer(0, 3650)
_WORDS = listing(ID)
_SEGMENT: dict[str, Check] = {
    "amount": number,
    "starting_at": instant,
    "ending_before": instant,
}
SEGMENTS = listing(record(_SEGMENT), least=1)
ACCESS_SCHEDULE = record(
    {"schedule_items": SEGMENTS},
    {"credit_type_id": ID, "access_type": one_of("SPEND", "QUANTITY")},
)
CREDIT = record(
    {"product_id": ID, "access_schedule": ACCESS_SCHEDULE},
    {
        "name": text(),
        "description": text(),
        "priority": number,
        "applicable_product_ids": _WORDS,
        "applicable_product_tags": _WORDS,
        "custom_fields": custom_fields.VALUES,
        "rate_type": one_of("LIST_RATE", "COMMIT_RATE"),
        "netsuite_sales_order_id": ID,
        "hierarchy_configuration": not_served("hierarchies"),
        "rollover_fraction": not_served("rollover"),
        "specifiers": not_served("specifiers; use applicable_product_ids"),
    },
)
"""The check of one credit of a contract."""

SCHEDULE_CHANGES = record(
    optional={
        "add_schedule_items": SEGMENTS,
        "update_schedule_items": listing(record({"id": ID}, _SEGMENT)),
        "remove_schedule_items": listing(record({"id": ID})),
    }
)
CREDIT_CHANGES: dict[str, Check] = {
    "access_schedule": SCHEDULE_CHANGES,
    "name": text(),
    "description": text(),
    "priority": nullable(number),
    "product_id": ID,
    "applicable_product_ids": nullable(_WORDS),
    "applicable_product_tags": nullable(_WORDS),
    "rate_type": one_of("LIST_RATE", "COMMIT_RATE"),
    "netsuite_sales_order_id": nullable(ID),
    "hierarchy_configuration": not_served("hierarchies"),
    "rollover_fraction": not_served("rollover"),
}
"""What an edit of a credit may change."""
