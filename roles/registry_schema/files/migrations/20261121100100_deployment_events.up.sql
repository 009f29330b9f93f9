-- Every change of an entry leaves one event, whoever makes it: the triggers write it, so that it cannot be forgotten, forged or edited.

CREATE TABLE model_deployment_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL CHECK (action IN ('registered', 'updated', 'status', 'weight', 'enabled', 'disabled', 'superseded', 'removed')),
    change_id uuid,
    deployment_id uuid NOT NULL,
    organization_id text,
    model_name text NOT NULL,
    deployment_environment text NOT NULL,
    deployment_revision text NOT NULL,
    deployment_version bigint NOT NULL,
    previous_status text,
    deployment_status text,
    previous_revision text,
    previous_bundle text,
    deployment_bundle text,
    reason text,
    actor text,
    database_user text NOT NULL,
    correlation_id text,
    git_commit text,
    verification jsonb,
    entry_before jsonb,
    entry_after jsonb
);
COMMENT ON TABLE model_deployment_events IS 'Append-only: who did what to which model, when, from which bundle to which, with which verdicts.';
COMMENT ON COLUMN model_deployment_events.event_id IS 'Grows with time; two events of one transaction have neighbouring numbers.';
COMMENT ON COLUMN model_deployment_events.occurred_at IS 'The database''s clock, inside the transaction and its lock.';
COMMENT ON COLUMN model_deployment_events.action IS 'registered, updated, status, weight, enabled, disabled, superseded or removed.';
COMMENT ON COLUMN model_deployment_events.change_id IS 'The same for all events of one run; drawn by the client, so that it can ask what became of a lost COMMIT.';
COMMENT ON COLUMN model_deployment_events.deployment_id IS 'The entry.';
COMMENT ON COLUMN model_deployment_events.organization_id IS 'Organization of the entry.';
COMMENT ON COLUMN model_deployment_events.model_name IS 'Model of the entry.';
COMMENT ON COLUMN model_deployment_events.deployment_environment IS 'Environment of the entry.';
COMMENT ON COLUMN model_deployment_events.deployment_revision IS 'Revision of the entry.';
COMMENT ON COLUMN model_deployment_events.deployment_version IS 'Version of the entry after the change; of a removed one: its last.';
COMMENT ON COLUMN model_deployment_events.previous_status IS 'Status before; empty for a new entry.';
COMMENT ON COLUMN model_deployment_events.deployment_status IS 'Status after; empty for a removed entry.';
COMMENT ON COLUMN model_deployment_events.previous_revision IS 'Revision that this model had in this place before the change.';
COMMENT ON COLUMN model_deployment_events.previous_bundle IS 'Bundle of previous_revision.';
COMMENT ON COLUMN model_deployment_events.deployment_bundle IS 'Bundle after the change.';
COMMENT ON COLUMN model_deployment_events.reason IS 'Why, as the operator said it.';
COMMENT ON COLUMN model_deployment_events.actor IS 'Who asked for the change: a person, a job; as the client said it.';
COMMENT ON COLUMN model_deployment_events.database_user IS 'Database user that made the change; cannot be chosen by the client.';
COMMENT ON COLUMN model_deployment_events.correlation_id IS 'Job or pipeline that the change belongs to.';
COMMENT ON COLUMN model_deployment_events.git_commit IS 'Commit of the inventory that asked for it.';
COMMENT ON COLUMN model_deployment_events.verification IS 'What the verification said when this was registered.';
COMMENT ON COLUMN model_deployment_events.entry_before IS 'The entry''s columns before.';
COMMENT ON COLUMN model_deployment_events.entry_after IS 'The entry''s columns after.';
CREATE INDEX model_deployment_events_model ON model_deployment_events (model_name, deployment_environment, event_id);
CREATE INDEX model_deployment_events_change ON model_deployment_events (change_id);
CREATE INDEX model_deployment_events_time ON model_deployment_events (occurred_at);

