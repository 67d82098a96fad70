"""The statements of the set engine, in plain SQL; pure.

An observation stands at the cutoff when it is the last of its word that had become so by
then. Where none had, the first one is taken `early`, and rewound by its own dates; the rules
are those of `state.effective`, and a test holds the two equal.

Ids are texts of 36 and more characters, and a large book has millions of them. So core
invoices are numbered once, in the order of their ids; a document finds its invoice's number
as it comes in, and whatever is joined, grouped or sorted after that goes by the number.
"""

from state.rows import micros
from sync.months import first_instants

YEARS = range(1970, 2100)
MONTHS = 12

# What is read of each kind. The names are those of the table `observations`.
COLUMNS: dict[str, tuple[str, ...]] = {
    "link": ("seq", "id", "ref", "parent", "status", "effective_at"),
    "invoice": (
        *("seq", "id", "parent", "status", "currency", "minor"),
        *("posted_at", "effective_at"),
    ),
    "document": (
        *("seq", "id", "ref", "parent", "status", "currency", "minor", "tax"),
        *("paid", "open", "began_at", "posted_at", "paid_at", "effective_at"),
    ),
    "memo": (
        *("seq", "id", "ref", "parent", "status", "currency", "minor", "tax"),
        *("began_at", "posted_at", "effective_at"),
    ),
    "push": ("seq", "id", "ref", "effective_at"),
    "flag": ("seq", "ref", "posted_at", "effective_at"),
}
TEXTS = frozenset({"id", "ref", "parent", "status", "currency"})
# Asked for only where there is a cutoff: nothing comes after all that is known.
AT_A_CUTOFF = frozenset({"began_at", "paid_at", "effective_at"})

# Most words were seen once; only of the others does a choice have to be made.
PASSED = """
CREATE TEMP TABLE again AS
SELECT CAST(first AS BIGINT) AS first, CAST(seq AS BIGINT) AS seq, effective_at FROM incoming;
CREATE TEMP TABLE standing AS
SELECT first, max(CASE WHEN effective_at <= {cut} THEN seq END) AS last
FROM again GROUP BY first;
CREATE TEMP TABLE passed AS
SELECT a.seq FROM again a JOIN standing s ON s.first = a.first
WHERE s.last IS NULL OR s.last <> a.seq
UNION ALL SELECT first FROM standing WHERE last IS NOT NULL;
DROP TABLE again;
DROP TABLE standing;
"""
STANDS = "(SELECT {typed}, {early} AS early FROM incoming o {among}) stands"
EARLY = "CASE WHEN effective_at <= {cut} THEN 0 ELSE 1 END"
NOT_PASSED = "WHERE NOT EXISTS (SELECT 1 FROM passed p WHERE p.seq = o.seq)"

# What was owed where memos did something to a balance later (`state.winding`).
WOUND = """
CREATE TEMP TABLE wound AS
SELECT unnest(CAST($ids AS VARCHAR[])) AS id, unnest(CAST($owed AS BIGINT[])) AS owed,
  unnest(CAST($status AS VARCHAR[])) AS status
"""

