-- Tenants' receivers of webhooks, and what they are owed: each one document, with what is searched beside it.
CREATE TABLE receivers (
    tenant TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;

CREATE TABLE notices (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    due_ms INTEGER,                        -- while it is owed
    ended_ms INTEGER,                      -- once it was decided
    dead INTEGER NOT NULL,                 -- 1 if it was given up
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX notices_due ON notices (due_ms, id) WHERE due_ms IS NOT NULL;
CREATE INDEX notices_dead ON notices (tenant, created_ms, id) WHERE dead = 1;
CREATE INDEX notices_by_end ON notices (ended_ms) WHERE ended_ms IS NOT NULL;

-- Whom a job's request names to be told of its end, as a document.
ALTER TABLE jobs ADD COLUMN webhook TEXT;
