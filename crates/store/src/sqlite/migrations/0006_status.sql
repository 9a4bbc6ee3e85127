-- The live access tokens of the clients that want a status list (draft-ietf-oauth-status-list): one
-- row each, at an index that nobody else has. Times are seconds since the Unix epoch.
CREATE TABLE status (
    list INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    token_id TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    free_at INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    PRIMARY KEY (list, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX status_by_token ON status (token_id);
CREATE INDEX status_by_grant ON status (grant_id);
CREATE INDEX status_by_age ON status (free_at);
CREATE INDEX status_revoked ON status (list, idx) WHERE revoked = 1;

-- Revocations of clients and keys are few, and looked at for each token that is listed.
CREATE INDEX revocation_wide ON revocation (kind, id) WHERE kind IN ('client', 'key');