# What is kept of each kind as it comes in. The links come first, then the invoices.
KEPT = {
    "link": """
CREATE TEMP TABLE link AS
SELECT parent AS document, min(ref) AS ref FROM {stands}
WHERE early = 0 AND status = 'ACTIVE' GROUP BY parent
""",
    "invoice": """
CREATE TEMP TABLE invoice AS
SELECT CAST(row_number() OVER (ORDER BY id) AS INTEGER) AS n,
  id, parent, status, currency, minor, CASE WHEN {month} THEN 1 ELSE 0 END AS in_month,
  CASE WHEN status = 'FINALIZED' AND parent = '' THEN minor END AS due
FROM (
  SELECT id, parent, currency, minor, posted_at,
    CASE WHEN early = 1 THEN 'FINALIZED' ELSE status END AS status
  FROM {stands} WHERE early = 0 OR (status = 'VOID' AND posted_at <= {cut})
) known;
CREATE TEMP VIEW scope AS SELECT * FROM invoice WHERE in_month = 1 AND currency <> '';
""",
    "document": """
CREATE TEMP TABLE documents AS
SELECT i.n, CAST(0 AS TINYINT) AS tied,
  CASE WHEN i.in_month = 1 AND i.currency <> '' THEN i.n END AS core,
  CASE WHEN i.n IS NULL THEN d.ref END AS stranger,
  CAST(CASE WHEN i.in_month = 1 AND i.currency = '' THEN 1 ELSE 0 END AS TINYINT) AS custom,
  CAST(d.target AS ENUM ({registers})) AS target,
  substr(d.id, length(d.target) + 2) AS name, d.currency,
  CAST(COALESCE(wound.status, d.status) AS ENUM ({statuses})) AS status,
  CASE WHEN i.n IS NULL THEN d.posted END AS posted,
  {numbered} AS month, d.tax, d.paid,
  CASE WHEN d.status IN ('OPEN', 'PART_PAID', 'PAID', 'UNCOLLECTIBLE') THEN d.minor ELSE 0 END
    AS gross,
  COALESCE(wound.owed,
    CASE WHEN d.status IN ('OPEN', 'PART_PAID') THEN d.still_open ELSE 0 END) AS owed,
  CAST(CASE WHEN d.status IN ('OPEN', 'PART_PAID', 'PAID', 'UNCOLLECTIBLE')
    AND d.minor = i.due AND d.currency = i.currency THEN 1 ELSE 0 END AS TINYINT) AS agrees
FROM (
  SELECT id, ref, parent AS target, currency, minor, tax,
    CASE WHEN early = 1 AND posted_at > {cut} THEN began_at ELSE posted_at END AS posted,
    CASE WHEN early = 0 THEN status
      WHEN posted_at > {cut} THEN 'DRAFT'
      WHEN paid_at > {cut} OR paid = 0 THEN 'OPEN'
      WHEN paid >= minor + tax THEN 'PAID'
      ELSE 'PART_PAID' END AS status,
    CASE WHEN early = 0 THEN paid
      WHEN posted_at > {cut} OR paid_at > {cut} THEN 0
      ELSE paid END AS paid,
    CASE WHEN early = 0 THEN open
      WHEN paid_at > {cut} THEN
        CASE WHEN status IN ('VOID', 'DELETED') THEN minor + tax ELSE open + paid END
      WHEN minor + tax > paid THEN minor + tax - paid
      ELSE 0 END AS still_open
  FROM {stands}
  WHERE parent IN ({registers}) AND (early = 0 OR posted_at <= {cut} OR began_at <= {cut})
) d
LEFT JOIN wound ON wound.id = d.id
LEFT JOIN invoice i ON i.id = d.ref
""",
    "memo": """
CREATE TEMP TABLE memos AS
SELECT id, ref, CASE WHEN ref = parent || '|None' THEN 1 ELSE 0 END AS loose,
  parent AS target, substr(id, length(parent) + 2) AS name, currency, minor, tax,
  CASE WHEN early = 1 THEN 'issued' ELSE status END AS status
FROM {stands}
WHERE parent IN ({registers})
  AND (early = 0 OR (posted_at <= {cut} AND (began_at IS NULL OR began_at <= {cut})))
""",
    "push": """
CREATE TEMP TABLE claims AS SELECT ref, id FROM {stands} WHERE early = 0 AND ref <> ''
""",
    "flag": """
CREATE TEMP TABLE flagged AS SELECT ref FROM {stands} WHERE early = 0 OR posted_at <= {cut}
""",
}

