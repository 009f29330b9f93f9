-- Evidence goes with what could tell it from changes.

CREATE OR REPLACE VIEW model_history AS
SELECT
    event_id,
    deployment_id AS route_id,
    organization_id,
    model_name,
    deployment_environment AS environment,
    deployment_revision AS revision,
    deployment_status AS status,
    coalesce(deployment_status IN ('ready', 'degraded'), false) AS routable,
    (entry_after ->> 'deployment_weight')::smallint AS weight,
    deployment_bundle AS bundle,
    entry_after ->> 'deployment_endpoint' AS endpoint,
    occurred_at AS valid_from,
    lead(occurred_at) OVER (PARTITION BY deployment_id ORDER BY event_id) AS valid_to,
    action,
    previous_status,
    previous_revision,
    reason,
    actor,
    database_user,
    correlation_id,
    git_commit
FROM model_deployment_events
WHERE action <> 'routed';

DROP FUNCTION model_registry_verified(uuid, bigint, jsonb);
DELETE FROM model_deployment_events WHERE action = 'verified';
ALTER TABLE model_deployment_events
    DROP CONSTRAINT model_deployment_events_action_check,
    ADD CONSTRAINT model_deployment_events_action_check CHECK (
        action IN ('registered', 'updated', 'status', 'weight', 'enabled', 'disabled', 'superseded', 'removed', 'routed'));
COMMENT ON COLUMN model_deployment_events.action IS 'registered, updated, status, weight, enabled, disabled, superseded, removed; or routed: a router follows.';

CREATE OR REPLACE FUNCTION model_registry_essence(entry model_registry_entries) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object(
        'deployment_id', entry.deployment_id, 'organization_id', entry.organization_id::text, 'model_name', entry.model_name,
        'display_name', entry.display_name, 'input_cost_per_token', entry.input_cost_per_token,
        'output_cost_per_token', entry.output_cost_per_token, 'deployment_endpoint', entry.deployment_endpoint,
        'deployment_status', entry.deployment_status, 'deployment_environment', entry.deployment_environment,
        'deployment_namespace', entry.deployment_namespace, 'deployment_revision', entry.deployment_revision,
        'deployment_bundle', entry.deployment_bundle, 'deployment_release', entry.deployment_release,
        'deployment_weight', entry.deployment_weight, 'deployment_reason', entry.deployment_reason)
$$;

CREATE OR REPLACE FUNCTION model_registry_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.deployment_version := 1;
        NEW.deployment_created_at := clock_timestamp();
        NEW.deployment_updated_at := NEW.deployment_created_at;
    ELSIF model_registry_essence(NEW) IS DISTINCT FROM model_registry_essence(OLD) THEN
        NEW.deployment_version := OLD.deployment_version + 1;
        NEW.deployment_updated_at := clock_timestamp();
        NEW.deployment_created_at := OLD.deployment_created_at;
    ELSE
        NEW.deployment_version := OLD.deployment_version;
        NEW.deployment_updated_at := OLD.deployment_updated_at;
        NEW.deployment_created_at := OLD.deployment_created_at;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION model_registry_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    context jsonb := coalesce(nullif(current_setting('inference_vllm.context', true), ''), '{}')::jsonb;
    before model_registry_entries;
    after model_registry_entries;
    subject model_registry_entries;
    replaces jsonb;
    event bigint;
