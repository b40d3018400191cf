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

-- members_changed_v1 counts a change of a group's members. It comes last in its
-- transaction: whatever else changes members waits for the row until the end of it.
-- +goose StatementBegin
CREATE FUNCTION members_changed_v1(p_group text, p_incarnation text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  INSERT INTO service_groups AS g (service_group, membership, incarnation)
    VALUES (p_group, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, p_incarnation)
    ON CONFLICT (service_group) DO UPDATE
      SET membership = greatest(g.membership + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), incarnation = excluded.incarnation;
END $$;
-- +goose StatementEnd

-- renewed_v1 is what a renewal is answered with. The first one under another
-- incarnation counts as a change of members, unless somebody is about to count one:
-- nobody's renewal waits for that.
-- +goose StatementBegin
CREATE FUNCTION renewed_v1(p_group text, p_now timestamptz, p_until timestamptz, p_slots bigint, p_epochs bigint)
RETURNS TABLE (now_at timestamptz, lease_until timestamptz, incarnation text, slots bigint, epochs bigint, ring bigint, membership bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  current_id text := incarnation_v1();
BEGIN
  IF NOT EXISTS (SELECT 1 FROM service_groups AS g WHERE g.service_group = p_group AND g.incarnation = current_id) THEN
    PERFORM 1 FROM service_groups AS g WHERE g.service_group = p_group AND g.incarnation <> current_id FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM members_changed_v1(p_group, current_id);
    END IF;
  END IF;
  RETURN QUERY
    SELECT p_now, p_until, current_id, p_slots, p_epochs, g.ring, g.membership FROM service_groups AS g WHERE g.service_group = p_group;
END $$;
-- +goose StatementEnd

-- join_v1 registers a member with a fence for each of its writers; RH006: the id
-- was used before.
-- +goose StatementBegin
CREATE FUNCTION join_v1(p_group text, p_member text, p_pod_uid text, p_address text, p_writers integer, p_lease bigint)
RETURNS TABLE (now_at timestamptz, lease_until timestamptz, incarnation text, slots bigint, epochs bigint, ring bigint, membership bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  t timestamptz := clock_timestamp();
  until timestamptz := t + p_lease * interval '1 microsecond';
BEGIN
  INSERT INTO members (service_group, member, pod_uid, address, writers, joined_at)
    VALUES (p_group, p_member, p_pod_uid, p_address, p_writers, t)
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'RH006', MESSAGE = 'the id was used before';
  END IF;
  INSERT INTO leases (service_group, member, nth, renewals, lease, lease_until, slots, epochs, moves)
    VALUES (p_group, p_member, 1, 1, p_lease, until, 0, 0, 0);
  INSERT INTO fences (service_group, member, writer) SELECT p_group, p_member, w FROM generate_series(0, p_writers - 1) AS w;
  PERFORM members_changed_v1(p_group, incarnation_v1());
  RETURN QUERY SELECT * FROM renewed_v1(p_group, t, until, 0, 0);
END $$;
-- +goose StatementEnd

-- renew_v1 extends a lease. The time is read before the row is waited for: a
-- wait shortens the lease. A renewal that a crash of the server takes back is
-- one that the incarnation tells of, so it need not wait for the disk.
--
-- The slots are counted when the moves say that they have changed, not each time:
-- what one member owns may be all there are. The moves are read first, so that
-- what happens meanwhile is counted the next time.
-- +goose StatementBegin
CREATE FUNCTION renew_v1(p_group text, p_member text, p_lease bigint, p_leaving boolean)
RETURNS TABLE (now_at timestamptz, lease_until timestamptz, incarnation text, slots bigint, epochs bigint, ring bigint, membership bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  t timestamptz := clock_timestamp();
  until timestamptz := t + p_lease * interval '1 microsecond';
  was_leaving boolean;
  l record;
  moved bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT m.leaving INTO was_leaving FROM members AS m
    WHERE m.service_group = p_group AND m.member = p_member AND NOT m.deposed FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'RH001', MESSAGE = 'it is deposed';
  END IF;
  SELECT n.nth, n.renewals, n.slots, n.epochs, n.moves INTO l FROM leases AS n
    WHERE n.service_group = p_group AND n.member = p_member ORDER BY n.nth DESC LIMIT 1;
  SELECT sum(f.moves) INTO moved FROM fences AS f WHERE f.service_group = p_group AND f.member = p_member;
  IF l.moves IS DISTINCT FROM moved THEN
    SELECT count(*), coalesce(sum(s.epoch), 0) INTO l.slots, l.epochs FROM slots AS s WHERE s.service_group = p_group AND s.owner = p_member;
  END IF;
  IF l.renewals < 32 THEN
    UPDATE leases AS n SET renewals = n.renewals + 1, lease = p_lease, lease_until = until, slots = l.slots, epochs = l.epochs, moves = coalesce(moved, 0)
      WHERE n.service_group = p_group AND n.member = p_member AND n.nth = l.nth;
  ELSE
    INSERT INTO leases (service_group, member, nth, renewals, lease, lease_until, slots, epochs, moves)
      VALUES (p_group, p_member, coalesce(l.nth, 0) + 1, 1, p_lease, until, l.slots, l.epochs, coalesce(moved, 0));
    DELETE FROM leases AS n WHERE n.service_group = p_group AND n.member = p_member AND n.nth = l.nth;
  END IF;
  IF p_leaving AND NOT was_leaving THEN
    UPDATE members AS m SET leaving = true WHERE m.service_group = p_group AND m.member = p_member;
    PERFORM members_changed_v1(p_group, incarnation_v1());
  END IF;
  RETURN QUERY SELECT * FROM renewed_v1(p_group, t, until, l.slots, l.epochs);
END $$;
-- +goose StatementEnd

-- depose_v1 fences a member off and says whether it is: first its row, which
-- renewals lock. What the lease is then is read behind the wait for that, in a
-- statement of its own. Then its fences, which waits for its appends. A lease that
-- ends later than any that was given, since the clock was set back, counts from now on.
-- +goose StatementBegin
CREATE FUNCTION depose_v1(p_group text, p_member text, p_patience bigint, p_estimate timestamptz, p_incarnation text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  l record;
  gone boolean;
  now_gone boolean := false;
BEGIN
  IF EXISTS (SELECT 1 FROM incarnation AS i WHERE i.id = p_incarnation) THEN
    PERFORM 1 FROM members AS m WHERE m.service_group = p_group AND m.member = p_member AND NOT m.deposed FOR NO KEY UPDATE;
    IF FOUND THEN
      SELECT n.nth, n.lease, n.lease_until INTO l FROM leases AS n
        WHERE n.service_group = p_group AND n.member = p_member ORDER BY n.nth DESC LIMIT 1;
      IF l.lease_until > clock_timestamp() + 2 * l.lease * interval '1 microsecond' THEN
        UPDATE leases AS n SET lease_until = clock_timestamp() + n.lease * interval '1 microsecond'
          WHERE n.service_group = p_group AND n.member = p_member AND n.nth = l.nth;
        RETURN false;
      END IF;
      UPDATE members AS m SET deposed = true
        WHERE m.service_group = p_group AND m.member = p_member
          AND coalesce(l.lease_until, m.joined_at) + p_patience * interval '1 microsecond' < least(clock_timestamp(), p_estimate);
      now_gone := FOUND;
    END IF;
  END IF;
  SELECT m.deposed INTO gone FROM members AS m WHERE m.service_group = p_group AND m.member = p_member;
  IF FOUND AND NOT gone THEN
    RETURN false;
  END IF;
  UPDATE fences SET deposed = true WHERE service_group = p_group AND member = p_member AND NOT deposed;
  IF now_gone THEN
    PERFORM members_changed_v1(p_group, p_incarnation);
  END IF;
  RETURN true;
END $$;
-- +goose StatementEnd

-- reap_v1 removes the members that are deposed, own no slot, and whose lease ended
-- more than p_age ago, and says how many. Their fences were closed with their rows,
-- so none of them comes to own a slot meanwhile; without a fence it is refused too.
-- +goose StatementBegin
CREATE FUNCTION reap_v1(p_group text, p_age bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  gone text[];
BEGIN
  SELECT array_agg(r.member) INTO gone FROM (
    SELECT m.member FROM members AS m
    WHERE m.service_group = p_group AND m.deposed
      AND NOT EXISTS (SELECT 1 FROM slots AS s WHERE s.service_group = p_group AND s.owner = m.member)
      AND p_age * interval '1 microsecond' < clock_timestamp() - coalesce((
        SELECT n.lease_until FROM leases AS n
        WHERE n.service_group = p_group AND n.member = m.member ORDER BY n.nth DESC LIMIT 1), m.joined_at)
    ORDER BY m.member FOR UPDATE OF m SKIP LOCKED) AS r;
  DELETE FROM leases WHERE service_group = p_group AND member = ANY (gone);
  DELETE FROM fences WHERE service_group = p_group AND member = ANY (gone);
  DELETE FROM members WHERE service_group = p_group AND member = ANY (gone);
  RETURN coalesce(cardinality(gone), 0);
END $$;
-- +goose StatementEnd

-- save_ring_v1 stores a ring if the newest one is p_after, which is judged again
-- behind a wait for another one that stores a ring. The newest 16 are kept.
-- +goose StatementBegin
CREATE FUNCTION save_ring_v1(p_group text, p_version bigint, p_body bytea, p_after bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF p_version <= p_after THEN
    RETURN false;
  END IF;
  INSERT INTO service_groups (service_group) VALUES (p_group) ON CONFLICT DO NOTHING;
  UPDATE service_groups SET ring = p_version WHERE service_group = p_group AND ring = p_after;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO rings (service_group, version, body) VALUES (p_group, p_version, p_body);
  DELETE FROM rings WHERE service_group = p_group AND version <= (
    SELECT r.version FROM rings AS r WHERE r.service_group = p_group ORDER BY r.version DESC OFFSET 16 LIMIT 1);
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
