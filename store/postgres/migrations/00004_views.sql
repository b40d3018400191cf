-- Views for people, and the row that says that the schema is whole.

-- +goose Up

-- json_v1 gives bytes as JSON where they are that, else NULL: bytes that are not
-- UTF-8 or not JSON never fail a query.
-- +goose StatementBegin
CREATE FUNCTION json_v1(p_data bytea) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN convert_from(p_data, 'UTF8')::json;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- streams lists each stream with its newest version. It is one pass over what is
-- asked for: a condition on stream, or a range of it, goes down to the indexes of
-- both tables, one on name or id does not. The key of states begins with the group,
-- so the groups, of which there are few, stand before it, found by a descent each.
CREATE VIEW streams AS
SELECT l.service_group,
  split_part(l.stream, '-', 1) AS name,
  substr(l.stream, strpos(l.stream, '-') + 1) AS id,
  max(l.version) AS version,
  coalesce(max(l.version) FILTER (WHERE l.ends) >= max(l.version), false) AS deleted,
  count(l.recorded_at) AS events,
  min(l.recorded_at) AS first_at, max(l.recorded_at) AS last_at,
  l.stream
FROM (
  SELECT e.service_group, e.stream, e.version, e.type IN ('$deleted', '$erased') AS ends, e.recorded_at FROM events AS e
  UNION ALL
  SELECT t.service_group, t.stream, t.version, false, NULL
  FROM (
    WITH RECURSIVE walk (service_group) AS (
      SELECT min(s.service_group) FROM states AS s
      UNION ALL
      SELECT (SELECT min(s.service_group) FROM states AS s WHERE s.service_group > w.service_group)
      FROM walk AS w WHERE w.service_group IS NOT NULL)
    SELECT w.service_group FROM walk AS w) AS g
  JOIN states AS t ON t.service_group = g.service_group) AS l
GROUP BY l.service_group, l.stream;

-- readable_events shows payloads that are JSON as JSON; others stay as bytes.
CREATE VIEW readable_events AS
SELECT service_group, slot, slot_offset, epoch, stream, version, type, schema_version,
  CASE encoding WHEN 0 THEN 'json' WHEN 1 THEN 'proto' ELSE encoding::text END AS encoding,
  json_v1(data) AS data,
  CASE WHEN json_v1(data) IS NULL THEN data END AS data_bytes,
  json_v1(metadata) AS metadata, message_id, json_v1(convert_to(command, 'UTF8')) AS command, recorded_at,
  data IS NULL AND metadata IS NULL AS erased
FROM events;

-- events_of gives the events of one aggregate, stream_of its row in streams, by an
-- index, whoever asks with whatever search_path: the names were looked up here.
-- They read the views with the rights of who asks.
-- +goose StatementBegin
CREATE FUNCTION events_of(p_name text, p_id text) RETURNS SETOF readable_events
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT * FROM readable_events AS e WHERE e.stream = p_name || '-' || p_id ORDER BY e.service_group, e.version;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION stream_of(p_name text, p_id text) RETURNS SETOF streams
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT * FROM streams AS s WHERE s.stream = p_name || '-' || p_id;
END;
-- +goose StatementEnd

-- readable_members shows who is there and what each owns.
CREATE VIEW readable_members AS
SELECT m.service_group, m.member, m.address, m.writers, m.joined_at, l.lease_until,
  l.lease_until > clock_timestamp() AS lease_good, m.leaving, m.deposed,
  (SELECT count(*) FROM slots AS s WHERE s.service_group = m.service_group AND s.owner = m.member) AS slots
FROM members AS m
LEFT JOIN LATERAL (
  SELECT n.lease_until FROM leases AS n
  WHERE n.service_group = m.service_group AND n.member = m.member ORDER BY n.nth DESC LIMIT 1) AS l ON true;

INSERT INTO schema (one, version, min_binary) VALUES (1, 1, 1)
ON CONFLICT (one) DO UPDATE SET version = excluded.version, min_binary = excluded.min_binary;
