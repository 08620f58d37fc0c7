-- Rules of a release server's database, for PostgreSQL 14 or later
--
-- Run this as the owner of the database, after MLflow's tables were made and after each upgrade of them:
--     theragate docs postgresql.sql | psql -v ON_ERROR_STOP=1 …
-- It can be run again, and does everything or nothing. Nobody but the owner can undo it. docs/deployment.md has all steps
-- in their order, docs/threat-model.md what the rules stop and what they do not. Our tests run this very file.
BEGIN;

-- 1. The role that the server signs in with: it serves MLflow, appends to the ledger, and owns nothing.

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'theragate_server') THEN
    CREATE ROLE theragate_server LOGIN;  -- give it a password or a certificate
  END IF;
  -- A temporary table could take the place of one that a rule reads; MLflow needs none.
  EXECUTE pg_catalog.format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC, theragate_server', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, theragate_server;
GRANT USAGE ON SCHEMA public TO theragate_server;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, theragate_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO theragate_server;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO theragate_server;
REVOKE UPDATE, DELETE ON public.theragate_ledger FROM theragate_server;
REVOKE UPDATE, DELETE ON public.theragate_dossiers FROM theragate_server;
REVOKE UPDATE, DELETE ON public.theragate_registrations FROM theragate_server;
REVOKE UPDATE, DELETE ON public.theragate_registration_signatures FROM theragate_server;
REVOKE INSERT, UPDATE, DELETE ON public.alembic_version FROM theragate_server;

-- 2. What the rules are made of lies in a schema that only the owner can use. Every function names its tables in full and
--    searches no schema but PostgreSQL's own, so that nothing of the same name can stand in for anything.

CREATE SCHEMA IF NOT EXISTS theragate;
REVOKE ALL ON SCHEMA theragate FROM PUBLIC, theragate_server;

-- Whose signature makes a row of the ledger; filled from the trust file by `theragate keys sql | psql …`.
CREATE TABLE IF NOT EXISTS theragate.ledger_keys (
  key_id text PRIMARY KEY GENERATED ALWAYS AS (encode(sha256(public), 'hex')) STORED,
  name text NOT NULL,
  public bytea NOT NULL CHECK (octet_length(public) = 32),
  revoked date
);
REVOKE ALL ON theragate.ledger_keys FROM PUBLIC, theragate_server;

