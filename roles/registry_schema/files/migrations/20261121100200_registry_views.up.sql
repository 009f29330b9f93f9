-- What readers may rely on. model_routes is the contract for routers (docs/registry.md): columns are added, never renamed or removed.

CREATE VIEW model_routes AS
WITH entries AS (
    SELECT e.*, e.deployment_status IN ('ready', 'degraded') AS routable,
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
FROM shares;
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

-- For older readers, where the platform has no object of this name.
DO $migration$
BEGIN
    IF to_regclass(format('%I.model_mappings', current_schema())) IS NULL THEN
        CREATE VIEW model_mappings AS
        SELECT model_name AS name, display_name, url AS backend_url, input_cost_per_token, output_cost_per_token, environment, organization_id
        FROM model_routes WHERE is_default;
        COMMENT ON VIEW model_mappings IS 'The default route of each model under the names that older readers use; new ones read model_routes.';
        COMMENT ON COLUMN model_mappings.name IS 'Name in the request.';
        COMMENT ON COLUMN model_mappings.display_name IS 'Name shown to people.';
        COMMENT ON COLUMN model_mappings.backend_url IS 'Base URL of the engine.';
        COMMENT ON COLUMN model_mappings.input_cost_per_token IS 'Price of one prompt token.';
        COMMENT ON COLUMN model_mappings.output_cost_per_token IS 'Price of one generated token.';
        COMMENT ON COLUMN model_mappings.environment IS 'development, staging or production.';
        COMMENT ON COLUMN model_mappings.organization_id IS 'Organization that may use the route; empty: all.';
        INSERT INTO model_registry_schema_objects (kind, name) VALUES ('view', 'model_mappings');
    END IF;
END
$migration$;
