-- The first schema. Times are microseconds since 1970, in UTC.

-- +goose Up

-- schema says what the file needs: a binary whose own schema number is below
-- min_binary must not use it. Every migration ends with an update of it.
CREATE TABLE schema (
  only       INTEGER PRIMARY KEY CHECK (only = 1),
  version    INTEGER NOT NULL,
  min_binary INTEGER NOT NULL
);
INSERT INTO schema VALUES (1, 1, 1);

-- file is what is true of the file itself. incarnation is made with it and
-- never changes: with synchronous=FULL no commit is ever lost. commits counts
-- transactions, so that a commit that failed can be looked up afterwards.
CREATE TABLE file (
  only        INTEGER PRIMARY KEY CHECK (only = 1),
  incarnation TEXT    NOT NULL,
  commits     INTEGER NOT NULL
);
INSERT INTO file VALUES (1, lower(hex(randomblob(16))), 0);

-- events keeps its rowid: rows are written in the order of commits, and with
-- payloads of some hundred bytes a table clustered by slot takes half as many.
CREATE TABLE events (
  service_group  TEXT    NOT NULL,
  slot           INTEGER NOT NULL,
  slot_offset    INTEGER NOT NULL,
  epoch          INTEGER NOT NULL,
  stream         TEXT    NOT NULL,
  version        INTEGER NOT NULL,
  type           TEXT    NOT NULL,
  schema_version INTEGER NOT NULL,
  encoding       INTEGER NOT NULL, -- 0 JSON, 1 protobuf
  data           BLOB,             -- text if it is JSON; NULL: erased
  metadata       BLOB,
  message_id     TEXT,             -- on the first event of a command only
  command        TEXT,
  recorded_at    INTEGER NOT NULL,
  PRIMARY KEY (service_group, slot, slot_offset)
);
CREATE UNIQUE INDEX events_stream ON events (service_group, stream, version);
CREATE UNIQUE INDEX events_message ON events (service_group, stream, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX events_deleted ON events (service_group, stream, version, type) WHERE type IN ('$deleted', '$erased');

CREATE TABLE snapshots (
  service_group  TEXT    NOT NULL,
  stream         TEXT    NOT NULL,
  version        INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  encoding       INTEGER NOT NULL,
  data           BLOB,
  PRIMARY KEY (service_group, stream)
);

CREATE TABLE states (
  service_group  TEXT    NOT NULL,
  stream         TEXT    NOT NULL,
  slot           INTEGER NOT NULL,
  version        INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  encoding       INTEGER NOT NULL,
  data           BLOB,
  recent         TEXT    NOT NULL, -- a JSON array of commands
  PRIMARY KEY (service_group, stream)
);

CREATE TABLE alarms (
  service_group TEXT    NOT NULL,
  id            TEXT    NOT NULL,
  stream        TEXT    NOT NULL,
  slot          INTEGER NOT NULL,
  due_at        INTEGER NOT NULL,
  message       BLOB,
  PRIMARY KEY (service_group, id)
);
CREATE INDEX alarms_due ON alarms (service_group, slot, due_at, id);
CREATE INDEX alarms_stream ON alarms (service_group, stream);

-- erasures names the erased streams that still hold payloads; next_version is
-- how far they are blanked.
CREATE TABLE erasures (
  service_group TEXT    NOT NULL,
  stream        TEXT    NOT NULL,
  next_version  INTEGER NOT NULL,
  PRIMARY KEY (service_group, stream)
) WITHOUT ROWID;

CREATE TABLE members (
  service_group TEXT    NOT NULL,
  member        TEXT    NOT NULL,
  pod_uid       TEXT    NOT NULL,
  address       TEXT    NOT NULL,
  writers       INTEGER NOT NULL,
  joined_at     INTEGER NOT NULL,
  lease_until   INTEGER NOT NULL,
  leaving       INTEGER NOT NULL DEFAULT 0,
  deposed       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (service_group, member)
) WITHOUT ROWID;

-- memberships counts, for each group, how often its members changed; at least
-- the time of the change, so that no number is given twice.
CREATE TABLE memberships (
  service_group TEXT    NOT NULL PRIMARY KEY,
  version       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE fences (
  service_group TEXT    NOT NULL,
  member        TEXT    NOT NULL,
  writer        INTEGER NOT NULL,
  gen           INTEGER NOT NULL DEFAULT 0,
  deposed       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (service_group, member, writer)
) WITHOUT ROWID;

CREATE TABLE slots (
  service_group TEXT    NOT NULL,
  slot          INTEGER NOT NULL,
  owner         TEXT,             -- NULL: nobody
  epoch         INTEGER NOT NULL,
  PRIMARY KEY (service_group, slot)
) WITHOUT ROWID;
CREATE INDEX slots_owner ON slots (service_group, owner, epoch);

CREATE TABLE rings (
  service_group TEXT    NOT NULL,
  version       INTEGER NOT NULL,
  body          BLOB,
  PRIMARY KEY (service_group, version)
);
