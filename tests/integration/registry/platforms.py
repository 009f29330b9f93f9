"""Five databases that the migrations must cope with, and give back as they were."""

from __future__ import annotations

EMPTY = ""

#: A platform's own catalogue: other columns, rows, NOT NULL columns with defaults, an organisation with a default.
FOREIGN = """
CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'platform');
CREATE TABLE model_registry_entries (
    model_id bigserial PRIMARY KEY,
    organization_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001' REFERENCES organizations (id),
    model_name varchar(255) NOT NULL,
    provider text NOT NULL DEFAULT 'openai',
    context_window integer NOT NULL DEFAULT 8192,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00'
);
COMMENT ON TABLE model_registry_entries IS 'The platform''s catalogue.';
COMMENT ON COLUMN model_registry_entries.model_name IS 'As the platform says it.';
CREATE INDEX by_provider ON model_registry_entries (provider);
INSERT INTO model_registry_entries (model_name, provider) VALUES ('gpt-x', 'openai'), ('llama-3-8b', 'external'), ('gpt-x', 'other');
"""

#: The first columns were added by hand, with the CHECK of the original specification, which knows no "disabled".
WITH_CHECK = """
CREATE TABLE model_registry_entries (
    id serial PRIMARY KEY,
    model_name text NOT NULL,
    deployment_endpoint varchar(500),
    deployment_status varchar(50) DEFAULT 'pending' CHECK (deployment_status IN ('pending', 'deploying', 'ready', 'degraded', 'failed')),
    deployment_environment varchar(50) CHECK (deployment_environment IN ('development', 'staging', 'production')),
    deployment_namespace varchar(100),
    last_health_check_at timestamptz
);
COMMENT ON COLUMN model_registry_entries.deployment_status IS 'Deployment status.';
CREATE INDEX by_status ON model_registry_entries (deployment_status);
INSERT INTO model_registry_entries (model_name, deployment_endpoint, deployment_status, deployment_environment) VALUES
    ('llama-3-8b', 'llama-3-8b-staging.system.svc.cluster.local:8000', 'ready', 'staging'),
    ('mistral-7b', 'mistral-7b-staging.system.svc.cluster.local:8000', 'ready', 'staging'),
    ('old-model', NULL, 'pending', NULL);
"""

#: The columns without the CHECK, statuses of the platform's own, and the doubled "ready" row that two operators leave behind.
WITHOUT_CHECK = """
CREATE TABLE model_registry_entries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id text,
    model_name text,
    display_name text,
    deployment_endpoint text,
    deployment_status text,
    deployment_environment text,
    input_cost_per_token numeric(20, 12) DEFAULT 0
);
INSERT INTO model_registry_entries (id, model_name, deployment_endpoint, deployment_status, deployment_environment) VALUES
    ('00000000-0000-0000-0000-000000000001', 'llama-3-8b', 'a:8000', 'ready', 'staging'),
    ('00000000-0000-0000-0000-000000000002', 'llama-3-8b', 'b:8000', 'ready', 'staging'),
    ('00000000-0000-0000-0000-000000000003', 'llama-3-8b', 'c:8000', 'live', 'prod');
"""

#: The platform's router reads a table of its own under the name that our view would have, and has migrations of its own.
WITH_MAPPINGS = """
CREATE TABLE model_mappings (name text PRIMARY KEY, display_name text, backend_url text NOT NULL, input_cost_per_token numeric, output_cost_per_token numeric);
INSERT INTO model_mappings VALUES ('gpt-x', 'GPT X', 'https://example.org', 0.1, 0.2);
CREATE TABLE model_registry_entries (model_name text PRIMARY KEY, notes text NOT NULL DEFAULT '');
INSERT INTO model_registry_entries (model_name) VALUES ('gpt-x');
"""

PLATFORMS = {"empty": EMPTY, "foreign": FOREIGN, "with-check": WITH_CHECK, "without-check": WITHOUT_CHECK, "with-mappings": WITH_MAPPINGS}
