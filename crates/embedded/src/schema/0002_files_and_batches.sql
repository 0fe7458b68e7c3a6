-- Callers' files, uploads and batches: each one document, with what is searched beside it.
CREATE TABLE files (
    id BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    purpose TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX files_by_tenant ON files (tenant, created_ms, id);
CREATE INDEX files_by_expiry ON files (expires_ms, id) WHERE expires_ms IS NOT NULL;

CREATE TABLE uploads (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX uploads_by_expiry ON uploads (expires_ms);

CREATE TABLE batches (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    open INTEGER NOT NULL,                 -- 1 until the state is final
    ended_ms INTEGER,                      -- from then on
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX batches_by_tenant ON batches (tenant, created_ms, id);
CREATE INDEX batches_open ON batches (created_ms, id) WHERE open = 1;
CREATE INDEX batches_by_end ON batches (ended_ms) WHERE ended_ms IS NOT NULL;
