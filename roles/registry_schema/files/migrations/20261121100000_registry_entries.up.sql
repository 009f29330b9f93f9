-- The registry's own columns on model_registry_entries, on an empty database or on a table that a platform already has.
-- What this migration makes is written down, so that its reverse gives back exactly what was there.

CREATE TABLE model_registry_schema_objects (
    kind text NOT NULL CHECK (kind IN ('table', 'column', 'comment', 'replaced_check', 'view')),
    name text NOT NULL,
    definition text,
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE model_registry_schema_objects IS
    'What the registry''s migrations made or set aside in objects that may have been there before; their reverse reads it.';
COMMENT ON COLUMN model_registry_schema_objects.kind IS
    'table, column, comment, view: made by a migration. replaced_check: a CHECK of the platform that refused a value of ours.';
COMMENT ON COLUMN model_registry_schema_objects.name IS 'Name of the object; of a comment: the column, or empty for the table.';
COMMENT ON COLUMN model_registry_schema_objects.definition IS 'For replaced_check: the definition to put back.';

DO $migration$
DECLARE
    entries constant text := format('%I.model_registry_entries', current_schema());
    wanted record;
    existing_type text;
    platform_check record;
    allowed boolean;
    spelling text;
    same boolean;
BEGIN
    IF to_regclass(entries) IS NULL THEN
        EXECUTE format('CREATE TABLE %s ()', entries);
        INSERT INTO model_registry_schema_objects (kind, name) VALUES ('table', 'model_registry_entries');
    END IF;
    IF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = entries::regclass) THEN
        RAISE EXCEPTION 'model_registry_entries is not a table: the registry cannot be added to it';
    END IF;

    FOR wanted IN
        SELECT * FROM (VALUES
            (1, 'model_name', 'text', '', 'Name users route by.'),
            (2, 'organization_id', 'text', '', 'Organization the entry is for; empty when the platform has one scope.'),
            (3, 'display_name', 'text', '', 'Name shown to people.'),
            (4, 'input_cost_per_token', 'numeric', '', 'Price of one prompt token.'),
            (5, 'output_cost_per_token', 'numeric', '', 'Price of one generated token.'),
            (6, 'deployment_endpoint', 'text', '', 'Where the model answers: host:port or an http(s) URL.'),
            (7, 'deployment_status', 'text', '', 'pending, deploying, ready, degraded, failed, disabled or superseded; ready and degraded are routable.'),
            (8, 'deployment_environment', 'text', '', 'development, staging or production.'),
            (9, 'deployment_namespace', 'text', '', 'Kubernetes namespace of the release.'),
            (10, 'last_health_check_at', 'timestamptz', '', 'When a probe last passed.'),
            (11, 'deployment_id', 'uuid', '', 'Identity of a row that the registry keeps; empty for rows that are the platform''s own.'),
            (12, 'deployment_revision', 'text', '', 'The registry''s name for the bundle.'),
            (13, 'deployment_bundle', 'text', '', 'sha256 digest of the bundle.'),
            (14, 'deployment_bundle_content', 'jsonb', '', 'The bundle itself, as it was hashed.'),
            (15, 'deployment_release', 'text', '', 'Helm release.'),
            (16, 'deployment_release_revision', 'integer', '', 'Helm revision at the last change of the row.'),
            (17, 'deployment_weight', 'smallint', '', 'Percent of the traffic; 100: all of it, less: it is shared with other revisions.'),
            (18, 'deployment_reason', 'text', '', 'Why the entry is disabled, degraded or failed; routers may show it.'),
            (19, 'deployment_version', 'bigint', 'NOT NULL DEFAULT 0', 'Grows by one with every change of the row.'),
            (20, 'deployment_created_at', 'timestamptz', '', 'When the registry inserted the row; empty for a row that it found and took over.'),
            (21, 'deployment_updated_at', 'timestamptz', '', 'When the registry last changed the row.')
        ) AS columns (place, name, type, rest, comment) ORDER BY place
    LOOP
        SELECT format_type(atttypid, NULL) INTO existing_type FROM pg_attribute
        WHERE attrelid = entries::regclass AND attname = wanted.name AND NOT attisdropped;
        IF existing_type IS NULL THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s %s', entries, wanted.name, wanted.type, wanted.rest);
            INSERT INTO model_registry_schema_objects (kind, name) VALUES ('column', wanted.name);
        ELSIF wanted.type = 'text' AND wanted.name <> 'organization_id' AND existing_type NOT IN ('text', 'character varying') THEN
            RAISE EXCEPTION 'column model_registry_entries.% has type %, the registry needs text', wanted.name, existing_type;
        ELSIF wanted.type IN ('uuid', 'jsonb', 'timestamptz') AND existing_type <> format_type(wanted.type::regtype, NULL) THEN
            RAISE EXCEPTION 'column model_registry_entries.% has type %, the registry needs %', wanted.name, existing_type, wanted.type;
        END IF;
        IF (SELECT col_description(attrelid, attnum) IS NULL FROM pg_attribute WHERE attrelid = entries::regclass AND attname = wanted.name) THEN
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', entries, wanted.name, wanted.comment);
            INSERT INTO model_registry_schema_objects (kind, name) VALUES ('comment', wanted.name);
        END IF;
    END LOOP;
    IF obj_description(entries::regclass, 'pg_class') IS NULL THEN
        EXECUTE format('COMMENT ON TABLE %s IS %L', entries, 'Which revision of which model answers where, in which state: the one truth that routers follow.');
        INSERT INTO model_registry_schema_objects (kind, name) VALUES ('comment', '');
    END IF;

    -- A CHECK of the platform on one of these columns may refuse a value of ours (a status list without "disabled"): it is set aside, and put back by the reverse.
    FOR platform_check IN
        SELECT c.conname, pg_get_constraintdef(c.oid) AS definition, pg_get_expr(c.conbin, c.conrelid) AS expression, a.attname
        FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
        WHERE c.conrelid = entries::regclass AND c.contype = 'c' AND a.attname IN ('deployment_status', 'deployment_environment')
    LOOP
        EXECUTE format(
            'SELECT bool_and(coalesce(%s, true)) FROM unnest(%L::text[]) AS v (%I)', platform_check.expression,
            CASE platform_check.attname
                WHEN 'deployment_status' THEN '{pending,deploying,ready,degraded,failed,disabled,superseded}'
                ELSE '{development,staging,production}' END,
            platform_check.attname) INTO allowed;
        IF NOT allowed THEN
            -- What the server says of "varchar_column IN (...)" is another tree when it is read again: the spelling is kept that gives the same one.
            EXECUTE format('CREATE TABLE model_registry_probe (LIKE %s)', entries);
            FOREACH spelling IN ARRAY ARRAY[platform_check.definition, replace(regexp_replace(platform_check.definition,
                '\(\((\w+)\)::text = ANY \(\(ARRAY\[([^]]*)\]\)::text\[\]\)\)', '(\1 IN (\2))'), '::character varying', '')]
            LOOP
                EXECUTE format('ALTER TABLE model_registry_probe ADD CONSTRAINT probe %s', spelling);
                SELECT pg_get_constraintdef(oid) = platform_check.definition INTO same FROM pg_constraint
                WHERE conrelid = 'model_registry_probe'::regclass AND conname = 'probe';
                EXIT WHEN same;
                ALTER TABLE model_registry_probe DROP CONSTRAINT probe;
            END LOOP;
            DROP TABLE model_registry_probe;
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', entries, platform_check.conname);
            INSERT INTO model_registry_schema_objects (kind, name, definition)
            VALUES ('replaced_check', platform_check.conname, CASE WHEN same THEN spelling ELSE platform_check.definition END);
        END IF;
    END LOOP;

    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'table') THEN
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT model_registry_entries_pkey PRIMARY KEY (deployment_id)', entries);
    END IF;

    -- The platform's default organization is that of an entry for which none is named.
    EXECUTE format(
        'CREATE FUNCTION model_registry_default_organization() RETURNS text LANGUAGE sql STABLE AS %L',
        'SELECT (' || coalesce((
            SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE d.adrelid = entries::regclass AND a.attname = 'organization_id'), 'NULL') || ')::text');
