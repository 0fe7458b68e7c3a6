-- What a lane's jobs were promised, as JSON; empty, nothing. Lanes are few: the table is written anew.
CREATE TABLE lanes_with_terms (
    id INTEGER PRIMARY KEY,
    credential TEXT NOT NULL,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    class TEXT NOT NULL,
    terms TEXT NOT NULL,
    UNIQUE (credential, provider, endpoint, model, class, terms)
) STRICT;
INSERT INTO lanes_with_terms SELECT id, credential, provider, endpoint, model, class, '' FROM lanes;
DROP TABLE lanes;
ALTER TABLE lanes_with_terms RENAME TO lanes;
