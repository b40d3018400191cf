-- The first schema. Names are unqualified: the search_path of whoever migrates
-- says where the tables go. What is compared by bytes is COLLATE "C".

-- +goose Up

-- schema says what the database needs: a binary whose own schema number is
-- below min_binary must not use it. The last migration of a release writes it.
CREATE TABLE schema (
  one        integer PRIMARY KEY CHECK (one = 1),
  version    integer NOT NULL,
  min_binary integer NOT NULL
);

-- incarnation is emptied by the server exactly when commits may have been lost:
-- after a crash, an immediate stop or a promotion. Whoever finds it empty puts a
-- new id in.
CREATE UNLOGGED TABLE incarnation (
  one        integer PRIMARY KEY CHECK (one = 1),
  id         text NOT NULL
);

-- Rows of events are only ever inserted, but for erasing: vacuum has to come for
-- the visibility map and for freezing, not for dead rows.
CREATE TABLE events (
  service_group  text COLLATE "C" NOT NULL,
  slot           integer     NOT NULL,
  slot_offset    bigint      NOT NULL,
  epoch          bigint      NOT NULL,
  stream         text COLLATE "C" NOT NULL,
  version        bigint      NOT NULL,
  type           text COLLATE "C" NOT NULL,
  schema_version integer     NOT NULL,
  encoding       smallint    NOT NULL, -- 0 JSON, 1 protobuf
  data           bytea,                -- NULL: erased
  metadata       bytea,
  message_id     text COLLATE "C",     -- on the first event of a command only
  command        text,                 -- JSON, kept byte for byte
  recorded_at    timestamptz NOT NULL,
  CONSTRAINT events_slot PRIMARY KEY (slot, service_group, slot_offset)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX events_stream ON events (stream, service_group, version);
CREATE UNIQUE INDEX events_message ON events (stream, service_group, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX events_deleted ON events (stream, service_group, version) WHERE type IN ('$deleted', '$erased');

CREATE TABLE snapshots (
  service_group  text COLLATE "C" NOT NULL,
  stream         text COLLATE "C" NOT NULL,
  version        bigint   NOT NULL,
  schema_version integer  NOT NULL,
  encoding       smallint NOT NULL,
  data           bytea,
  PRIMARY KEY (service_group, stream)
) WITH (fillfactor = 80);

CREATE TABLE states (
  service_group  text COLLATE "C" NOT NULL,
  stream         text COLLATE "C" NOT NULL,
  slot           integer  NOT NULL,
  version        bigint   NOT NULL,
  schema_version integer  NOT NULL,
  encoding       smallint NOT NULL,
  data           bytea,
  recent         text     NOT NULL, -- a JSON array of commands
  PRIMARY KEY (service_group, stream)
) WITH (fillfactor = 70);

CREATE TABLE alarms (
  service_group text COLLATE "C" NOT NULL,
  id            text COLLATE "C" NOT NULL,
  stream        text COLLATE "C" NOT NULL,
  slot          integer     NOT NULL,
  due_at        timestamptz NOT NULL,
  message       bytea,
  PRIMARY KEY (service_group, id)
);
CREATE INDEX alarms_due ON alarms (service_group, slot, due_at, id);
CREATE INDEX alarms_stream ON alarms (service_group, stream);

-- erasures names the erased streams that still hold payloads; next_version is
-- how far they are blanked.
CREATE TABLE erasures (
  service_group text COLLATE "C" NOT NULL,
  stream        text COLLATE "C" NOT NULL,
  next_version  bigint NOT NULL,
  PRIMARY KEY (service_group, stream)
);

-- service_groups is what renewals are told of a whole group. membership grows with
-- each change of members, in the transaction of the change, and is at least its
-- time in microseconds; incarnation is that of the last change, and ring is the
-- version of the newest ring. Renewals read the row and leave it alone.
CREATE TABLE service_groups (
  service_group text COLLATE "C" PRIMARY KEY,
  membership    bigint NOT NULL DEFAULT 0,
  incarnation   text   NOT NULL DEFAULT '',
  ring          bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- members is who there is. A renewal locks its member's row, which orders it with a
-- deposing, and writes leases, so that rows are changed here three times in a life.
CREATE TABLE members (
  service_group text COLLATE "C" NOT NULL,
  member        text COLLATE "C" NOT NULL,
  pod_uid       text        NOT NULL,
  address       text        NOT NULL,
  writers       integer     NOT NULL,
  joined_at     timestamptz NOT NULL,
  leaving       boolean     NOT NULL DEFAULT false,
  deposed       boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (service_group, member)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- leases, fences and slots are few rows that are written all the time: room in
-- each page keeps the updates inside it (HOT), so no index is on what they
-- change, and vacuum comes early.
--
-- A lease is the row of its member with the highest nth. After some renewals it
-- moves to a next one, which the index has first: while an old snapshot, such as
-- that of a dump, keeps every version of every row, a look-up goes through those of
-- the newest row and no others, so that it takes as long after hours as before.
-- slots and epochs are the digest of what the member owns, as it was when its
-- writers had counted so many moves.
CREATE TABLE leases (
  service_group text COLLATE "C" NOT NULL,
  member        text COLLATE "C" NOT NULL,
  nth           bigint      NOT NULL,
  renewals      integer     NOT NULL, -- in this row
  lease         bigint      NOT NULL, -- in microseconds
  lease_until   timestamptz NOT NULL,
  slots         bigint      NOT NULL,
  epochs        bigint      NOT NULL,
  moves         bigint      NOT NULL,
  PRIMARY KEY (service_group, member, nth)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

CREATE TABLE fences (
  service_group text COLLATE "C" NOT NULL,
  member        text COLLATE "C" NOT NULL,
  writer        integer NOT NULL,
  gen           bigint  NOT NULL DEFAULT 0,
  moves         bigint  NOT NULL DEFAULT 0, -- grows whenever slots of the writer change hands
  deposed       boolean NOT NULL DEFAULT false,
  PRIMARY KEY (service_group, member, writer)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

CREATE TABLE slots (
  service_group text COLLATE "C" NOT NULL,
  slot          integer NOT NULL,
  owner         text COLLATE "C", -- NULL: nobody
  writer        integer,          -- of the owner, whose moves count this slot
  epoch         bigint  NOT NULL,
  PRIMARY KEY (service_group, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX slots_owner ON slots (service_group, owner) INCLUDE (epoch);

CREATE TABLE rings (
  service_group text COLLATE "C" NOT NULL,
  version       bigint NOT NULL,
  body          bytea,
  PRIMARY KEY (service_group, version)
);
