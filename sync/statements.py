"""The statements of the set engine, in plain SQL; pure.

An observation stands at the cutoff when it is the last of its id that had become so by then.
Where none had, the first one is taken `early`, and rewound by its own dates; the rules are
those of `state.effective`, and a test holds the two equal.
"""

# What is read of each kind. The names are those of the table `observations`.
COLUMNS: dict[str, tuple[str, ...]] = {
    "invoice": (
        *("seq", "id", "ref", "parent", "status", "currency", "minor"),
        *("posted_at", "effective_at"),
    ),
    "document": (
        *("seq", "id", "ref", "parent", "status", "currency", "minor", "tax", "paid"),
        *("open", "began_at", "posted_at", "effective_at"),
    ),
    "memo": ("seq", "id", "ref", "parent", "posted_at", "effective_at"),
    "push": ("seq", "id", "ref", "effective_at"),
    "link": ("seq", "id", "ref", "parent", "status", "effective_at"),
    "flag": ("seq", "id", "ref", "posted_at", "effective_at"),
}
TEXTS = frozenset({"id", "ref", "parent", "status", "currency"})

# What had not become so by the cutoff is early; of an id seen once it stands all the same.
SEEN = """
CREATE TEMP TABLE {kind} AS
SELECT {typed}, CASE WHEN effective_at <= {cut} THEN 0 ELSE 1 END AS early FROM incoming
"""
SCOPE = """
CREATE TEMP VIEW at_cutoff AS SELECT * FROM invoice WHERE early = 0;
CREATE TEMP VIEW scope AS
SELECT id, ref AS customer, parent, status, currency, minor, COALESCE(posted_at, -1) AS posted
FROM at_cutoff WHERE currency <> '' AND {month};
CREATE TEMP VIEW custom AS SELECT id FROM at_cutoff WHERE currency = '' AND {month};
CREATE TEMP VIEW other_month AS
SELECT id FROM at_cutoff WHERE CASE WHEN {month} THEN 0 ELSE 1 END = 1;
"""
DOCUMENTS = """
CREATE TEMP VIEW links AS
SELECT ref, parent FROM link WHERE early = 0 AND status = 'ACTIVE';
CREATE TEMP TABLE documents AS
SELECT COALESCE(NULLIF(stood.ref, ''), tied.ref, '') AS ref,
  target, name, currency, status, posted, tax, paid,
  CASE WHEN status IN ('OPEN', 'PART_PAID', 'PAID', 'UNCOLLECTIBLE') THEN minor ELSE 0 END
    AS gross,
  CASE WHEN status IN ('OPEN', 'PART_PAID') THEN still_open ELSE 0 END AS owed
FROM (
  SELECT ref, id AS whole_id, parent AS target, substr(id, length(parent) + 2) AS name,
    currency, minor, tax,
    CASE WHEN early = 1 AND posted_at > {cut} THEN began_at ELSE posted_at END AS posted,
    CASE WHEN early = 0 THEN status
      WHEN posted_at > {cut} THEN 'DRAFT'
      WHEN status <> 'VOID' OR paid = 0 THEN 'OPEN'
      WHEN paid >= minor + tax THEN 'PAID'
      ELSE 'PART_PAID' END AS status,
    CASE WHEN early = 0 THEN paid
      WHEN status = 'VOID' AND posted_at <= {cut} THEN paid
      ELSE 0 END AS paid,
    CASE WHEN early = 0 THEN open
      WHEN status = 'VOID' THEN CASE WHEN minor + tax > paid THEN minor + tax - paid ELSE 0 END
      ELSE minor + tax END AS still_open
  FROM document
  WHERE parent IN ({registers})
    AND (early = 0 OR posted_at <= {cut} OR began_at <= {cut})
) stood
LEFT JOIN (SELECT parent, min(ref) AS ref FROM links GROUP BY parent) tied
  ON tied.parent = whole_id;
DROP TABLE document;
"""
MEMOS = """
CREATE TEMP TABLE memos AS
SELECT id, ref, CASE WHEN ref = parent || '|None' THEN 1 ELSE 0 END AS loose
FROM memo WHERE parent IN ({registers}) AND (early = 0 OR posted_at <= {cut})
"""
FLAGS = """
CREATE TEMP TABLE flagged AS
SELECT ref FROM flag WHERE early = 0 OR posted_at <= {cut}
UNION SELECT ref FROM links
"""
PLAIN = """
CREATE TEMP TABLE plain AS
SELECT i.id, i.customer, i.posted, i.currency, i.minor, g.months
FROM scope i JOIN (
  SELECT d.ref, count(*) AS documents,
    sum(CASE d.target {weights} END) AS registers,
    min(d.gross) AS least, max(d.gross) AS most,
    CASE WHEN date_trunc('month', make_timestamp(min(d.posted)))
      < date_trunc('month', make_timestamp(max(d.posted))) THEN 2 ELSE 1 END AS months,
    min(d.currency) AS first_currency, max(d.currency) AS last_currency,
    sum(CASE WHEN d.status IN ('OPEN', 'PART_PAID', 'PAID', 'UNCOLLECTIBLE') THEN 1 ELSE 0 END)
      AS posted,
    sum(CASE WHEN m.ref IS NULL AND c.ref IS NULL THEN 0 ELSE 1 END) AS troubled
  FROM documents d
  LEFT JOIN (SELECT DISTINCT ref FROM memos) m ON m.ref = d.target || '|' || d.name
  LEFT JOIN (
    SELECT DISTINCT p.ref, p.id AS claimant FROM push p WHERE p.early = 0 AND p.ref <> ''
  ) c ON c.ref = d.name AND c.claimant <> d.ref
  GROUP BY d.ref
) g ON g.ref = i.id
WHERE i.status = 'FINALIZED' AND i.parent = ''
  AND g.documents = {count} AND g.registers = {whole} AND g.posted = {count}
  AND g.troubled = 0 AND g.least = i.minor AND g.most = i.minor
  AND g.first_currency = i.currency AND g.last_currency = i.currency
  AND NOT EXISTS (SELECT 1 FROM flagged f WHERE f.ref = i.id)
  AND NOT EXISTS (SELECT 1 FROM at_cutoff n WHERE n.parent = i.id)
"""
APART = """
SELECT d.target, p.currency, count(*), sum(d.gross)
FROM plain p
JOIN documents s ON s.ref = p.id AND s.target = $stripe
JOIN documents d ON d.ref = p.id
WHERE p.months > 1
  AND date_trunc('month', make_timestamp(d.posted))
    <> date_trunc('month', make_timestamp(s.posted))
GROUP BY d.target, p.currency
"""
LINES = """
SELECT p.id || '|' || d.name || '|' || CAST(d.gross AS VARCHAR) || chr(10) AS line
FROM plain p JOIN documents d ON d.ref = p.id
WHERE d.target = $target AND p.currency = $currency
ORDER BY p.customer, p.posted, p.id
"""

# Most ids were seen once; only of the others does a choice have to be made.
STANDS = """
CREATE TEMP TABLE again AS
SELECT id, max(CASE WHEN effective_at <= {cut} THEN seq END) AS last, min(seq) AS first
FROM {kind} GROUP BY id HAVING count(*) > 1;
DELETE FROM {kind} WHERE seq IN (
  SELECT o.seq FROM {kind} o JOIN again a ON a.id = o.id
  WHERE o.seq <> COALESCE(a.last, a.first)
);
DROP TABLE again;
"""
STRANGERS = """
SELECT DISTINCT ref FROM documents d
WHERE ref <> '' AND {month}
  AND NOT EXISTS (SELECT 1 FROM at_cutoff i WHERE i.id = d.ref)
ORDER BY ref
"""
UNNAMED = """
SELECT target, name FROM documents WHERE ref = '' AND {month} ORDER BY target, name
"""
