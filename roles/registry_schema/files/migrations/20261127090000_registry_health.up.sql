-- How often in a row a health check has failed: one that runs every few minutes must remember the runs before it.

DO $migration$
DECLARE
    existing_type text;
BEGIN
    SELECT format_type(atttypid, NULL) INTO existing_type FROM pg_attribute
    WHERE attrelid = 'model_registry_entries'::regclass AND attname = 'deployment_health_failures' AND NOT attisdropped;
    IF existing_type IS NULL THEN
        ALTER TABLE model_registry_entries ADD COLUMN deployment_health_failures integer NOT NULL DEFAULT 0;
        COMMENT ON COLUMN model_registry_entries.deployment_health_failures IS 'Health checks that failed in a row, up to the last one; 0: it passed.';
        INSERT INTO model_registry_schema_objects (kind, name) VALUES ('column', 'deployment_health_failures'), ('comment', 'deployment_health_failures');
    ELSIF existing_type <> 'integer' THEN
        RAISE EXCEPTION 'column model_registry_entries.deployment_health_failures has type %, the registry needs integer', existing_type;
    END IF;
    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'comment' AND name = 'last_health_check_at') THEN
        COMMENT ON COLUMN model_registry_entries.last_health_check_at IS 'When a health check last found out whether it answers.';
    END IF;
END
$migration$;

CREATE OR REPLACE FUNCTION model_registry_entry(entry model_registry_entries) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT model_registry_essence(entry) || jsonb_build_object(
        'deployment_bundle_content', entry.deployment_bundle_content, 'deployment_release_revision', entry.deployment_release_revision,
        'deployment_version', entry.deployment_version, 'deployment_created_at', entry.deployment_created_at,
        'deployment_updated_at', entry.deployment_updated_at, 'last_health_check_at', entry.last_health_check_at,
        'deployment_health_failures', entry.deployment_health_failures)
$$;
