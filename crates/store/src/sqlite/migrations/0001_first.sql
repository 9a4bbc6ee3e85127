-- Times are milliseconds since the Unix epoch, except revocation.expires_at: seconds.

CREATE TABLE client (
    client_id TEXT PRIMARY KEY,
    metadata TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    subject TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    disabled INTEGER NOT NULL,
    claims TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a grant, from the authorization code (generation 0) to the newest refresh token.
-- No index covers a column that a rotation changes.
CREATE TABLE grants (
    id BLOB PRIMARY KEY,
    subject TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    amr TEXT NOT NULL,
    session_id TEXT,
    sender TEXT NOT NULL,
    generation INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_reason TEXT,
    pending TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_subject ON grants (subject);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_session ON grants (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE consent (
    subject TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    PRIMARY KEY (subject, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    secret_hash BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_subject ON session (subject);

-- AUTOINCREMENT: a number is never used twice, even after the newest row was forgotten.
CREATE TABLE revocation (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT NOT NULL,
    grant_id TEXT NOT NULL
) STRICT;

-- What a server keeps in memory is read again when the version moves, also when another process
-- has moved it.
CREATE TABLE catalogue (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO catalogue VALUES (1, 0);
CREATE TRIGGER client_added AFTER INSERT ON client
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER client_changed AFTER UPDATE ON client
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER client_removed AFTER DELETE ON client
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER signing_key_added AFTER INSERT ON signing_key
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER signing_key_changed AFTER UPDATE ON signing_key
    BEGIN UPDATE catalogue SET version = version + 1; END;
CREATE TRIGGER signing_key_removed AFTER DELETE ON signing_key
    BEGIN UPDATE catalogue SET version = version + 1; END;