CREATE OR REPLACE FUNCTION theragate.refuse(subject text, rule text, received text, remedy text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'TG001', MESSAGE = format('%s: %s; received %s. %s', subject, rule, received, remedy);
END $$;

-- Let one transaction after the other be checked, each seeing what those before it have committed. The number is that
-- of the lock under which the server decides.
CREATE OR REPLACE FUNCTION theragate.alone() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    PERFORM theragate.refuse('the database', 'a transaction about releases sees what was committed before its end',
      format('the isolation level %s', current_setting('transaction_isolation')), 'Use READ COMMITTED, as MLflow does.');
  END IF;
  PERFORM pg_advisory_xact_lock(8388065847912391028);
END $$;

-- 3. Ed25519 (RFC 8032, section 5.1.7), which no PostgreSQL brings. Only public values go through it, so that it need
--    not take constant time. Numbers are not reduced more often than they have to be, and may be negative.

CREATE OR REPLACE FUNCTION theragate.little_endian(bytes bytea) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  number numeric := 0;
BEGIN
  FOR place IN REVERSE octet_length(bytes) - 1 .. 0 LOOP
    number := number * 256 + get_byte(bytes, place);
  END LOOP;
  RETURN number;
END $$;

CREATE OR REPLACE FUNCTION theragate.power(base numeric, exponent numeric, modulus numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result numeric := 1;
BEGIN
  WHILE exponent > 0 LOOP
    IF exponent % 2 = 1 THEN
      result := result * base % modulus;
    END IF;
    base := base * base % modulus;
    exponent := div(exponent, 2);
  END LOOP;
  RETURN result;
END $$;

CREATE OR REPLACE FUNCTION theragate.signed(message bytea, signature bytea, key bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p CONSTANT numeric := 57896044618658097711785492504343953926634992332820282019728792003956564819949;  -- 2^255 - 19
  half CONSTANT numeric := p + 19;  -- 2^255, the bit above a coordinate
  l CONSTANT numeric := 7237005577332262213973186563042994240857116359379907606001950938285454250989;  -- order of B
  d CONSTANT numeric := 37095705934669439343138083508754565189542113879843219016388785533085940283555;  -- the curve's
  root CONSTANT numeric := 19681161376707505956807079304988542015446066515923890162744021073123829784752;  -- of -1
  s numeric; h numeric; h_bits boolean[]; s_bytes bytea;
  x_is_odd boolean; u numeric; v numeric;
  -- B, -A and B - A with z = 1 or projective, each as x, y, z and t = x * y / z.
  b_x CONSTANT numeric := 15112221349535400772501151409588531511454012693041857206046113283949847762202;
  b_y CONSTANT numeric := 46316835694926478169428394003475163141307993866256225615783033603165251855960;
  ax numeric; ay numeric;
  xs numeric[]; ys numeric[]; zs numeric[]; ts numeric[];
  x numeric := 0; y numeric := 1; z numeric := 1; t numeric := 0;  -- the sum, from the neutral point on
  e numeric; f numeric; g numeric; k numeric; a numeric; b numeric; c numeric;
  which int;
BEGIN
  IF octet_length(signature) <> 64 OR octet_length(key) <> 32 THEN
    RETURN false;
  END IF;
  s_bytes := substr(signature, 33, 32);
  s := theragate.little_endian(s_bytes);
  ay := theragate.little_endian(key);
  x_is_odd := ay >= half;
  ay := ay % half;
  IF s >= l OR ay >= p THEN
    RETURN false;
  END IF;
  u := ay * ay - 1;
  v := d * ay % p * ay + 1;
  ax := v * v % p * v % p;
  ax := u % p * ax % p * theragate.power(ax * ax % p * v % p * u % p, div(p - 5, 8), p) % p;
  IF (v * ax % p * ax + u) % p = 0 THEN
    ax := ax * root % p;
  END IF;
  ax := (ax + p) % p;
  IF (v * ax % p * ax - u) % p <> 0 OR (ax = 0 AND x_is_odd) THEN
    RETURN false;
  END IF;
  IF (ax % 2 = 1) = x_is_odd THEN
    ax := p - ax;  -- what is added is -A
  END IF;
  h := theragate.little_endian(sha512(substr(signature, 1, 32) || key || message)) % l;
  FOR place IN 0 .. 252 LOOP
    h_bits[place] := h % 2 = 1;
    h := div(h, 2);
  END LOOP;
  a := (b_y - b_x) * (ay - ax) % p;
  b := (b_y + b_x) * (ay + ax) % p;
  c := b_x * b_y % p * 2 * d % p * (ax * ay % p) % p;
  e := b - a; f := 2 - c; g := 2 + c; k := b + a;
  xs := ARRAY[b_x, ax, e * f % p];
  ys := ARRAY[b_y, ay, g * k % p];
  zs := ARRAY[1, 1, f * g % p];
  ts := ARRAY[b_x * b_y % p, ax * ay % p, e * k % p];
  FOR place IN REVERSE 252 .. 0 LOOP
    a := x * x % p;
    b := y * y % p;
    e := (x + y) * (x + y) % p - a - b;
    g := b - a; f := g - 2 * z * z % p; k := -a - b;
    x := e * f % p; y := g * k % p; z := f * g % p; t := e * k % p;
    which := get_bit(s_bytes, place) + CASE WHEN h_bits[place] THEN 2 ELSE 0 END;
    IF which > 0 THEN
      a := (y - x) * (ys[which] - xs[which]) % p;
      b := (y + x) * (ys[which] + xs[which]) % p;
      c := 2 * d * t % p * ts[which] % p;
      e := b - a; g := 2 * z * zs[which] % p; f := g - c; g := g + c; k := b + a;
      x := e * f % p; y := g * k % p; z := f * g % p; t := e * k % p;
    END IF;
  END LOOP;
  z := theragate.power(z, p - 2, p);
  x := (x * z % p + p) % p;
  y := (y * z % p + p) % p;
  RETURN theragate.little_endian(substr(signature, 1, 32)) = y + CASE WHEN x % 2 = 1 THEN half ELSE 0 END;
END $$;

-- 4. The ledger: a row is accepted if it follows from the one before and a key of the ledger has signed it, and stays.

CREATE OR REPLACE FUNCTION theragate.check_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last public.theragate_ledger;
  entry theragate.ledger_keys;
  digest bytea;
  event jsonb;
  at timestamp;
  fault text;
BEGIN
  PERFORM theragate.alone();
  SELECT * INTO last FROM public.theragate_ledger ORDER BY seq DESC LIMIT 1;
  SELECT * INTO entry FROM theragate.ledger_keys WHERE key_id = NEW.key_id;
  digest := sha256(convert_to(format('[%s,"%s",%s]', NEW.seq, NEW.previous_hash, NEW.event), 'UTF8'));
  event := NEW.event::jsonb;
  at := (event ->> 'at')::timestamptz AT TIME ZONE 'UTC';
  IF NEW.seq <> coalesce(last.seq, 0) + 1 OR NEW.previous_hash <> coalesce(last.hash, repeat('0', 64)) THEN
    fault := 'one that does not follow from the last';
  ELSIF NEW.hash <> encode(digest, 'hex') THEN
    fault := 'one with another hash';
  ELSIF (event ->> 'study', event ->> 'kind', event ->> 'version')
      IS DISTINCT FROM (NEW.study::text, NEW.kind::text, NEW.version::text) THEN
    fault := 'columns that do not repeat the event';
  ELSIF at < (last.event::jsonb ->> 'at')::timestamptz AT TIME ZONE 'UTC' THEN
    fault := 'one that is older than the last';
  ELSIF entry.key_id IS NULL OR at::date >= entry.revoked THEN
    fault := format('one signed by key %s, which the database does not list%s', left(NEW.key_id, 12),
      CASE WHEN entry.key_id IS NULL THEN '' ELSE format(' after its revocation on %s', entry.revoked) END);
  ELSIF NOT theragate.signed(
      convert_to('DSSEv1 39 application/vnd.theragate.ledger-row.v1 32 ', 'UTF8') || digest,
      decode(NEW.signature, 'base64'), entry.public) THEN
    fault := 'a forged signature';
  END IF;
  IF fault IS NOT NULL THEN
    PERFORM theragate.refuse(format('ledger, row %s', NEW.seq),
      'each row follows from the one before and is signed by a key of the ledger', fault,
      'If the key is new, let the database''s owner list it: `theragate keys sql | psql …`.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION theragate.keep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM theragate.refuse(format('table %s', TG_TABLE_NAME), 'what was written about releases stays', TG_OP,
    'Nothing needs to be done.');
  RETURN NULL;
END $$;

-- 5. A dossier has the digest that names it, and stays while an attestation of a version that the ledger knows names it.

CREATE OR REPLACE FUNCTION theragate.dossier_of(attestation text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN convert_from(decode(attestation::jsonb ->> 'payload', 'base64'), 'UTF8')::jsonb
    #>> '{predicate,dossier_sha256}';
EXCEPTION WHEN others THEN
  RETURN NULL;  -- it attests nothing
END $$;

CREATE OR REPLACE FUNCTION theragate.check_dossier() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.sha256 <> encode(sha256(NEW.content), 'hex') THEN
      PERFORM theragate.refuse(format('dossier %s', left(NEW.sha256, 12)), 'it is named by its SHA-256', 'another digest',
        'Send what `theragate attest` writes.');
    END IF;
    RETURN NEW;
  END IF;
  PERFORM theragate.alone();
  IF EXISTS (
    SELECT FROM public.model_version_tags AS tag
    WHERE tag.key = 'theragate.attestation'
      AND EXISTS (SELECT FROM public.theragate_ledger AS decided
        WHERE decided.study = tag.name AND decided.version = tag.version)
      AND theragate.dossier_of(tag.value) = OLD.sha256
  ) THEN
    PERFORM theragate.refuse(format('dossier %s', left(OLD.sha256, 12)),
      'what a release rests on stays', 'its deletion', 'Delete those that no release rests on.');
  END IF;
  RETURN OLD;
END $$;

-- 6. When a transaction ends, `champion` is what the ledger says, and no other alias can be taken for it.

-- A name of ASCII as theragate.release.names compares it: capitals, digits and pairs of letters that are drawn like
-- others, some digits among letters only.
CREATE OR REPLACE FUNCTION theragate.seen(name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT btrim(replace(replace(coalesce(string_agg(
      CASE WHEN part[1] ~ '[a-z]' THEN translate(part[1], '2589', 'zsbg') ELSE part[1] END, '' ORDER BY place
    ), ''), 'rn', 'm'), 'vv', 'w'), '._- ')
  FROM regexp_matches(translate(lower(name COLLATE "C"), '01i|!', 'ollll'), '[a-z2589]+|[^a-z2589]+', 'g')
    WITH ORDINALITY AS found (part, place)
$$;

CREATE OR REPLACE FUNCTION theragate.check_alias() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.alias COLLATE "C" !~ '^[A-Za-z0-9._-]+$' THEN
    PERFORM theragate.refuse('an alias', 'it is made of letters without accents, digits, dots, dashes and underscores',
      'another character', 'Choose another alias.');
  END IF;
  IF NEW.alias <> 'champion' AND theragate.seen(NEW.alias) = theragate.seen('champion') THEN
    PERFORM theragate.refuse(format('alias `%s`', NEW.alias),
      'what is in service has the alias `champion`, and no name that could be taken for it', 'another spelling',
      'Choose another alias.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION theragate.champion(model text) RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH last AS (
    SELECT * FROM public.theragate_ledger
    WHERE study = model AND kind IN ('promote', 'rollback', 'withdraw') ORDER BY seq DESC LIMIT 1
  )
  SELECT version FROM last
  WHERE kind <> 'withdraw' AND NOT EXISTS (
    SELECT FROM public.theragate_ledger AS later
    WHERE later.study = model AND later.kind = 'revoke' AND later.seq > last.seq
      AND (later.version = last.version
           OR later.event::jsonb ->> 'model_sha256' = last.event::jsonb ->> 'model_sha256')
  )
$$;

CREATE OR REPLACE FUNCTION theragate.check_champion_of(model text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  expected text;
  present text;
BEGIN
  SELECT coalesce(theragate.champion(model)::text, 'nobody') INTO expected;
  SELECT coalesce(string_agg(version::text, ', '), 'nobody') INTO present
    FROM public.registered_model_aliases WHERE name = model AND alias = 'champion';
  IF present <> expected THEN
    PERFORM theragate.refuse(format('`%s`', model), format('its champion is %s, says the ledger', expected), present,
      'Promote through the release server.');
  END IF;
END $$;

CREATE OR REPLACE FUNCTION theragate.check_champion() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'theragate_ledger' THEN
    PERFORM theragate.alone();
    PERFORM theragate.check_champion_of(NEW.study);
    IF EXISTS (SELECT FROM public.registered_model_tags WHERE name = NEW.study AND key = 'mlflow.prompt.is_prompt') THEN
      PERFORM theragate.refuse(format('`%s`', NEW.study), 'what is released is a model', 'a prompt',
        'Register the model under another name.');
    END IF;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' AND OLD.alias = 'champion' THEN
    PERFORM theragate.alone();
    PERFORM theragate.check_champion_of(OLD.name);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.alias = 'champion' THEN
    PERFORM theragate.alone();
    PERFORM theragate.check_champion_of(NEW.name);
  END IF;
  RETURN NULL;
END $$;

-- 7. What is or was in service stays as it is: its model's name, its version, its files' place, what its tags state.

CREATE OR REPLACE FUNCTION theragate.mentioned(model text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM public.theragate_ledger WHERE study = model)
$$;

CREATE OR REPLACE FUNCTION theragate.was_in_service(model text, number integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM public.theragate_ledger WHERE study = model AND version = number AND kind IN ('promote', 'rollback')
  )
$$;

-- The digest of the package that this very transaction has decided about, in a row that was accepted above.
CREATE OR REPLACE FUNCTION theragate.decided_now(model text, number integer, kinds text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT event::jsonb ->> 'package_sha256' FROM public.theragate_ledger
  WHERE study = model AND version = number AND kind = ANY (kinds) AND xmin = pg_current_xact_id()::xid
  ORDER BY seq DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION theragate.keeps(model text, received text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM theragate.refuse(format('`%s`', model), 'what the ledger refers to stays as it is', received,
    'Register something new; to take a version out of service, withdraw or revoke it.');
END $$;

CREATE OR REPLACE FUNCTION theragate.check_model() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- As theragate.mlflow_plugin.presentation writes it.
  unsigned CONSTANT text := 'Whoever may edit this model has written this, and nobody has signed it: what was judged is on the '
    'pages of its versions.';
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.description IS DISTINCT FROM OLD.description AND theragate.mentioned(NEW.name)
      AND coalesce(NEW.description, '') NOT IN ('', unsigned) AND NOT starts_with(NEW.description, unsigned || E'\n\n') THEN
    PERFORM theragate.refuse(format('`%s`, description of the model', NEW.name),
      'it says above all that nobody has signed it', 'words without that line', 'Describe it through the release server.');
  END IF;
  IF TG_OP = 'UPDATE' AND (OLD.workspace, OLD.name) = (NEW.workspace, NEW.name) THEN
    RETURN NULL;
  END IF;
  PERFORM theragate.alone();
  IF TG_OP <> 'INSERT' AND theragate.mentioned(OLD.name) THEN
    PERFORM theragate.keeps(OLD.name, format('%s of the model', TG_OP));
  END IF;
  IF TG_OP <> 'DELETE' AND theragate.mentioned(NEW.name) THEN
    PERFORM theragate.keeps(NEW.name, 'another model of that name');
  END IF;
  IF TG_OP <> 'DELETE' AND (NEW.name COLLATE "C" !~ '^[ -~]+$'
      OR EXISTS (SELECT FROM public.theragate_ledger WHERE theragate.seen(study) = theragate.seen(NEW.name))) THEN
    PERFORM theragate.refuse('a model', 'its name is of visible ASCII characters, and none that could be taken for that '
      'of a model that the ledger mentions', 'another name', 'Choose another name.');
  END IF;
  RETURN NULL;
END $$;

-- Which models have had another name in which transaction: what it has done to their tags would not be found there.
CREATE TABLE IF NOT EXISTS theragate.renamed (transaction xid8 NOT NULL, name text NOT NULL);
REVOKE ALL ON theragate.renamed FROM PUBLIC, theragate_server;

CREATE OR REPLACE FUNCTION theragate.check_new_name() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (OLD.workspace, OLD.name) <> (NEW.workspace, NEW.name) THEN
    DELETE FROM theragate.renamed WHERE transaction < pg_snapshot_xmin(pg_current_snapshot());
    INSERT INTO theragate.renamed VALUES (pg_current_xact_id(), OLD.name);
  END IF;
  RETURN NEW;
END $$;

-- A version changes its name with its model (by the foreign key, which is a trigger, too), and its number never.
CREATE OR REPLACE FUNCTION theragate.check_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (OLD.workspace, OLD.name, OLD.version) <> (NEW.workspace, NEW.name, NEW.version) AND pg_trigger_depth() < 2 THEN
    PERFORM theragate.refuse(format('`%s` version %s', OLD.name, OLD.version),
      'it keeps its number and stays with its model', format('`%s` version %s', NEW.name, NEW.version), 'Register something new.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION theragate.check_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  free text[] := ARRAY['last_updated_time', 'current_stage'];
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - free = to_jsonb(NEW) - free
      AND coalesce(NEW.current_stage, 'None') IN ('None', 'Staging', 'Archived') THEN
    RETURN NULL;
  END IF;
  PERFORM theragate.alone();
  IF TG_OP = 'DELETE' THEN
    IF theragate.was_in_service(OLD.name, OLD.version) THEN
      PERFORM theragate.keeps(OLD.name, format('the deletion of version %s', OLD.version));
    END IF;
    -- MLflow only marks a version as deleted: who registered it is still known.
    IF EXISTS (SELECT FROM public.registered_models WHERE workspace = OLD.workspace AND name = OLD.name) THEN
      PERFORM theragate.refuse(format('`%s` version %s', OLD.name, OLD.version), 'its row stays as long as its model',
        'its deletion', 'Delete versions through the release server.');
    END IF;
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF theragate.was_in_service(NEW.name, NEW.version) THEN
      PERFORM theragate.keeps(NEW.name, format('another version %s', NEW.version));
    END IF;
    RETURN NULL;
  END IF;
  IF NEW.current_stage = 'Production' THEN
    PERFORM theragate.refuse(format('`%s` version %s', NEW.name, NEW.version),
      'what is in service has the alias `champion`', 'the stage Production', 'Set the alias `champion` instead.');
  END IF;
  IF theragate.was_in_service(OLD.name, OLD.version) OR theragate.was_in_service(NEW.name, NEW.version) THEN
    free := free || 'storage_location'::text;
    IF to_jsonb(OLD) - free <> to_jsonb(NEW) - free
        OR coalesce(NEW.current_stage, 'None') NOT IN ('None', 'Staging', 'Archived') THEN
      PERFORM theragate.keeps(OLD.name, format('a change of version %s', OLD.version));
    END IF;
    IF NEW.storage_location IS DISTINCT FROM OLD.storage_location AND right(NEW.storage_location, 65)
        IS DISTINCT FROM '/' || theragate.decided_now(NEW.name, NEW.version, '{promote,rollback}') THEN
      PERFORM theragate.keeps(OLD.name, format('other files for version %s', OLD.version));
    END IF;
  END IF;
  RETURN NULL;
END $$;

-- A tag as people read it, like theragate.mlflow_plugin.names: `Theragate_verdict` passes for `theragate.verdict`.
CREATE OR REPLACE FUNCTION theragate.read(key text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT regexp_replace(btrim(theragate.seen(key), '._-/ '), '[^a-z0-9]+', '.')
$$;

CREATE OR REPLACE FUNCTION theragate.by_server(key text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT theragate.read(key) IN ('theragate.approved', 'theragate.released', 'theragate.revoked')
$$;

-- Tags that state something about a version, and the one by which MLflow takes a model for a prompt. A name with letters
-- of other alphabets could be taken for one of them.
CREATE OR REPLACE FUNCTION theragate.reserved(key text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (theragate.read(key) ~ '^(theragate|shazs6|glt)([.]|$)' OR key = 'mlflow.prompt.is_prompt'
      OR key COLLATE "C" !~ '^[ -~]*$')
    AND key NOT IN ('theragate.candidate_taken', 'theragate.pending')
$$;

CREATE OR REPLACE FUNCTION theragate.check_version_tag() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  subject text;
  made_now boolean;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.key, OLD.version, OLD.value) IS NOT DISTINCT FROM (NEW.key, NEW.version, NEW.value)
      AND NOT EXISTS (SELECT FROM public.model_versions WHERE name = OLD.name AND version = OLD.version)
      AND NOT theragate.was_in_service(NEW.name, NEW.version) THEN
    RETURN NULL;  -- the whole model has another name
  END IF;
  IF TG_OP <> 'INSERT' THEN
    IF theragate.reserved(OLD.key)
        AND (EXISTS (SELECT FROM public.model_versions WHERE name = OLD.name AND version = OLD.version)
             OR ((TG_OP = 'DELETE' OR (OLD.key, OLD.value) IS DISTINCT FROM (NEW.key, NEW.value)) AND EXISTS (
               SELECT FROM theragate.renamed WHERE transaction = pg_current_xact_id() AND name = OLD.name))) THEN
      PERFORM theragate.check_tag_of(OLD.name, OLD.version, OLD.key, TG_OP);
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    IF theragate.reserved(NEW.key) THEN
      SELECT version.xmin = pg_current_xact_id()::xid INTO made_now FROM public.model_versions AS version
        WHERE (workspace, name, version.version) = (NEW.workspace, NEW.name, NEW.version);
      IF made_now AND TG_OP = 'INSERT' AND NOT theragate.was_in_service(NEW.name, NEW.version)
          AND NOT theragate.by_server(NEW.key)
          AND (NEW.key = 'theragate.author' OR theragate.read(NEW.key) <> 'theragate.author') THEN
        RETURN NULL;
      END IF;
      PERFORM theragate.check_tag_of(NEW.name, NEW.version, NEW.key, TG_OP);
    END IF;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION theragate.check_tag_of(model text, number integer, key text, operation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM theragate.alone();
  IF key IN ('theragate.approved', 'theragate.released', 'theragate.revoked')
      AND theragate.decided_now(model, number, '{approve,promote,rollback,revoke,withdraw}') IS NOT NULL
      AND operation <> 'DELETE' THEN
    RETURN;
  END IF;
  IF theragate.by_server(key) OR theragate.read(key) = 'theragate.author' OR theragate.was_in_service(model, number) THEN
    PERFORM theragate.keeps(model, format('%s of the tag `%s` of version %s', operation, key, number));
  END IF;
END $$;

CREATE OR REPLACE FUNCTION theragate.check_model_tag() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF theragate.reserved(NEW.key) THEN
    PERFORM theragate.alone();
    IF NEW.key <> 'mlflow.prompt.is_prompt' OR theragate.mentioned(NEW.name) THEN
      PERFORM theragate.keeps(NEW.name, 'a tag of the whole model that is reserved');
    END IF;
  END IF;
  RETURN NULL;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA theragate FROM PUBLIC, theragate_server;

-- 8. Which rule holds for which table. Deferred ones are checked when a transaction ends.

DO $$
DECLARE
  rule record;
  tables CONSTANT text[] := '{theragate_ledger,theragate_dossiers,theragate_registrations,theragate_registration_signatures,'
    'registered_models,registered_model_aliases,registered_model_tags,model_versions,model_version_tags}';
  name text;
BEGIN
  FOREACH name IN ARRAY tables LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS theragate_keep ON public.%I', name);
    EXECUTE format('CREATE TRIGGER theragate_keep BEFORE TRUNCATE %s ON public.%I FOR EACH STATEMENT '
      'EXECUTE FUNCTION theragate.keep()',
      CASE name WHEN 'theragate_ledger' THEN 'OR UPDATE OR DELETE'
        WHEN 'theragate_registrations' THEN 'OR UPDATE OR DELETE'
        WHEN 'theragate_registration_signatures' THEN 'OR UPDATE OR DELETE' WHEN 'theragate_dossiers' THEN 'OR UPDATE' END, name);
  END LOOP;
  FOR rule IN SELECT * FROM (VALUES
    ('theragate_ledger', 'row', 'BEFORE INSERT'),
    ('theragate_dossiers', 'dossier', 'BEFORE INSERT OR DELETE'),
    ('registered_model_aliases', 'alias', 'BEFORE INSERT OR UPDATE'),
    ('theragate_ledger', 'champion', 'AFTER INSERT'),
    ('registered_model_aliases', 'champion', 'AFTER INSERT OR UPDATE OR DELETE'),
    ('registered_models', 'new_name', 'BEFORE UPDATE'),
    ('model_versions', 'number', 'BEFORE UPDATE'),
    ('registered_models', 'model', 'AFTER INSERT OR UPDATE OR DELETE'),
    ('registered_model_tags', 'model_tag', 'AFTER INSERT OR UPDATE'),
    ('model_versions', 'version', 'AFTER INSERT OR UPDATE OR DELETE'),
    ('model_version_tags', 'version_tag', 'AFTER INSERT OR UPDATE OR DELETE')
  ) AS rules (on_table, checks, moment) LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS theragate_%s ON public.%I', rule.checks, rule.on_table);
    EXECUTE format('CREATE %s TRIGGER theragate_%s %s ON public.%I %s FOR EACH ROW EXECUTE FUNCTION theragate.check_%s()',
      CASE WHEN rule.moment LIKE 'AFTER%' THEN 'CONSTRAINT' END, rule.checks, rule.moment, rule.on_table,
      CASE WHEN rule.moment LIKE 'AFTER%' THEN 'DEFERRABLE INITIALLY DEFERRED' END, rule.checks);
  END LOOP;
END $$;

-- 9. What would make the rules worthless is said now, and nothing of the above is done.

DO $$
DECLARE
  fault text;
BEGIN
  SELECT string_agg(problem, '; ') INTO fault FROM (
    SELECT 'the role theragate_server is a superuser, makes roles or replicates' AS problem FROM pg_catalog.pg_roles
      WHERE rolname = 'theragate_server' AND (rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls)
    UNION ALL SELECT 'the role theragate_server is a member of ' || pg_catalog.pg_get_userbyid(roleid)
      FROM pg_catalog.pg_auth_members WHERE member = 'theragate_server'::regrole
    UNION ALL SELECT 'the role theragate_server owns the database' FROM pg_catalog.pg_database
      WHERE datname = current_database() AND datdba = 'theragate_server'::regrole
    UNION ALL SELECT format('the role theragate_server owns %s', oid::regclass) FROM pg_catalog.pg_class
      WHERE relowner = 'theragate_server'::regrole
    UNION ALL SELECT format('the role theragate_server owns the schema %s', nspname) FROM pg_catalog.pg_namespace
      WHERE nspowner = 'theragate_server'::regrole
    UNION ALL SELECT format('the role theragate_server owns the function %s', oid::regprocedure) FROM pg_catalog.pg_proc
      WHERE proowner = 'theragate_server'::regrole
    UNION ALL SELECT format('the role theragate_server has the right %s on the database', privilege)
      FROM unnest('{CREATE,TEMPORARY}'::text[]) AS privilege
      WHERE has_database_privilege('theragate_server', current_database(), privilege)
    UNION ALL SELECT 'the role theragate_server can create in the schema public'
      WHERE has_schema_privilege('theragate_server', 'public', 'CREATE')
    UNION ALL SELECT format('the role theragate_server has the right %s on the ledger', privilege)
      FROM unnest('{UPDATE,DELETE,TRUNCATE,TRIGGER}'::text[]) AS privilege
      WHERE has_table_privilege('theragate_server', 'public.theragate_ledger', privilege)
    UNION ALL SELECT format('the alias `%s` of `%s` is not one that the rules allow', alias, name)
      FROM public.registered_model_aliases
      WHERE alias COLLATE "C" !~ '^[A-Za-z0-9._-]+$' OR (lower(alias) = 'champion' AND alias <> 'champion')
    UNION ALL SELECT format('the champion of `%s` is not what the ledger says', name)
      FROM (SELECT name FROM public.registered_model_aliases WHERE alias = 'champion'
            UNION SELECT study FROM public.theragate_ledger) AS models
      WHERE theragate.champion(name) IS DISTINCT FROM (
        SELECT max(version) FROM public.registered_model_aliases AS held
        WHERE held.name = models.name AND alias = 'champion')
  ) AS faults;
  IF fault IS NOT NULL THEN
    RAISE EXCEPTION 'The rules are not in force, because of what would make them worthless: %. Put it right, and run the '
      'file again.', fault;
  END IF;
END $$;

COMMIT;
