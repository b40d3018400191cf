-- What a writer asks for. Each statement in a function that is VOLATILE has a
-- snapshot of its own: what follows a lock sees what was committed while it was
-- waited for. Plans are made once in a session and may be made while the tables
-- are empty, so a look-up for each element of an array is a LATERAL query with a
-- LIMIT, which leaves the planner nothing but a descent of the index.

-- +goose Up

-- fence_v1 locks the fence of a writer, so that neither deposing its member nor
-- raising its generation passes what follows in the transaction.
-- +goose StatementBegin
CREATE FUNCTION fence_v1(p_group text, p_member text, p_writer integer, p_gen bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  f record;
BEGIN
  PERFORM 1 FROM fences
    WHERE service_group = p_group AND member = p_member AND writer = p_writer AND gen = p_gen AND p_gen > 0 AND NOT deposed
    FOR NO KEY UPDATE;
  IF FOUND THEN
    RETURN;
  END IF;
  SELECT gen, deposed INTO f FROM fences WHERE service_group = p_group AND member = p_member AND writer = p_writer;
  RAISE EXCEPTION USING ERRCODE = 'RH001', MESSAGE = CASE
    WHEN NOT FOUND THEN 'it has not joined with this writer'
    WHEN f.deposed THEN 'it is deposed'
    WHEN p_gen <= 0 THEN 'the writer''s generation was not raised'
    ELSE format('the writer is at generation %s', f.gen) END;
END $$;
-- +goose StatementEnd

-- repeated_v1 gives the position of the first message that is stored in its
-- stream already, or that stands twice in the arrays; NULL if there is none.
-- +goose StatementBegin
CREATE FUNCTION repeated_v1(p_group text, p_streams text[], p_messages text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN (
    SELECT min(m.i)
    FROM (
      SELECT u.stream, u.message, u.i, row_number() OVER (PARTITION BY u.stream, u.message ORDER BY u.i) AS n
      FROM unnest(p_streams, p_messages) WITH ORDINALITY AS u (stream, message, i)
      WHERE u.message IS NOT NULL) AS m
    LEFT JOIN LATERAL (
      SELECT true AS stored FROM events AS e
      WHERE e.service_group = p_group AND e.stream = m.stream AND e.message_id = m.message LIMIT 1) AS e ON true
    WHERE m.n > 1 OR e.stored);
END $$;
-- +goose StatementEnd

-- append_v1 stores an append or raises: RH001 fenced off, RH002 stale claims
-- (DETAIL: a JSON array of slots), RH003 a repeated message (DETAIL: its
-- position), RH004 another version (DETAIL: [position among the streams, current
-- version]). Arrays of one prefix belong together; NULL: there is nothing of the
-- kind. b_ are the streams, each once, with the versions that they should have.
-- What is looked for is bounded by what is expected, although the newest one is
-- meant: a scan that starts at the end of a range first reads all of the range
-- that is on the index's page, which took more time than all the rest.
--
-- What a session has proved stays true in it: the rows of slots that a writer
-- acquired change by writers of its member, which counts in fences.moves, or once
-- it is deposed; their logs grow by this session alone. So claims and streams that the
-- session has proved, or written, need not be given again. p_moves is the count
-- at which they were proved, and p_session the session (a setting of it, so that
-- nothing in between can exchange it): if either is another one, RH007 asks for
-- everything. p_moves NULL: all is given. p_newest is the newest time that the
-- session has written. The result has the count, and the time of the append.
-- +goose StatementBegin
CREATE FUNCTION append_v1(
  p_group text, p_member text, p_writer integer, p_gen bigint, p_session text, p_moves bigint, p_newest timestamptz,
  c_slot integer[], c_epoch bigint[], c_offset bigint[], c_head_epoch bigint[],
  b_stream text[], b_expected bigint[],
  e_slot integer[], e_offset bigint[], e_epoch bigint[], e_stream text[], e_version bigint[], e_type text[], e_schema integer[],
  e_encoding smallint[], e_data bytea[], e_metadata bytea[], e_message text[], e_command text[],
  x_stream text[],
  n_stream text[], n_version bigint[], n_schema integer[], n_encoding smallint[], n_data bytea[],
  s_stream text[], s_slot integer[], s_version bigint[], s_schema integer[], s_encoding smallint[], s_data bytea[], s_recent text[],
  a_id text[], a_stream text[], a_slot integer[], a_due timestamptz[], a_message bytea[],
  OUT o_moves bigint, OUT o_newest timestamptz
)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  stale integer[];
  moved bigint;
  moved_stream text;
  stateful boolean;
  twice bigint;
  current bigint;
BEGIN
  SELECT f.moves INTO o_moves FROM fences AS f
    WHERE f.service_group = p_group AND f.member = p_member AND f.writer = p_writer AND f.gen = p_gen AND p_gen > 0 AND NOT f.deposed
    FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM fence_v1(p_group, p_member, p_writer, p_gen);
  END IF;
  IF p_moves IS NOT NULL AND (p_moves <> o_moves OR p_session IS DISTINCT FROM current_setting('ringhold.session', true)) THEN
    RAISE EXCEPTION USING ERRCODE = 'RH007', MESSAGE = 'what the session has proved is not true any more';
  END IF;
  o_newest := p_newest;

  IF c_slot IS NOT NULL THEN
    SELECT array_agg(c.slot) FILTER (WHERE s.owner IS DISTINCT FROM p_member OR s.writer IS DISTINCT FROM p_writer OR s.epoch <> c.epoch
          OR coalesce(h.slot_offset, -1) <> c.head OR coalesce(h.epoch, 0) <> c.head_epoch),
        greatest(p_newest, max(h.recorded_at))
      INTO stale, o_newest
      FROM unnest(c_slot, c_epoch, c_offset, c_head_epoch) AS c (slot, epoch, head, head_epoch)
      LEFT JOIN LATERAL (
        SELECT o.owner, o.writer, o.epoch FROM slots AS o WHERE o.service_group = p_group AND o.slot = c.slot LIMIT 1) AS s ON true
      LEFT JOIN LATERAL (
        SELECT e.slot_offset, e.epoch, e.recorded_at FROM events AS e
        WHERE e.service_group = p_group AND e.slot = c.slot AND e.slot_offset >= c.head ORDER BY e.slot_offset DESC LIMIT 1) AS h ON true;
    IF stale IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'RH002', MESSAGE = 'the claims are not what is stored', DETAIL = array_to_json(stale)::text;
    END IF;
  END IF;

  IF b_stream IS NOT NULL THEN
    stateful := EXISTS (SELECT 1 FROM states WHERE service_group = p_group);
    SELECT b.i, b.stream
      INTO moved, moved_stream
      FROM unnest(b_stream, b_expected) WITH ORDINALITY AS b (stream, expected, i)
      LEFT JOIN LATERAL (
        SELECT v.version FROM events AS v
        WHERE v.service_group = p_group AND v.stream = b.stream AND v.version >= b.expected ORDER BY v.version DESC LIMIT 1) AS e ON true
      LEFT JOIN LATERAL (
        SELECT o.version FROM states AS o WHERE stateful AND o.service_group = p_group AND o.stream = b.stream LIMIT 1) AS t ON true
      WHERE greatest(coalesce(e.version, -1), coalesce(t.version, -1)) <> b.expected
      LIMIT 1;
    IF FOUND THEN
      IF e_stream IS NOT NULL THEN
        twice := repeated_v1(p_group, e_stream, e_message);
        IF twice IS NOT NULL THEN
          RAISE EXCEPTION USING ERRCODE = 'RH003', MESSAGE = 'a message is stored already', DETAIL = twice::text;
        END IF;
      END IF;
      current := greatest(-1,
        (SELECT v.version FROM events AS v WHERE v.service_group = p_group AND v.stream = moved_stream ORDER BY v.version DESC LIMIT 1),
        (SELECT o.version FROM states AS o WHERE o.service_group = p_group AND o.stream = moved_stream));
      RAISE EXCEPTION USING ERRCODE = 'RH004', MESSAGE = 'a stream is at another version', DETAIL = format('[%s,%s]', moved, current);
    END IF;
  END IF;

  IF e_stream IS NOT NULL THEN
    o_newest := greatest(o_newest, clock_timestamp());
    INSERT INTO events (service_group, slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata,
        message_id, command, recorded_at)
      SELECT p_group, u.slot, u.slot_offset, u.epoch, u.stream, u.version, u.type, u.schema_version, u.encoding, u.data, u.metadata,
        u.message_id, u.command, o_newest
      FROM unnest(e_slot, e_offset, e_epoch, e_stream, e_version, e_type, e_schema, e_encoding, e_data, e_metadata, e_message, e_command)
        AS u (slot, slot_offset, epoch, stream, version, type, schema_version, encoding, data, metadata, message_id, command);
  END IF;
  IF x_stream IS NOT NULL THEN
    INSERT INTO erasures AS x (service_group, stream, next_version)
      SELECT DISTINCT p_group, u.stream, 0 FROM unnest(x_stream) AS u (stream)
      ON CONFLICT (service_group, stream) DO UPDATE SET next_version = 0;
  END IF;
  IF n_stream IS NOT NULL THEN
    INSERT INTO snapshots AS n (service_group, stream, version, schema_version, encoding, data)
      SELECT DISTINCT ON (u.stream) p_group, u.stream, u.version, u.schema_version, u.encoding, u.data
      FROM unnest(n_stream, n_version, n_schema, n_encoding, n_data) WITH ORDINALITY AS u (stream, version, schema_version, encoding, data, i)
      ORDER BY u.stream, u.version DESC, u.i DESC
      ON CONFLICT (service_group, stream) DO UPDATE
        SET version = excluded.version, schema_version = excluded.schema_version, encoding = excluded.encoding, data = excluded.data
        WHERE excluded.version >= n.version;
  END IF;
  IF s_stream IS NOT NULL THEN
    INSERT INTO states AS t (service_group, stream, slot, version, schema_version, encoding, data, recent)
      SELECT DISTINCT ON (u.stream) p_group, u.stream, u.slot, u.version, u.schema_version, u.encoding, u.data, u.recent
      FROM unnest(s_stream, s_slot, s_version, s_schema, s_encoding, s_data, s_recent) WITH ORDINALITY
        AS u (stream, slot, version, schema_version, encoding, data, recent, i)
      ORDER BY u.stream, u.i DESC
      ON CONFLICT (service_group, stream) DO UPDATE
        SET slot = excluded.slot, version = excluded.version, schema_version = excluded.schema_version, encoding = excluded.encoding,
          data = excluded.data, recent = excluded.recent;
  END IF;
  IF a_id IS NOT NULL THEN
    INSERT INTO alarms AS a (service_group, id, stream, slot, due_at, message)
      SELECT DISTINCT ON (u.id) p_group, u.id, u.stream, u.slot, u.due_at, u.message
      FROM unnest(a_id, a_stream, a_slot, a_due, a_message) WITH ORDINALITY AS u (id, stream, slot, due_at, message, i)
      ORDER BY u.id, u.i DESC
      ON CONFLICT (service_group, id) DO UPDATE
        SET stream = excluded.stream, slot = excluded.slot, due_at = excluded.due_at, message = excluded.message;
  END IF;
END $$;
-- +goose StatementEnd

-- raise_v1 makes p_gen the generation of a writer. The update waits for what
-- holds the fence; what comes later with an older generation is refused.
-- +goose StatementBegin
CREATE FUNCTION raise_v1(p_group text, p_member text, p_writer integer, p_gen bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  UPDATE fences SET gen = p_gen
    WHERE service_group = p_group AND member = p_member AND writer = p_writer AND gen < p_gen AND NOT deposed;
  IF NOT FOUND THEN
    PERFORM fence_v1(p_group, p_member, p_writer, p_gen);
    RAISE EXCEPTION USING ERRCODE = 'RH001', MESSAGE = 'the writer is at this generation already';
  END IF;
END $$;
-- +goose StatementEnd

-- lock_fences_v1 locks the fence of a writer and those of the other writers of its
-- member that hold any of the slots, which are about to move to it or away. It is
-- in the order of writers, so that two of them that move each other's slots do not
-- wait for each other.
-- +goose StatementBegin
CREATE FUNCTION lock_fences_v1(p_group text, p_member text, p_writer integer, p_slots integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  holders integer[];
BEGIN
  SELECT array_agg(s.writer) INTO holders FROM slots AS s
    WHERE s.service_group = p_group AND s.slot = ANY (p_slots) AND s.owner = p_member AND s.writer <> p_writer;
  IF holders IS NOT NULL THEN
    PERFORM 1 FROM fences AS f
      WHERE f.service_group = p_group AND f.member = p_member AND f.writer = ANY (holders || p_writer)
      ORDER BY f.writer FOR NO KEY UPDATE;
  END IF;
END $$;
-- +goose StatementEnd

-- acquire_v1 takes those of the slots that have no owner, or one that is deposed
-- or has no row, or the member itself. Rows are locked in order, and those that
-- another acquirer holds are left to it. Who their owners are is judged in a
-- statement after the locks, the heads are read in one after that. An owner that
-- has no row was not deposed: its fences, if they are there, are closed first, or
-- what its sessions have proved would go on being stored. That waits for its
-- appends. Two that have no row and take each other's slots may wait for each
-- other: the server ends one of them, and nothing of it is stored.
-- +goose StatementBegin
CREATE FUNCTION acquire_v1(p_group text, p_member text, p_writer integer, p_gen bigint, p_slots integer[])
RETURNS TABLE (slot integer, epoch bigint, head bigint, head_epoch bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  locked integer[];
  gone text[];
  taken integer[];
BEGIN
  PERFORM lock_fences_v1(p_group, p_member, p_writer, p_slots);
  PERFORM fence_v1(p_group, p_member, p_writer, p_gen);
  INSERT INTO slots (service_group, slot, owner, epoch)
    SELECT p_group, w.slot, NULL, 0 FROM (SELECT DISTINCT u.slot FROM unnest(p_slots) AS u (slot)) AS w
    WHERE NOT EXISTS (SELECT 1 FROM slots AS s WHERE s.service_group = p_group AND s.slot = w.slot)
    ORDER BY w.slot
    ON CONFLICT DO NOTHING;
  SELECT array_agg(l.slot) INTO locked FROM (
    SELECT s.slot FROM slots AS s
    WHERE s.service_group = p_group AND s.slot = ANY (p_slots)
      AND (s.owner IS NULL OR s.owner = p_member OR NOT EXISTS (
        SELECT 1 FROM members AS m WHERE m.service_group = p_group AND m.member = s.owner AND NOT m.deposed))
    ORDER BY s.slot FOR UPDATE OF s SKIP LOCKED) AS l;
  UPDATE fences AS f SET moves = f.moves + 1
    WHERE f.service_group = p_group AND f.member = p_member AND (f.writer = p_writer OR EXISTS (
      SELECT 1 FROM slots AS s
      WHERE s.service_group = p_group AND s.slot = ANY (locked) AND s.owner = p_member AND s.writer = f.writer LIMIT 1));
  SELECT array_agg(DISTINCT s.owner ORDER BY s.owner) INTO gone FROM slots AS s
    WHERE s.service_group = p_group AND s.slot = ANY (locked) AND s.owner <> p_member;
  IF gone IS NOT NULL THEN
    UPDATE fences AS f SET deposed = true
      WHERE f.service_group = p_group AND f.member = ANY (gone) AND NOT f.deposed AND NOT EXISTS (
        SELECT 1 FROM members AS m WHERE m.service_group = p_group AND m.member = f.member AND NOT m.deposed);
  END IF;
  WITH t AS (
    UPDATE slots AS s SET owner = p_member, writer = p_writer, epoch = s.epoch + 1
    WHERE s.service_group = p_group AND s.slot = ANY (locked)
      AND (s.owner IS NULL OR s.owner = p_member OR NOT EXISTS (
        SELECT 1 FROM members AS m WHERE m.service_group = p_group AND m.member = s.owner AND NOT m.deposed))
    RETURNING s.slot)
  SELECT array_agg(t.slot) INTO taken FROM t;
  RETURN QUERY
    SELECT s.slot, s.epoch, coalesce(h.slot_offset, -1), coalesce(h.epoch, 0)
    FROM slots AS s
    LEFT JOIN LATERAL (
      SELECT e.slot_offset, e.epoch FROM events AS e
      WHERE e.service_group = p_group AND e.slot = s.slot ORDER BY e.slot_offset DESC LIMIT 1) AS h ON true
    WHERE s.service_group = p_group AND s.slot = ANY (taken) AND s.owner = p_member
    ORDER BY s.slot;
END $$;
-- +goose StatementEnd

-- release_v1 gives slots up whose owner and epoch are as claimed.
-- +goose StatementBegin
CREATE FUNCTION release_v1(p_group text, p_member text, p_writer integer, p_gen bigint, p_slots integer[], p_epochs bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  mine integer[];
BEGIN
  PERFORM lock_fences_v1(p_group, p_member, p_writer, p_slots);
  PERFORM fence_v1(p_group, p_member, p_writer, p_gen);
  SELECT array_agg(c.slot ORDER BY c.slot) INTO mine
    FROM unnest(p_slots, p_epochs) AS c (slot, epoch)
    CROSS JOIN LATERAL (
      SELECT o.owner, o.epoch FROM slots AS o WHERE o.service_group = p_group AND o.slot = c.slot LIMIT 1) AS s
    WHERE s.owner = p_member AND s.epoch = c.epoch;
  PERFORM 1 FROM slots AS s WHERE s.service_group = p_group AND s.slot = ANY (mine) ORDER BY s.slot FOR UPDATE;
  UPDATE fences AS f SET moves = f.moves + 1
    WHERE f.service_group = p_group AND f.member = p_member AND (f.writer = p_writer OR EXISTS (
      SELECT 1 FROM slots AS s WHERE s.service_group = p_group AND s.slot = ANY (mine) AND s.writer = f.writer LIMIT 1));
  UPDATE slots AS s SET owner = NULL, writer = NULL
    WHERE s.service_group = p_group AND s.slot = ANY (mine) AND s.owner = p_member;
END $$;
-- +goose StatementEnd

-- verify_v1 gives the positions of the claims that are not what is stored. A slot
-- that another writer of the member has acquired is not this one's.
-- +goose StatementBegin
CREATE FUNCTION verify_v1(p_group text, p_member text, p_writer integer, c_slot integer[], c_epoch bigint[], c_offset bigint[], c_head_epoch bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN QUERY
    SELECT c.i
    FROM unnest(c_slot, c_epoch, c_offset, c_head_epoch) WITH ORDINALITY AS c (slot, epoch, head, head_epoch, i)
    LEFT JOIN LATERAL (
      SELECT o.owner, o.writer, o.epoch FROM slots AS o WHERE o.service_group = p_group AND o.slot = c.slot LIMIT 1) AS s ON true
    LEFT JOIN LATERAL (
      SELECT e.slot_offset, e.epoch FROM events AS e
      WHERE e.service_group = p_group AND e.slot = c.slot AND e.slot_offset >= c.head ORDER BY e.slot_offset DESC LIMIT 1) AS h ON true
    WHERE s.owner IS DISTINCT FROM p_member OR s.writer IS DISTINCT FROM p_writer OR s.epoch <> c.epoch
      OR coalesce(h.slot_offset, -1) <> c.head OR coalesce(h.epoch, 0) <> c.head_epoch
    ORDER BY c.i;
END $$;
-- +goose StatementEnd
