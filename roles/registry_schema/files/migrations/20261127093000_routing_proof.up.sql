-- When a router was seen to follow a change: an event of its own, since events are never edited.

ALTER TABLE model_deployment_events
    ADD COLUMN proves_event_id bigint,
    ADD COLUMN router text,
    ADD COLUMN propagation_seconds numeric(12, 3),
    DROP CONSTRAINT model_deployment_events_action_check,
    ADD CONSTRAINT model_deployment_events_action_check CHECK (
        action IN ('registered', 'updated', 'status', 'weight', 'enabled', 'disabled', 'superseded', 'removed', 'routed'));
COMMENT ON COLUMN model_deployment_events.action IS 'registered, updated, status, weight, enabled, disabled, superseded, removed; or routed: a router follows.';
COMMENT ON COLUMN model_deployment_events.proves_event_id IS 'Of a routed event: the change that the router was seen to follow.';
COMMENT ON COLUMN model_deployment_events.router IS 'Of a routed event: where it was seen.';
COMMENT ON COLUMN model_deployment_events.propagation_seconds IS 'Of a routed event: from the change to the first of the right answers, by the database''s clock.';

-- Asking twice, after a lost answer, records once.
CREATE UNIQUE INDEX model_deployment_events_proof ON model_deployment_events (proves_event_id, router) WHERE action = 'routed';

CREATE FUNCTION model_registry_routed(
    proven bigint, seconds_ago double precision, seen_at text, context jsonb, OUT event_id bigint, OUT propagation_seconds numeric, OUT recorded boolean
) LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    change model_deployment_events;
BEGIN
    IF NOT has_table_privilege(session_user, 'model_registry_entries', 'UPDATE') THEN
        RAISE EXCEPTION 'user % may not change entries, so it may not say that routers follow them', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO change FROM model_deployment_events e WHERE e.event_id = proven AND e.action <> 'routed';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no change with event %', proven USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO model_deployment_events (
        action, proves_event_id, router, propagation_seconds, deployment_id, organization_id, model_name, deployment_environment,
        deployment_revision, deployment_version, deployment_status, deployment_bundle, actor, database_user, correlation_id, git_commit)
    VALUES (
        'routed', proven, seen_at,
        greatest(0, extract(epoch FROM clock_timestamp() - change.occurred_at) - greatest(0, seconds_ago)),
        change.deployment_id, change.organization_id, change.model_name, change.deployment_environment,
        change.deployment_revision, change.deployment_version, change.deployment_status, change.deployment_bundle,
        context ->> 'actor', session_user, context ->> 'correlation_id', context ->> 'git_commit')
    ON CONFLICT DO NOTHING;
    recorded := FOUND;
    SELECT e.event_id, e.propagation_seconds INTO event_id, propagation_seconds
    FROM model_deployment_events e WHERE e.proves_event_id = proven AND e.router = seen_at AND e.action = 'routed';
END
$$;
COMMENT ON FUNCTION model_registry_routed(bigint, double precision, text, jsonb) IS
    'Records that a router was seen to follow a change; for those who may change entries. seconds_ago: since the first of the right answers.';

-- A function that runs as its owner must not look where its caller could put a table.
DO $migration$
BEGIN
    EXECUTE format('ALTER FUNCTION model_registry_routed(bigint, double precision, text, jsonb) SET search_path = %I, pg_temp', current_schema());
END
$migration$;

-- A proof is no state of its own.
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
