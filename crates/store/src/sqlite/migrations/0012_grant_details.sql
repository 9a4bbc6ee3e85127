-- What few grants have beside scope and resources, as JSON; empty for all others.
ALTER TABLE grants ADD COLUMN details TEXT;
-- The single claims that a person agreed to, as a JSON list of names; empty when there are none.
ALTER TABLE consent ADD COLUMN claims TEXT;
