-- Who may write, and what erasing does.

-- +goose Up

-- incarnation_v1 gives the incarnation, and makes one if there is none. Of
-- several that make one at once, all give the one that came first.
-- +goose StatementBegin
CREATE FUNCTION incarnation_v1() RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  found_id text;
BEGIN
  SELECT i.id INTO found_id FROM incarnation AS i;
  IF NOT FOUND THEN
    INSERT INTO incarnation (one, id) VALUES (1, replace(gen_random_uuid()::text, '-', '')) ON CONFLICT DO NOTHING;
    SELECT i.id INTO STRICT found_id FROM incarnation AS i;
  END IF;
  RETURN found_id;
END $$;
-- +goose StatementEnd

-- renewed_v1 is what a renewal is answered with.
-- +goose StatementBegin
CREATE FUNCTION renewed_v1(p_group text, p_member text, p_now timestamptz)
RETURNS TABLE (now_at timestamptz, lease_until timestamptz, incarnation text, slots bigint, epochs bigint, ring bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p_now, m.lease_until, incarnation_v1(), o.slots, o.epochs,
      coalesce((SELECT r.version FROM rings AS r WHERE r.service_group = p_group ORDER BY r.version DESC LIMIT 1), 0)
    FROM members AS m
    CROSS JOIN (SELECT count(*) AS slots, coalesce(sum(s.epoch), 0)::bigint AS epochs
      FROM slots AS s WHERE s.service_group = p_group AND s.owner = p_member) AS o
    WHERE m.service_group = p_group AND m.member = p_member;
END $$;
-- +goose StatementEnd

-- join_v1 registers a member with a fence for each of its writers; RH006: the id
-- was used before.
-- +goose StatementBegin
CREATE FUNCTION join_v1(p_group text, p_member text, p_pod_uid text, p_address text, p_writers integer, p_lease bigint)
RETURNS TABLE (now_at timestamptz, lease_until timestamptz, incarnation text, slots bigint, epochs bigint, ring bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  t timestamptz := clock_timestamp();
BEGIN
  INSERT INTO members (service_group, member, pod_uid, address, writers, joined_at, lease, lease_until)
    VALUES (p_group, p_member, p_pod_uid, p_address, p_writers, t, p_lease, t + p_lease * interval '1 microsecond')
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'RH006', MESSAGE = 'the id was used before';
  END IF;
  INSERT INTO fences (service_group, member, writer) SELECT p_group, p_member, w FROM generate_series(0, p_writers - 1) AS w;
  RETURN QUERY SELECT * FROM renewed_v1(p_group, p_member, t);
END $$;
-- +goose StatementEnd

-- renew_v1 extends a lease. The time is read before the row is waited for: a
-- wait shortens the lease. A renewal that a crash of the server takes back is
-- one that the incarnation tells of, so it need not wait for the disk.
-- +goose StatementBegin
CREATE FUNCTION renew_v1(p_group text, p_member text, p_lease bigint, p_leaving boolean)
RETURNS TABLE (now_at timestamptz, lease_until timestamptz, incarnation text, slots bigint, epochs bigint, ring bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  t timestamptz := clock_timestamp();
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE members AS m SET lease = p_lease, lease_until = t + p_lease * interval '1 microsecond', leaving = m.leaving OR p_leaving
    WHERE m.service_group = p_group AND m.member = p_member AND NOT m.deposed;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'RH001', MESSAGE = 'it is deposed';
  END IF;
  RETURN QUERY SELECT * FROM renewed_v1(p_group, p_member, t);
END $$;
-- +goose StatementEnd

-- depose_v1 fences a member off and says whether it is: first the row that
-- renewals write, whose condition is judged again after a wait for it, then its
-- fences, which waits for its appends. A lease that ends later than any that was
-- given, since the clock was set back, counts from now on.
-- +goose StatementBegin
CREATE FUNCTION depose_v1(p_group text, p_member text, p_patience bigint, p_estimate timestamptz, p_incarnation text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  gone boolean;
BEGIN
  IF EXISTS (SELECT 1 FROM incarnation AS i WHERE i.id = p_incarnation) THEN
    UPDATE members SET lease_until = clock_timestamp() + lease * interval '1 microsecond'
      WHERE service_group = p_group AND member = p_member AND NOT deposed
        AND lease_until > clock_timestamp() + 2 * lease * interval '1 microsecond';
    IF FOUND THEN
      RETURN false;
    END IF;
    UPDATE members SET deposed = true
      WHERE service_group = p_group AND member = p_member AND NOT deposed
        AND lease_until + p_patience * interval '1 microsecond' < least(clock_timestamp(), p_estimate);
  END IF;
  SELECT m.deposed INTO gone FROM members AS m WHERE m.service_group = p_group AND m.member = p_member;
  IF NOT FOUND OR gone THEN
    UPDATE fences SET deposed = true WHERE service_group = p_group AND member = p_member AND NOT deposed;
    RETURN true;
  END IF;
  RETURN false;
END $$;
-- +goose StatementEnd

-- save_ring_v1 stores a ring that follows the newest one, which it replaces.
-- +goose StatementBegin
CREATE FUNCTION save_ring_v1(p_group text, p_version bigint, p_body bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  INSERT INTO rings (service_group, version, body)
    SELECT p_group, p_version, p_body
    WHERE p_version - 1 = coalesce((SELECT r.version FROM rings AS r WHERE r.service_group = p_group ORDER BY r.version DESC LIMIT 1), 0)
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM rings WHERE service_group = p_group AND version < p_version;
  RETURN true;
END $$;
-- +goose StatementEnd

-- erase_v1 blanks up to p_limit rows of an erased stream and says whether all is
-- done; RH005: the stream is not erased.
-- +goose StatementBegin
CREATE FUNCTION erase_v1(p_group text, p_stream text, p_limit bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  next bigint;
  last_blanked bigint;
  n bigint;
  quota bigint := p_limit;
BEGIN
  SELECT x.next_version INTO next FROM erasures AS x WHERE x.service_group = p_group AND x.stream = p_stream FOR UPDATE;
  IF NOT FOUND THEN
    IF '$erased' IS DISTINCT FROM (
        SELECT e.type FROM events AS e WHERE e.service_group = p_group AND e.stream = p_stream ORDER BY e.version DESC LIMIT 1) THEN
      RAISE EXCEPTION USING ERRCODE = 'RH005', MESSAGE = 'the stream is not erased';
    END IF;
    RETURN true;
  END IF;
  DELETE FROM alarms WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM alarms AS a WHERE a.service_group = p_group AND a.stream = p_stream LIMIT quota));
  GET DIAGNOSTICS n = ROW_COUNT;
  quota := quota - n;
  IF quota > 0 THEN
    DELETE FROM snapshots WHERE service_group = p_group AND stream = p_stream;
    GET DIAGNOSTICS n = ROW_COUNT;
    quota := quota - n;
  END IF;
  IF quota > 0 THEN
    DELETE FROM states WHERE service_group = p_group AND stream = p_stream;
    GET DIAGNOSTICS n = ROW_COUNT;
    quota := quota - n;
  END IF;
  IF quota <= 0 THEN
    RETURN false;
  END IF;
  SELECT count(*), max(c.version) INTO n, last_blanked FROM (
    SELECT e.version FROM events AS e
    WHERE e.service_group = p_group AND e.stream = p_stream AND e.version >= next ORDER BY e.version LIMIT quota) AS c;
  UPDATE events SET data = NULL, metadata = NULL, command = NULL
    WHERE service_group = p_group AND stream = p_stream AND version >= next AND version <= last_blanked;
  IF n < quota THEN
    DELETE FROM erasures WHERE service_group = p_group AND stream = p_stream;
    RETURN true;
  END IF;
  UPDATE erasures SET next_version = last_blanked + 1 WHERE service_group = p_group AND stream = p_stream;
  RETURN false;
END $$;
-- +goose StatementEnd