BEGIN
    IF TG_OP <> 'INSERT' THEN before := OLD; END IF;
    IF TG_OP <> 'DELETE' THEN after := NEW; END IF;
    IF TG_OP = 'DELETE' THEN subject := OLD; ELSE subject := NEW; END IF;
    IF TG_OP = 'UPDATE' AND before.deployment_version = after.deployment_version THEN
        RETURN NULL;
    END IF;
    -- The context names what a revision took over from; any other row of the same run is its own past.
    replaces := CASE WHEN context ->> 'revision' = subject.deployment_revision THEN context -> 'replaces' END;
    INSERT INTO model_deployment_events (
        action, change_id, deployment_id, organization_id, model_name, deployment_environment, deployment_revision, deployment_version,
        previous_status, deployment_status, previous_revision, previous_bundle, deployment_bundle, reason, actor, database_user,
        correlation_id, git_commit, verification, entry_before, entry_after)
    VALUES (
        model_registry_action(before, after), (context ->> 'change_id')::uuid, subject.deployment_id, subject.organization_id::text,
        subject.model_name, subject.deployment_environment, subject.deployment_revision, subject.deployment_version,
        before.deployment_status, after.deployment_status, coalesce(replaces ->> 'revision', before.deployment_revision),
        CASE WHEN replaces ? 'revision' THEN replaces ->> 'bundle' ELSE before.deployment_bundle END,
        after.deployment_bundle, context ->> 'reason', context ->> 'actor', session_user,
        context ->> 'correlation_id', context ->> 'git_commit', nullif(context -> 'verification', 'null'),
        CASE WHEN before.deployment_id IS NOT NULL THEN model_registry_entry(before) END,
        CASE WHEN TG_OP <> 'DELETE' THEN model_registry_entry(after) END)
    RETURNING event_id INTO event;
    PERFORM pg_notify('model_registry', jsonb_build_object(
        'event_id', event, 'organization_id', subject.organization_id::text, 'model_name', subject.model_name,
        'deployment_environment', subject.deployment_environment, 'deployment_revision', subject.deployment_revision,
        'deployment_status', after.deployment_status, 'deployment_version', subject.deployment_version)::text);
    RETURN NULL;
END
$$;
DO $migration$
BEGIN
    EXECUTE format('ALTER FUNCTION model_registry_record() SET search_path = %I, pg_temp', current_schema());
END
$migration$;

ALTER TABLE model_registry_entries DROP CONSTRAINT vllm_entries_kind, DROP CONSTRAINT vllm_entries_degraded_by;

-- A view cannot lose a column: it is made again as it was, with the platform's columns of that time, and granted again to those who had it.
DO $migration$
DECLARE
    mappings constant boolean := EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'view' AND name = 'model_mappings');
    later constant text[] := ARRAY(
        SELECT name FROM model_registry_schema_objects
        WHERE kind = 'column' AND name IN ('deployment_health_failures', 'deployment_kind', 'deployment_degraded_by'));
    ours constant text[] := array_remove(later, 'deployment_health_failures');
    columns text;
    column_name text;
    statement text;
    grants text[];
