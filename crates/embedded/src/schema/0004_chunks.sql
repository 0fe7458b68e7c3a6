-- Chunks of submissions to own engines, each one document with what is searched beside it; and what tenants were served
-- of each model.
CREATE TABLE chunks (
    submission BLOB NOT NULL,
    place INTEGER NOT NULL,                -- its index in the submission
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    open INTEGER NOT NULL,                 -- 1 until the state is final
    doc TEXT NOT NULL,
    PRIMARY KEY (submission, place)
) STRICT;
CREATE INDEX chunks_open ON chunks (model, created_ms, submission, place) WHERE open = 1;

CREATE TABLE served (model TEXT PRIMARY KEY, version INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;
