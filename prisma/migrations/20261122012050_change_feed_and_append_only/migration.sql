-- Every node hears of a changed client, resource server or signing key at commit, whoever made
-- the change and however. The first argument names the topic, the second the column with the id.
CREATE FUNCTION latchkey_announce() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
BEGIN
  PERFORM pg_notify('latchkey_changes', TG_ARGV[0] || ':' || coalesce(changed ->> TG_ARGV[1], ''));
  RETURN NULL;
END;
$$;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON clients
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('clients', 'id');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON client_secrets
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('clients', 'client_id');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON client_grants
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('clients', 'client_id');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON resource_server_clients
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('clients', 'client_id');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON resource_servers
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('resource_servers', 'id');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON resource_scopes
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('resource_servers', 'resource_server_id');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON signing_keys
  FOR EACH ROW EXECUTE FUNCTION latchkey_announce('signing_keys', 'kid');

-- The audit log can be added to and read, and that is all.
CREATE FUNCTION latchkey_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_events
  FOR EACH ROW EXECUTE FUNCTION latchkey_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION latchkey_append_only();
