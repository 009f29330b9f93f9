-- Proofs go with what could tell them from changes.

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
FROM model_deployment_events;

DROP FUNCTION model_registry_routed(bigint, double precision, text, jsonb);
DROP INDEX model_deployment_events_proof;
DELETE FROM model_deployment_events WHERE action = 'routed';
ALTER TABLE model_deployment_events
    DROP COLUMN proves_event_id,
    DROP COLUMN router,
    DROP COLUMN propagation_seconds,
    DROP CONSTRAINT model_deployment_events_action_check,
    ADD CONSTRAINT model_deployment_events_action_check CHECK (
        action IN ('registered', 'updated', 'status', 'weight', 'enabled', 'disabled', 'superseded', 'removed'));
COMMENT ON COLUMN model_deployment_events.action IS 'registered, updated, status, weight, enabled, disabled, superseded or removed.';
