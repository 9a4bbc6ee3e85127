-- Signing keys and the secrets of tokens that only the server reads have one kind of life. Times are
-- milliseconds since the Unix epoch. longest_token_s is the longest life, in seconds, of anything
-- that the key has made; of keys from before it the longest that the configuration allowed.
CREATE TABLE sealed_key (
    kid TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    announced_at INTEGER NOT NULL,
    active_at INTEGER,
    retired_at INTEGER,
    longest_token_s INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_key
    SELECT kid, algorithm, created_at, created_at, NULL, 86400, sealed FROM signing_key;
INSERT INTO sealed_key
    SELECT 'secret-' || id, purpose, created_at, created_at, NULL, 34560000, sealed FROM secret;
DROP TABLE signing_key;
DROP TABLE secret;
UPDATE catalogue SET version = version + 1;
CREATE TRIGGER sealed_key_added AFTER INSERT ON sealed_key
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER sealed_key_changed AFTER UPDATE ON sealed_key
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER sealed_key_removed AFTER DELETE ON sealed_key
    BEGIN UPDATE catalogue SET version = version + 1; END;
