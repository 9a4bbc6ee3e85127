-- The ids of master keys that were replaced. Nothing is sealed with them any more, and whoever still
-- tries to has to read its master key again.
CREATE TABLE replaced_master_key (
    id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
