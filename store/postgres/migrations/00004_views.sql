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

-- streams lists each stream with its newest version.
CREATE VIEW streams AS
SELECT k.service_group,
  split_part(k.stream, '-', 1) AS name,
  substr(k.stream, strpos(k.stream, '-') + 1) AS id,
  greatest(e.version, t.version) AS version,
  coalesce(d.version >= greatest(e.version, t.version), false) AS deleted,
  coalesce(e.events, 0) AS events,
  e.first_at, e.last_at
FROM (SELECT service_group, stream FROM events UNION SELECT service_group, stream FROM states) AS k
LEFT JOIN (
  SELECT service_group, stream, max(version) AS version, count(*) AS events, min(recorded_at) AS first_at, max(recorded_at) AS last_at
  FROM events GROUP BY service_group, stream) AS e USING (service_group, stream)
LEFT JOIN (
  SELECT service_group, stream, max(version) AS version FROM events WHERE type IN ('$deleted', '$erased')
  GROUP BY service_group, stream) AS d USING (service_group, stream)
LEFT JOIN states AS t USING (service_group, stream);

-- readable_events shows payloads that are JSON as JSON; others stay as bytes.
CREATE VIEW readable_events AS
SELECT service_group, slot, slot_offset, epoch, stream, version, type, schema_version,
  CASE encoding WHEN 0 THEN 'json' WHEN 1 THEN 'proto' ELSE encoding::text END AS encoding,
  json_v1(data) AS data,
  CASE WHEN json_v1(data) IS NULL THEN data END AS data_bytes,
  json_v1(metadata) AS metadata, message_id, json_v1(convert_to(command, 'UTF8')) AS command, recorded_at,
  data IS NULL AND metadata IS NULL AS erased
FROM events;

-- readable_members shows who is there and what each owns.
CREATE VIEW readable_members AS
SELECT m.service_group, m.member, m.address, m.writers, m.joined_at, m.lease_until,
  m.lease_until > clock_timestamp() AS lease_good, m.leaving, m.deposed,
  (SELECT count(*) FROM slots AS s WHERE s.service_group = m.service_group AND s.owner = m.member) AS slots
FROM members AS m;

INSERT INTO schema (one, version, min_binary) VALUES (1, 1, 1)
ON CONFLICT (one) DO UPDATE SET version = excluded.version, min_binary = excluded.min_binary;