END
$migration$;
COMMENT ON FUNCTION model_registry_default_organization() IS 'Organization of an entry for which none is named: the default of model_registry_entries.organization_id.';

-- Constraints by name, apart from the columns: ADD COLUMN IF NOT EXISTS ... CHECK adds no CHECK where the column is there. Rows of the platform are not judged.
ALTER TABLE model_registry_entries
    ADD CONSTRAINT vllm_entries_complete CHECK (deployment_id IS NULL OR (
        model_name IS NOT NULL AND deployment_environment IS NOT NULL AND deployment_revision IS NOT NULL
        AND deployment_status IS NOT NULL AND deployment_endpoint IS NOT NULL AND deployment_weight IS NOT NULL)),
    ADD CONSTRAINT vllm_entries_status CHECK (deployment_id IS NULL OR deployment_status IN
        ('pending', 'deploying', 'ready', 'degraded', 'failed', 'disabled', 'superseded')),
    ADD CONSTRAINT vllm_entries_environment CHECK (deployment_id IS NULL OR deployment_environment IN ('development', 'staging', 'production')),
    ADD CONSTRAINT vllm_entries_weight CHECK (deployment_id IS NULL OR deployment_weight BETWEEN 0 AND 100),
    ADD CONSTRAINT vllm_entries_costs CHECK (deployment_id IS NULL OR (coalesce(input_cost_per_token, 0) >= 0 AND coalesce(output_cost_per_token, 0) >= 0));

CREATE INDEX vllm_entries_model ON model_registry_entries (model_name, deployment_environment);
CREATE UNIQUE INDEX vllm_entries_id ON model_registry_entries (deployment_id);
CREATE UNIQUE INDEX vllm_entries_revision ON model_registry_entries
    (model_name, deployment_environment, deployment_revision, coalesce(organization_id::text, '')) WHERE deployment_id IS NOT NULL;
-- The backstop of the advisory lock: one revision has all of the traffic, unless weights are set on purpose.
CREATE UNIQUE INDEX vllm_entries_one_routable ON model_registry_entries
    (model_name, deployment_environment, coalesce(organization_id::text, ''))
    WHERE deployment_id IS NOT NULL AND deployment_weight = 100 AND deployment_status IN ('ready', 'degraded');
