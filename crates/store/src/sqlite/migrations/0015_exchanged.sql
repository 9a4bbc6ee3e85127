-- Whether other clients have exchanged tokens of a grant (RFC 8693). Those carry the id of the grant
-- and not that of its client, so the end of the client has to be told for each such grant.
ALTER TABLE grants ADD COLUMN exchanged INTEGER NOT NULL DEFAULT 0;