-- The columns whose change counts: what a router or a reader of history would act on. A health check or a new Helm revision of the same bundle is not one.
CREATE FUNCTION model_registry_essence(entry model_registry_entries) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object(
        'deployment_id', entry.deployment_id, 'organization_id', entry.organization_id::text, 'model_name', entry.model_name,
        'display_name', entry.display_name, 'input_cost_per_token', entry.input_cost_per_token,
        'output_cost_per_token', entry.output_cost_per_token, 'deployment_endpoint', entry.deployment_endpoint,
        'deployment_status', entry.deployment_status, 'deployment_environment', entry.deployment_environment,
        'deployment_namespace', entry.deployment_namespace, 'deployment_revision', entry.deployment_revision,
        'deployment_bundle', entry.deployment_bundle, 'deployment_release', entry.deployment_release,
        'deployment_weight', entry.deployment_weight, 'deployment_reason', entry.deployment_reason)
$$;
COMMENT ON FUNCTION model_registry_essence(model_registry_entries) IS 'The columns of an entry whose change grows its version and leaves an event.';

CREATE FUNCTION model_registry_entry(entry model_registry_entries) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT model_registry_essence(entry) || jsonb_build_object(
        'deployment_bundle_content', entry.deployment_bundle_content, 'deployment_release_revision', entry.deployment_release_revision,
        'deployment_version', entry.deployment_version, 'deployment_created_at', entry.deployment_created_at,
        'deployment_updated_at', entry.deployment_updated_at, 'last_health_check_at', entry.last_health_check_at)
$$;
COMMENT ON FUNCTION model_registry_entry(model_registry_entries) IS 'The registry''s columns of an entry as JSON, without those of the platform.';

CREATE FUNCTION model_registry_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION model_registry_stamp() IS 'Version and times of an entry are kept here, whoever writes.';

CREATE FUNCTION model_registry_action(before model_registry_entries, after model_registry_entries) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN after.deployment_id IS NULL THEN 'removed'
        WHEN before.deployment_id IS NULL THEN 'registered'
        WHEN before.deployment_status IS DISTINCT FROM after.deployment_status THEN CASE
            WHEN after.deployment_status IN ('disabled', 'superseded') THEN after.deployment_status
            WHEN before.deployment_status = 'disabled' AND after.deployment_status IN ('ready', 'degraded') THEN 'enabled'
            ELSE 'status' END
        WHEN before.deployment_weight IS DISTINCT FROM after.deployment_weight THEN 'weight'
        ELSE 'updated' END
$$;
COMMENT ON FUNCTION model_registry_action(model_registry_entries, model_registry_entries) IS 'What a change of an entry is called in its event.';

CREATE FUNCTION model_registry_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
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
COMMENT ON FUNCTION model_registry_record() IS 'Writes the event of a change and tells routers; runs as its owner, so that nobody else needs to write events.';

-- A function that runs as its owner must not look where its caller could put a table.
DO $migration$
BEGIN
    EXECUTE format('ALTER FUNCTION model_registry_record() SET search_path = %I, pg_temp', current_schema());
END
$migration$;
REVOKE ALL ON FUNCTION model_registry_record() FROM PUBLIC;

CREATE TRIGGER vllm_entries_stamp_insert BEFORE INSERT ON model_registry_entries
    FOR EACH ROW WHEN (NEW.deployment_id IS NOT NULL) EXECUTE FUNCTION model_registry_stamp();
CREATE TRIGGER vllm_entries_stamp_update BEFORE UPDATE ON model_registry_entries
    FOR EACH ROW WHEN (NEW.deployment_id IS NOT NULL) EXECUTE FUNCTION model_registry_stamp();
CREATE TRIGGER vllm_entries_record_insert AFTER INSERT ON model_registry_entries
    FOR EACH ROW WHEN (NEW.deployment_id IS NOT NULL) EXECUTE FUNCTION model_registry_record();
CREATE TRIGGER vllm_entries_record_update AFTER UPDATE ON model_registry_entries
    FOR EACH ROW WHEN (NEW.deployment_id IS NOT NULL) EXECUTE FUNCTION model_registry_record();
CREATE TRIGGER vllm_entries_record_delete AFTER DELETE ON model_registry_entries
    FOR EACH ROW WHEN (OLD.deployment_id IS NOT NULL) EXECUTE FUNCTION model_registry_record();
