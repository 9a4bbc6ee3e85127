-- Tokens that may be used once and were used, by a hash of issuer and jti, until they could not be
-- accepted any more.
CREATE TABLE used_token (
    key BLOB PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_token_by_end ON used_token (until);

-- How many there are, and up to where they were forgotten.
CREATE TABLE used_tokens (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    live INTEGER NOT NULL,
    forgotten_until INTEGER NOT NULL
) STRICT;
INSERT INTO used_tokens VALUES (1, 0, 0);
CREATE TRIGGER used_token_added AFTER INSERT ON used_token
    BEGIN UPDATE used_tokens SET live = live + 1; END;
CREATE TRIGGER used_token_forgotten AFTER DELETE ON used_token
    BEGIN UPDATE used_tokens SET live = live - 1,
        forgotten_until = max(forgotten_until, old.until); END;