BEGIN
    grants := ARRAY(
        SELECT format('GRANT %s ON %I TO %s', a.privilege_type, c.relname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
        FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE c.oid IN (to_regclass('model_routes'), CASE WHEN mappings THEN to_regclass('model_mappings') END) AND a.grantee <> c.relowner);
    IF mappings THEN
        DROP VIEW model_mappings;
    END IF;
    DROP VIEW model_routes;
    FOREACH column_name IN ARRAY ours
    LOOP
        EXECUTE format('ALTER TABLE model_registry_entries DROP COLUMN %I', column_name);
        DELETE FROM model_registry_schema_objects WHERE kind IN ('column', 'comment') AND name = column_name;
    END LOOP;
    SELECT string_agg(format('e.%I', attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
    WHERE attrelid = 'model_registry_entries'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (later);
    EXECUTE replace($view$
CREATE VIEW model_routes AS
WITH entries AS (
    SELECT @columns, e.deployment_status IN ('ready', 'degraded') AS routable,
        e.organization_id::text AS organization
    FROM model_registry_entries e
    WHERE e.deployment_id IS NOT NULL AND e.deployment_status <> 'superseded'
), shared AS (
    SELECT e.*,
        bool_or(routable AND deployment_weight = 100) OVER of_model AS has_whole,
        sum(deployment_weight) FILTER (WHERE routable) OVER of_model AS weights
    FROM entries e
    WINDOW of_model AS (PARTITION BY organization, model_name, deployment_environment)
), shares AS (
    SELECT s.*, CASE
        WHEN NOT routable THEN 0
        WHEN has_whole THEN CASE WHEN deployment_weight = 100 THEN 1 ELSE 0 END
        WHEN weights = 0 THEN 0
        ELSE round(deployment_weight::numeric / weights, 6) END AS share
    FROM shared s
)
SELECT
    deployment_id AS route_id,
    organization AS organization_id,
    model_name,
    deployment_environment AS environment,
    deployment_revision AS revision,
    routable,
    CASE WHEN routable THEN 200 ELSE 503 END AS http_status,
    CASE WHEN routable THEN NULL ELSE deployment_status || coalesce(': ' || deployment_reason, '') END AS refusal,
    CASE WHEN deployment_endpoint ~ '^https?://' THEN deployment_endpoint ELSE 'http://' || deployment_endpoint END AS url,
    share,
    routable AND deployment_id = first_value(deployment_id) OVER (
        PARTITION BY organization, model_name, deployment_environment
        ORDER BY routable DESC, share DESC, deployment_updated_at DESC, deployment_id) AS is_default,
    deployment_status AS status,
    deployment_weight AS weight,
    display_name,
    input_cost_per_token,
    output_cost_per_token,
    deployment_bundle AS bundle,
    deployment_version AS version,
    deployment_updated_at AS updated_at
FROM shares
    $view$, '@columns', columns);
    IF mappings THEN
        CREATE VIEW model_mappings AS
        SELECT model_name AS name, display_name, url AS backend_url, input_cost_per_token, output_cost_per_token, environment, organization_id
        FROM model_routes WHERE is_default;
    END IF;
    FOREACH statement IN ARRAY grants
    LOOP
        EXECUTE statement;
    END LOOP;
END
$migration$;
COMMENT ON VIEW model_routes IS 'Contract for routers, version 1: what to send where, with which share, or why not. Columns are added, never renamed or removed.';
COMMENT ON COLUMN model_routes.route_id IS 'Identity of the entry; stays when its endpoint or status changes.';
COMMENT ON COLUMN model_routes.organization_id IS 'Organization that may use the route; empty: all.';
COMMENT ON COLUMN model_routes.model_name IS 'Name in the request.';
COMMENT ON COLUMN model_routes.environment IS 'development, staging or production.';
COMMENT ON COLUMN model_routes.revision IS 'Name of the revision; a request may ask for it by name.';
COMMENT ON COLUMN model_routes.routable IS 'Whether requests may be sent there.';
COMMENT ON COLUMN model_routes.http_status IS '200, or what to answer instead: 503. A model without any row is a 404.';
COMMENT ON COLUMN model_routes.refusal IS 'Why not: the status, and the operator''s reason.';
COMMENT ON COLUMN model_routes.url IS 'Base URL of the engine.';
COMMENT ON COLUMN model_routes.share IS 'Part of the requests that name no revision, 0 to 1; adds up to 1 over a model''s routable revisions.';
COMMENT ON COLUMN model_routes.is_default IS 'The revision for requests that name none, for routers that do not split.';
COMMENT ON COLUMN model_routes.status IS 'Status of the entry.';
COMMENT ON COLUMN model_routes.weight IS 'Weight as set, in percent.';
COMMENT ON COLUMN model_routes.display_name IS 'Name shown to people.';
COMMENT ON COLUMN model_routes.input_cost_per_token IS 'Price of one prompt token.';
COMMENT ON COLUMN model_routes.output_cost_per_token IS 'Price of one generated token.';
COMMENT ON COLUMN model_routes.bundle IS 'Digest of the bundle that answers there.';
COMMENT ON COLUMN model_routes.version IS 'Version of the entry.';
COMMENT ON COLUMN model_routes.updated_at IS 'When the entry last changed.';

DO $migration$
BEGIN
    IF EXISTS (SELECT FROM model_registry_schema_objects WHERE kind = 'view' AND name = 'model_mappings') THEN
        COMMENT ON VIEW model_mappings IS 'The default route of each model under the names that older readers use; new ones read model_routes.';
        COMMENT ON COLUMN model_mappings.name IS 'Name in the request.';
        COMMENT ON COLUMN model_mappings.display_name IS 'Name shown to people.';
        COMMENT ON COLUMN model_mappings.backend_url IS 'Base URL of the engine.';
        COMMENT ON COLUMN model_mappings.input_cost_per_token IS 'Price of one prompt token.';
        COMMENT ON COLUMN model_mappings.output_cost_per_token IS 'Price of one generated token.';
        COMMENT ON COLUMN model_mappings.environment IS 'development, staging or production.';
        COMMENT ON COLUMN model_mappings.organization_id IS 'Organization that may use the route; empty: all.';
    END IF;
END
$migration$;
