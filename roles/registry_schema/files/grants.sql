-- The grants that are missing, as statements: what is there already is not granted again, since that would be written.
-- %(operators)s and %(readers)s are JSON lists of users, %(schema)s is the schema.
WITH users AS (
    SELECT name, bool_or(writes) AS writes
    FROM (
        SELECT jsonb_array_elements_text(%(operators)s::jsonb) AS name, true AS writes
        UNION ALL
        SELECT jsonb_array_elements_text(%(readers)s::jsonb), false) AS u
    GROUP BY name
), objects AS (
    SELECT c.oid, c.relname, c.relkind = 'S' AS counts, format('%%I.%%I', n.nspname, c.relname) AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %(schema)s
    WHERE c.relname IN ('model_registry_entries', 'model_deployment_events', 'model_routes', 'model_mappings', 'model_history')
        -- Sequences that number a platform's own rows.
        OR c.relkind = 'S' AND EXISTS (
            SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            WHERE d.objid = c.oid AND d.deptype = 'a' AND t.relname = 'model_registry_entries' AND t.relnamespace = n.oid)
)
SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', %(schema)s::text, u.name) AS statement
FROM users u WHERE NOT has_schema_privilege(u.name, %(schema)s, 'USAGE')
UNION ALL
SELECT format('GRANT SELECT ON %%s TO %%I', o.name, u.name)
FROM users u CROSS JOIN objects o WHERE NOT o.counts AND NOT has_table_privilege(u.name, o.oid, 'SELECT')
UNION ALL
-- Entries alone: events nobody writes but the triggers.
SELECT format('GRANT %%s ON %%s TO %%I', p.privilege, o.name, u.name)
FROM users u CROSS JOIN objects o CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
WHERE u.writes AND o.relname = 'model_registry_entries' AND NOT has_table_privilege(u.name, o.oid, p.privilege)
UNION ALL
SELECT format('GRANT USAGE ON SEQUENCE %%s TO %%I', o.name, u.name)
FROM users u CROSS JOIN objects o WHERE u.writes AND o.counts AND NOT has_sequence_privilege(u.name, o.oid, 'USAGE')
ORDER BY 1
