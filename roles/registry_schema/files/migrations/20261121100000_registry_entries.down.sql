-- Gives back what was there. Rows that the registry inserted go; rows that it took over stay, with the platform's own columns.

DROP INDEX vllm_entries_one_routable, vllm_entries_revision, vllm_entries_id, vllm_entries_model;
ALTER TABLE model_registry_entries
    DROP CONSTRAINT vllm_entries_complete,
    DROP CONSTRAINT vllm_entries_status,
    DROP CONSTRAINT vllm_entries_environment,
    DROP CONSTRAINT vllm_entries_weight,
    DROP CONSTRAINT vllm_entries_costs;
DROP FUNCTION model_registry_default_organization();

DO $migration$
DECLARE
    made record;
BEGIN
    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'table') THEN
        DROP TABLE model_registry_entries;
    ELSE
        DELETE FROM model_registry_entries WHERE deployment_id IS NOT NULL AND deployment_created_at IS NOT NULL;
        FOR made IN SELECT * FROM model_registry_schema_objects ORDER BY kind, name LOOP
            CASE made.kind
                WHEN 'column' THEN EXECUTE format('ALTER TABLE model_registry_entries DROP COLUMN %I', made.name);
                WHEN 'replaced_check' THEN EXECUTE format('ALTER TABLE model_registry_entries ADD CONSTRAINT %I %s', made.name, made.definition);
                WHEN 'comment' THEN
                    IF made.name = '' THEN
                        COMMENT ON TABLE model_registry_entries IS NULL;
                    ELSIF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'model_registry_entries'::regclass AND attname = made.name AND NOT attisdropped) THEN
                        EXECUTE format('COMMENT ON COLUMN model_registry_entries.%I IS NULL', made.name);
                    END IF;
                ELSE NULL;
            END CASE;
        END LOOP;
    END IF;
END
$migration$;

DROP TABLE model_registry_schema_objects;
