-- Which clients a sign-in session has led to, of those that want to hear of its end.
CREATE TABLE session_client (
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    PRIMARY KEY (session_id, client_id)
) STRICT, WITHOUT ROWID;

-- Clients that are still to be told of the end of a session. AUTOINCREMENT: the number makes the
-- name of the token that tells them, which is never used twice.
CREATE TABLE logout_notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    session_id TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX logout_notice_by_due ON logout_notice (due_at);
