-- What was live when, and who changed it: read from the events, so that it holds for entries that are gone too.

CREATE VIEW model_history AS
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
COMMENT ON VIEW model_history IS 'Each state that an entry had, from when to when, and who brought it about.';
COMMENT ON COLUMN model_history.event_id IS 'The event that began the state.';
COMMENT ON COLUMN model_history.route_id IS 'The entry.';
COMMENT ON COLUMN model_history.organization_id IS 'Organization of the entry.';
COMMENT ON COLUMN model_history.model_name IS 'Model of the entry.';
COMMENT ON COLUMN model_history.environment IS 'development, staging or production.';
COMMENT ON COLUMN model_history.revision IS 'Revision of the entry.';
COMMENT ON COLUMN model_history.status IS 'Status in this time; empty once the entry was removed.';
COMMENT ON COLUMN model_history.routable IS 'Whether requests could be sent there.';
COMMENT ON COLUMN model_history.weight IS 'Weight in this time.';
COMMENT ON COLUMN model_history.bundle IS 'Bundle in this time.';
COMMENT ON COLUMN model_history.endpoint IS 'Endpoint in this time.';
COMMENT ON COLUMN model_history.valid_from IS 'When the state began.';
COMMENT ON COLUMN model_history.valid_to IS 'When the next one began; empty: it still holds.';
COMMENT ON COLUMN model_history.action IS 'What began it.';
COMMENT ON COLUMN model_history.previous_status IS 'Status before.';
COMMENT ON COLUMN model_history.previous_revision IS 'Revision that this model had in this place before.';
COMMENT ON COLUMN model_history.reason IS 'Why, as the operator said it.';
COMMENT ON COLUMN model_history.actor IS 'Who asked for it.';
COMMENT ON COLUMN model_history.database_user IS 'Database user that did it.';
COMMENT ON COLUMN model_history.correlation_id IS 'Job or pipeline that it belongs to.';
COMMENT ON COLUMN model_history.git_commit IS 'Commit of the inventory that asked for it.';

CREATE FUNCTION model_routes_at(moment timestamptz) RETURNS SETOF model_history LANGUAGE sql STABLE AS $$
    SELECT h.* FROM model_history h
    WHERE h.valid_from <= moment AND (h.valid_to IS NULL OR h.valid_to > moment) AND h.routable
    ORDER BY h.model_name, h.environment, h.organization_id NULLS FIRST, h.revision
$$;
COMMENT ON FUNCTION model_routes_at(timestamptz) IS 'What was routable at that moment.';
