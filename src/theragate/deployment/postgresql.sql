-- Rules of a release server's database, for PostgreSQL
-- Run this once, as the owner of MLflow's tables, after the server's first start.
-- The tests run this file against a real PostgreSQL.

-- 1. The server's own role: it serves MLflow, appends to the ledger, and can neither change a row nor drop a rule.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'theragate_server') THEN
    CREATE ROLE theragate_server LOGIN;  -- give it a password or a certificate
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO theragate_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO theragate_server;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO theragate_server;
REVOKE UPDATE, DELETE, TRUNCATE ON theragate_ledger, theragate_dossiers FROM theragate_server;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM theragate_server;

-- 2. The ledger is append-only for everybody, including the owner unless they drop the rule first.
CREATE OR REPLACE FUNCTION theragate_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger of releases is append-only';
END $$;
DROP TRIGGER IF EXISTS theragate_append_only ON theragate_ledger;
CREATE TRIGGER theragate_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON theragate_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION theragate_append_only();

-- 3. When a transaction commits, `champion`, in any spelling, is what the last row says.
CREATE OR REPLACE FUNCTION theragate_champion(model text) RETURNS integer LANGUAGE sql STABLE AS $$
  WITH last AS (
    SELECT * FROM theragate_ledger
    WHERE study = model AND kind IN ('promote', 'rollback', 'withdraw') ORDER BY seq DESC LIMIT 1
  )
  SELECT version FROM last
  WHERE kind <> 'withdraw' AND NOT EXISTS (
    SELECT FROM theragate_ledger AS later
    WHERE later.study = model AND later.kind = 'revoke' AND later.seq > last.seq
      AND (later.version = last.version
           OR later.event::jsonb ->> 'model_sha256' = last.event::jsonb ->> 'model_sha256')
  )
$$;

CREATE OR REPLACE FUNCTION theragate_check_champion() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
  model text := coalesce(changed ->> 'study', changed ->> 'name');
  expected text := coalesce(theragate_champion(model)::text, 'nobody');
  found text;
BEGIN
  SELECT coalesce(string_agg(version::text, ', '), 'nobody') INTO found FROM registered_model_aliases
    WHERE name = model AND lower(btrim(normalize(alias, NFKC))) = 'champion';
  IF found <> expected THEN
    RAISE EXCEPTION 'the champion of % is %, says the ledger, and not %', model, expected, found;
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS theragate_champion ON registered_model_aliases;
CREATE CONSTRAINT TRIGGER theragate_champion AFTER INSERT OR UPDATE OR DELETE ON registered_model_aliases
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION theragate_check_champion();
DROP TRIGGER IF EXISTS theragate_champion ON theragate_ledger;
CREATE CONSTRAINT TRIGGER theragate_champion AFTER INSERT ON theragate_ledger
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION theragate_check_champion();