# A document that names no invoice, and that two persons have tied to one: a person may look.
TIED = """
UPDATE documents SET tied = 1,
  core = CASE WHEN i.in_month = 1 AND i.currency <> '' THEN i.n END,
  stranger = CASE WHEN i.n IS NULL THEN l.ref END,
  custom = CASE WHEN i.in_month = 1 AND i.currency = '' THEN 1 ELSE 0 END
FROM link l LEFT JOIN invoice i ON i.id = l.ref
WHERE documents.stranger = '' AND l.document = documents.target || '|' || documents.name
"""
# A memo, a flag, another version, or another claim on the document: a person may look.
TROUBLED = """
CREATE TEMP TABLE troubled AS
SELECT d.core FROM documents d JOIN memos m ON m.ref = d.target || '|' || d.name
UNION SELECT d.core FROM documents d JOIN claims c ON c.ref = d.name
  JOIN invoice i ON i.n = d.core WHERE c.id <> i.id
UNION SELECT i.n FROM invoice i JOIN flagged f ON f.ref = i.id
UNION SELECT i.n FROM invoice i JOIN invoice later ON later.parent = i.id
  WHERE later.parent <> ''
"""
PLAIN = """
CREATE TEMP TABLE plain AS
SELECT g.core AS n, CASE WHEN g.first_month < g.last_month THEN 1 ELSE 0 END AS apart
FROM (
  SELECT core, count(*) AS documents, sum(CASE target {weights} END) AS registers,
    min(agrees) AS agree, min(month) AS first_month, max(month) AS last_month
  FROM documents WHERE core IS NOT NULL GROUP BY core
) g
WHERE g.documents = {count} AND g.registers = {whole} AND g.agree = 1
  AND NOT EXISTS (SELECT 1 FROM troubled t WHERE t.core = g.core)
"""
WANTED = """
SELECT i.id FROM scope i WHERE NOT EXISTS (SELECT 1 FROM plain p WHERE p.n = i.n) ORDER BY i.n
"""
NAMES = "SELECT i.id FROM plain p JOIN invoice i ON i.n = p.n ORDER BY i.n"
SUMS = """
SELECT d.target, d.currency, count(*), sum(d.gross), sum(d.tax), sum(d.paid), sum(d.owed)
FROM documents d JOIN plain p ON p.n = d.core GROUP BY d.target, d.currency
"""
APART = """
SELECT d.target, d.currency, count(*), sum(d.gross)
FROM plain p JOIN documents d ON d.core = p.n
JOIN documents s ON s.core = p.n AND s.target = $stripe
WHERE p.apart = 1 AND d.month <> s.month GROUP BY d.target, d.currency
"""
# The canonical rows of each source, as `sync.canon` writes them one by one.
INVOICE_LINES = """
SELECT concat_ws('|', id, status, currency, minor) || chr(10)
FROM invoice WHERE n > $after AND n <= $until ORDER BY n
"""
DOCUMENT_LINES = """
SELECT d.target, CASE WHEN p.n IS NULL THEN '' ELSE d.currency END AS plain,
  concat_ws('|', d.name, d.status, d.currency, d.gross, d.tax, d.paid, d.owed, i.id)
  || chr(10) AS line
FROM documents d
JOIN (SELECT n, id FROM invoice WHERE n > $after AND n <= $until) i ON i.n = d.n
LEFT JOIN (SELECT n FROM plain WHERE n > $after AND n <= $until) p ON p.n = d.core
WHERE d.n > $after AND d.n <= $until ORDER BY d.target, d.n, d.name
"""
STRANGE_LINES = """
SELECT concat_ws('|', name, status, currency, gross, tax, paid, owed,
  CASE WHEN tied = 1 THEN '' ELSE stranger END) || chr(10)
FROM documents WHERE n IS NULL AND target = $target ORDER BY name
"""
MEMO_LINES = """
SELECT concat_ws('|', name, status, currency, minor, tax,
  CASE WHEN loose = 1 THEN '' ELSE substr(ref, length(target) + 2) END) || chr(10)
FROM memos WHERE target = $target ORDER BY name
"""
CORE_TOTALS = """
SELECT currency, count(*), sum(CASE WHEN status = 'FINALIZED' THEN minor ELSE 0 END)
FROM scope GROUP BY currency
"""
DOCUMENT_TOTALS = """
SELECT target, currency, count(*), sum(gross), sum(owed)
FROM documents WHERE core IS NOT NULL GROUP BY target, currency
"""
WITH_DOCUMENT = """
SELECT d.target, count(DISTINCT i.n) FROM documents d JOIN scope i ON i.n = d.core
WHERE i.status NOT IN ('FINALIZED', 'VOID') GROUP BY d.target
"""
# Live documents of one invoice in further currencies have a row for each.
FURTHER = """
SELECT target, sum(currencies - 1) FROM (
  SELECT d.target, count(DISTINCT d.currency) AS currencies
  FROM documents d LEFT JOIN plain p ON p.n = d.core
  WHERE d.core IS NOT NULL AND p.n IS NULL AND d.status NOT IN ('VOID', 'DELETED')
  GROUP BY d.core, d.target HAVING count(*) > 1
) several GROUP BY target
"""
STRANGERS = """
SELECT DISTINCT stranger FROM documents WHERE stranger <> '' AND {month} ORDER BY stranger
"""
UNNAMED = """
SELECT target, name FROM documents WHERE stranger = '' AND {month} ORDER BY target, name
"""
# Documents of invoices that are no money; memos on documents that are in no row.
CUSTOMS = "SELECT target, name FROM documents WHERE custom = 1 ORDER BY target, name"
STRAY = """
SELECT m.id FROM memos m LEFT JOIN documents d ON m.ref = d.target || '|' || d.name
WHERE m.loose = 0 AND d.core IS NULL ORDER BY m.id
"""
STOOD = """
SELECT target, count(*) FROM documents GROUP BY target
UNION ALL SELECT target, count(*) FROM memos GROUP BY target
"""
ELSEWHERE = """
SELECT target, count(*) FROM documents d WHERE core IS NULL AND custom = 0
  AND (stranger IS NULL OR CASE WHEN {month} THEN 0 ELSE 1 END = 1)
  AND (stranger IS NULL OR stranger = '' OR NOT EXISTS (
    SELECT 1 FROM documents s WHERE s.stranger = d.stranger AND {of_stranger}
  ))
GROUP BY target
"""


def month_number(column: str, zone: str) -> str:
    """Months counted on, of a column of times, where the time zone's clocks say they begin.

    A clock is less than a month from UTC: the month is that of UTC, or one beside it. The
    first instants are those of `sync.months`; the database's own zones may be of another year.
    """
    utc = (
        f"CAST(EXTRACT(year FROM make_timestamp({column})) * {MONTHS} "
        f"+ EXTRACT(month FROM make_timestamp({column})) AS INTEGER)"
    )
    if zone == "UTC":
        return utc
    first = YEARS.start * MONTHS  # a list counts from 1, and so do months
    begin = f"[{','.join(str(micros(one)) for one in first_instants(zone, YEARS))}]"
    return (
        f"({utc} + CASE WHEN {column} >= {begin}[{utc} - {first} + 1] THEN 1 "
        f"WHEN {column} < {begin}[{utc} - {first}] THEN -1 ELSE 0 END)"
    )
