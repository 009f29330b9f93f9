-- What an entry does, what degraded it, and evidence without a change: each was read from words or lost before.

DO $migration$
DECLARE
    wanted record;
    existing_type text;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            (1, 'deployment_kind', 'What the model does: chat, completion or embedding; empty: not known, probed as chat.'),
            (2, 'deployment_degraded_by', 'What degraded the entry and may call it ready again: health_check or reconcile; empty: a person.')
        ) AS columns (place, name, comment) ORDER BY place
    LOOP
        SELECT format_type(atttypid, NULL) INTO existing_type FROM pg_attribute
        WHERE attrelid = 'model_registry_entries'::regclass AND attname = wanted.name AND NOT attisdropped;
        IF existing_type IS NULL THEN
            EXECUTE format('ALTER TABLE model_registry_entries ADD COLUMN %I text', wanted.name);
            EXECUTE format('COMMENT ON COLUMN model_registry_entries.%I IS %L', wanted.name, wanted.comment);
            INSERT INTO model_registry_schema_objects (kind, name) VALUES ('column', wanted.name), ('comment', wanted.name);
        ELSIF existing_type NOT IN ('text', 'character varying') THEN
            RAISE EXCEPTION 'column model_registry_entries.% has type %, the registry needs text', wanted.name, existing_type;
        END IF;
    END LOOP;
END
$migration$;

-- Until now the first words of the reason said it. Before the functions below know the column, so that it is no change: no event, no new version.
UPDATE model_registry_entries
SET deployment_degraded_by = CASE WHEN deployment_reason LIKE 'health check: %' THEN 'health_check' ELSE 'reconcile' END
WHERE deployment_id IS NOT NULL AND deployment_status = 'degraded'
    AND (deployment_reason LIKE 'health check: %' OR deployment_reason LIKE 'reconcile: %');

ALTER TABLE model_registry_entries
    ADD CONSTRAINT vllm_entries_kind CHECK (
        deployment_id IS NULL OR deployment_kind IS NULL OR deployment_kind IN ('chat', 'completion', 'embedding')),
    ADD CONSTRAINT vllm_entries_degraded_by CHECK (
        deployment_id IS NULL OR deployment_degraded_by IS NULL OR deployment_degraded_by IN ('health_check', 'reconcile'));

CREATE OR REPLACE FUNCTION model_registry_essence(entry model_registry_entries) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object(
        'deployment_id', entry.deployment_id, 'organization_id', entry.organization_id::text, 'model_name', entry.model_name,
        'display_name', entry.display_name, 'input_cost_per_token', entry.input_cost_per_token,
        'output_cost_per_token', entry.output_cost_per_token, 'deployment_endpoint', entry.deployment_endpoint,
        'deployment_status', entry.deployment_status, 'deployment_environment', entry.deployment_environment,
        'deployment_namespace', entry.deployment_namespace, 'deployment_revision', entry.deployment_revision,
        'deployment_bundle', entry.deployment_bundle, 'deployment_release', entry.deployment_release,
        'deployment_weight', entry.deployment_weight, 'deployment_reason', entry.deployment_reason,
        'deployment_kind', entry.deployment_kind, 'deployment_degraded_by', entry.deployment_degraded_by)
$$;

CREATE OR REPLACE FUNCTION model_registry_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever ends the status, by whatever means, ends who set it.
    IF NEW.deployment_status IS DISTINCT FROM 'degraded' THEN
        NEW.deployment_degraded_by := NULL;
    END IF;
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
        context ->> 'correlation_id', context ->> 'git_commit',
        -- Evidence is about the revision that was registered, not about those that step down for it.
        CASE WHEN context ->> 'revision' = subject.deployment_revision THEN nullif(context -> 'verification', 'null') END,
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

-- The columns are named, so that the view holds none that it does not show.
CREATE OR REPLACE VIEW model_routes AS
WITH entries AS (
    SELECT e.deployment_id, e.organization_id::text AS organization, e.model_name, e.deployment_environment, e.deployment_revision, e.deployment_endpoint,
        e.deployment_status, e.deployment_reason, e.deployment_weight, e.display_name, e.input_cost_per_token, e.output_cost_per_token,
        e.deployment_bundle, e.deployment_version, e.deployment_updated_at, e.deployment_kind,
        e.deployment_status IN ('ready', 'degraded') AS routable
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
    deployment_updated_at AS updated_at,
    deployment_kind AS kind
FROM shares;
COMMENT ON COLUMN model_routes.kind IS 'What the model does: chat, completion or embedding; empty: not known.';

ALTER TABLE model_deployment_events
    DROP CONSTRAINT model_deployment_events_action_check,
    ADD CONSTRAINT model_deployment_events_action_check CHECK (
        action IN ('registered', 'updated', 'status', 'weight', 'enabled', 'disabled', 'superseded', 'removed', 'routed', 'verified'));
COMMENT ON COLUMN model_deployment_events.action IS
    'registered, updated, status, weight, enabled, disabled, superseded, removed; routed: a router follows; verified: fresh evidence without a change.';

CREATE FUNCTION model_registry_verified(entry_id uuid, at_version bigint, context jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    entry model_registry_entries;
BEGIN
    IF NOT has_table_privilege(session_user, 'model_registry_entries', 'UPDATE') THEN
        RAISE EXCEPTION 'user % may not change entries, so it may not say that they were verified', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF jsonb_typeof(context -> 'verification') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'there is no verification to record' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO entry FROM model_registry_entries e WHERE e.deployment_id = entry_id;
    IF NOT FOUND OR entry.deployment_version <> at_version THEN
        RAISE EXCEPTION 'the entry was changed since it was read' USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO model_deployment_events (
        action, change_id, deployment_id, organization_id, model_name, deployment_environment, deployment_revision, deployment_version,
        deployment_status, deployment_bundle, reason, actor, database_user, correlation_id, git_commit, verification)
    VALUES (
        'verified', (context ->> 'change_id')::uuid, entry.deployment_id, entry.organization_id::text, entry.model_name,
        entry.deployment_environment, entry.deployment_revision, entry.deployment_version, entry.deployment_status, entry.deployment_bundle,
        context ->> 'reason', context ->> 'actor', session_user, context ->> 'correlation_id', context ->> 'git_commit', context -> 'verification');
END
$$;
COMMENT ON FUNCTION model_registry_verified(uuid, bigint, jsonb) IS
    'Records that an entry was verified again without a change, by the database''s clock; for those who may change entries.';

-- A function that runs as its owner must not look where its caller could put a table.
DO $migration$
BEGIN
    EXECUTE format('ALTER FUNCTION model_registry_verified(uuid, bigint, jsonb) SET search_path = %I, pg_temp', current_schema());
END
$migration$;

-- Neither a proof nor evidence is a state of its own.
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
WHERE action NOT IN ('routed', 'verified');
