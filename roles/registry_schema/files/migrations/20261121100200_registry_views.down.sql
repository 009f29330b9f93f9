DO $migration$
BEGIN
    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'view' AND name = 'model_mappings') THEN
        DROP VIEW model_mappings;
        DELETE FROM model_registry_schema_objects WHERE kind = 'view' AND name = 'model_mappings';
    END IF;
END
$migration$;
DROP VIEW model_routes;
