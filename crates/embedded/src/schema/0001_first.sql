-- Texts that many rows share. A number is never given again: readers remember them.
CREATE TABLE names (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE lanes (
    id INTEGER PRIMARY KEY,
    credential TEXT NOT NULL,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    class TEXT NOT NULL,
    UNIQUE (credential, provider, endpoint, model, class)
) STRICT;

-- Jobs in order of arrival, so that what changes together lies together.
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    tenant INTEGER NOT NULL,               -- names
    lane INTEGER NOT NULL,                 -- lanes
    model INTEGER NOT NULL,                -- names
    created_ms INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    body_sha256 ANY NOT NULL,              -- 32 bytes; text if it is no such hash
    keyed INTEGER NOT NULL,
    tag TEXT,
    state TEXT NOT NULL,
    open INTEGER,                          -- 1 until the state is final
    attempt INTEGER NOT NULL,
    submission BLOB,                       -- while packed
    finished_ms INTEGER NOT NULL,
    cancel_wished INTEGER NOT NULL,
    twin INTEGER NOT NULL,
    twins INTEGER NOT NULL,
    low INTEGER NOT NULL,
    resends INTEGER NOT NULL,
    handed_to BLOB,
    handed_retry INTEGER,
    handed_ms INTEGER,
    body_object INTEGER,                   -- names
    body_offset INTEGER,
    body_length INTEGER,
    answer_status INTEGER,
    answer_object INTEGER,                 -- names
    answer_offset INTEGER,
    answer_length INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    failure_code TEXT,
    failure_message TEXT,
    spare BLOB                             -- shrinks as the others fill, so that no page must be split for them
) STRICT;
CREATE UNIQUE INDEX jobs_by_id ON jobs (id);
CREATE INDEX jobs_by_tenant ON jobs (tenant, created_ms);
CREATE INDEX jobs_by_deadline ON jobs (deadline_ms) WHERE open = 1;

-- Intake: the queue's number is in the upper bits of seq, so that each queue lies together in order of arrival.
CREATE TABLE queues (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    job BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    tenant INTEGER NOT NULL,               -- names
    lane INTEGER NOT NULL,                 -- lanes
    requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    inputs INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    object TEXT,                           -- where the body is, if it is not here
    offset INTEGER,
    length INTEGER,
    body BLOB
) STRICT;

CREATE TABLE submissions (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX submissions_open ON submissions (created_ms, id) WHERE settled = 0;

CREATE TABLE classes (name TEXT PRIMARY KEY, version INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;

CREATE TABLE usage (
    submission BLOB NOT NULL,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    lines INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (submission, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    hash BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;

CREATE TABLE credentials (name TEXT PRIMARY KEY, nonce BLOB NOT NULL, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
