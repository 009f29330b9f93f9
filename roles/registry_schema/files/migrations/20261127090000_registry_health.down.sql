CREATE OR REPLACE FUNCTION model_registry_entry(entry model_registry_entries) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT model_registry_essence(entry) || jsonb_build_object(
        'deployment_bundle_content', entry.deployment_bundle_content, 'deployment_release_revision', entry.deployment_release_revision,
        'deployment_version', entry.deployment_version, 'deployment_created_at', entry.deployment_created_at,
        'deployment_updated_at', entry.deployment_updated_at, 'last_health_check_at', entry.last_health_check_at)
$$;

DO $migration$
BEGIN
    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'column' AND name = 'deployment_health_failures') THEN
        ALTER TABLE model_registry_entries DROP COLUMN deployment_health_failures;
        DELETE FROM model_registry_schema_objects WHERE kind IN ('column', 'comment') AND name = 'deployment_health_failures';
    END IF;
    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'comment' AND name = 'last_health_check_at') THEN
        COMMENT ON COLUMN model_registry_entries.last_health_check_at IS 'When a probe last passed.';
    END IF;
END
$migration$;
