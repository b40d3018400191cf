package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

const beginRead = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

const endRead = `COMMIT`

// newestDeletion comes from an index that has few entries.
const newestDeletion = `
  SELECT x.version, x.type FROM events AS x
  WHERE x.service_group = $1 AND x.stream = r.stream AND x.type IN ('$deleted', '$erased') ORDER BY x.version DESC LIMIT 1`

// streamHeads gives what is to be known of streams before their events are
// read: the newest deletion, the snapshot behind it, and the state. Streams of
// which there is none of these have no row.
const streamHeads = `
SELECT r.i, d.version, d.type = '$erased', n.version, n.schema_version, n.encoding, n.data,
  t.slot, t.version, t.schema_version, t.encoding, t.data, t.recent
FROM unnest($2::text[]) WITH ORDINALITY AS r (stream, i)
LEFT JOIN LATERAL (` + newestDeletion + `) AS d ON true
LEFT JOIN LATERAL (
  SELECT * FROM snapshots AS x WHERE x.service_group = $1 AND x.stream = r.stream AND x.version > coalesce(d.version, -1) LIMIT 1) AS n ON true
LEFT JOIN LATERAL (SELECT * FROM states AS x WHERE x.service_group = $1 AND x.stream = r.stream LIMIT 1) AS t ON true
WHERE d.version IS NOT NULL OR n.version IS NOT NULL OR t.version IS NOT NULL`

// pagesOfEvents gives the events of requests behind snapshot and deletion, each
// up to its limit; none of streams that are erased.
const pagesOfEvents = `
SELECT e.*
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::boolean[]) AS r (i, stream, n, bare)
LEFT JOIN LATERAL (` + newestDeletion + `) AS d ON true
LEFT JOIN LATERAL (SELECT x.version FROM snapshots AS x WHERE x.service_group = $1 AND x.stream = r.stream LIMIT 1) AS s ON true
CROSS JOIN LATERAL (
  SELECT r.i, x.version, x.slot, x.slot_offset, x.epoch, x.type, x.schema_version, x.encoding, x.data,
    CASE WHEN NOT r.bare THEN x.metadata END, x.message_id, CASE WHEN NOT r.bare THEN x.command END, x.recorded_at
  FROM events AS x
  WHERE x.service_group = $1 AND x.stream = r.stream AND x.version > greatest(coalesce(s.version, -1), coalesce(d.version, -1))
  ORDER BY x.version LIMIT r.n) AS e
WHERE d.type IS DISTINCT FROM '$erased'`

const recordedCommands = `
SELECT m.i, m.k, e.version, e.command
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS m (i, k, stream, message)
CROSS JOIN LATERAL (
  SELECT x.version, x.command FROM events AS x
  WHERE x.service_group = $1 AND x.stream = m.stream AND x.message_id = m.message LIMIT 1) AS e
WHERE e.command IS NOT NULL`

// Load answers all requests in one round trip and from one point in time.
func (s *Store) Load(ctx context.Context, reqs []store.LoadRequest) ([]store.Loaded, error) {
	if len(reqs) == 0 {
		leave, err := s.enter(ctx)
		if err == nil {
			leave()
		}
		return nil, err
	}
	var l *loader
	err := s.read(ctx, "read", func(ctx context.Context, se *session) error {
		l = newLoader(s.group, reqs)
		return l.run(ctx, se)
	})
	if err != nil {
		return nil, err
	}
	l.finish()
	return l.out, nil
}

// loader answers the requests of one Load.
type loader struct {
	group  string
	reqs   []store.LoadRequest
	out    []store.Loaded
	states []*store.State // of all streams, also where they are not asked for
	d      decoder
	all    []store.Event // the pages, one behind the other
	at     int           // the request whose page is being read
	from   int           // where it begins in all
}

func newLoader(group string, reqs []store.LoadRequest) *loader {
	l := &loader{group: group, reqs: reqs, out: make([]store.Loaded, len(reqs)), states: make([]*store.State, len(reqs)), at: -1}
	for i := range l.out {
		l.out[i] = store.Loaded{Deleted: message.NoVersion, Commands: make([]*store.Recorded, len(reqs[i].Messages))}
	}
	return l
}

// step is one statement of the pipeline; row is nil where there are no rows.
type step struct {
	query string
	p     params
	row   func([][]byte) error
}

func (l *loader) steps() []*step {
	heads, pages, commands := &step{query: streamHeads, row: l.head}, &step{query: pagesOfEvents, row: l.event}, &step{query: recordedCommands, row: l.command}
	heads.p.text(l.group)
	heads.p.list(oidText, len(l.reqs))
	var hydrate []int
	messages := 0
	for i := range l.reqs {
		heads.p.addText(string(l.reqs[i].Stream))
		messages += len(l.reqs[i].Messages)
		if l.reqs[i].Hydrate {
			hydrate = append(hydrate, i)
		}
	}
	steps := []*step{{query: beginRead}, heads}
	if len(hydrate) > 0 {
		l.fillPages(&pages.p, hydrate)
		steps = append(steps, pages)
	}
	if messages > 0 {
		l.fillCommands(&commands.p, messages)
		steps = append(steps, commands)
	}
	return append(steps, &step{query: endRead})
}

// fillPages asks for one event more than wanted, to know whether there are more.
func (l *loader) fillPages(p *params, hydrate []int) {
	p.text(l.group)
	p.list(oidInt8, len(hydrate))
	for _, i := range hydrate {
		p.addInt8(int64(i))
	}
	p.list(oidText, len(hydrate))
	for _, i := range hydrate {
		p.addText(string(l.reqs[i].Stream))
	}
	p.list(oidInt8, len(hydrate))
	for _, i := range hydrate {
		p.addInt8(int64(max(l.reqs[i].Events, 0)) + 1)
	}
	p.list(oidBool, len(hydrate))
	for _, i := range hydrate {
		p.addBool(l.reqs[i].Bare)
	}
}

func (l *loader) fillCommands(p *params, n int) {
	p.text(l.group)
	p.list(oidInt8, n)
	for i := range l.reqs {
		for range l.reqs[i].Messages {
			p.addInt8(int64(i))
		}
	}
	p.list(oidInt8, n)
	for i := range l.reqs {
		for k := range l.reqs[i].Messages {
			p.addInt8(int64(k))
		}
	}
	p.list(oidText, n)
	for i := range l.reqs {
		for range l.reqs[i].Messages {
			p.addText(string(l.reqs[i].Stream))
		}
	}
	p.list(oidText, n)
	for i := range l.reqs {
		for _, id := range l.reqs[i].Messages {
			p.addText(string(id))
		}
	}
}

// run sends all statements at once and reads the answers.
func (l *loader) run(ctx context.Context, se *session) error {
	steps := l.steps()
	stmts := make([]*pgconn.StatementDescription, len(steps))
	for i, st := range steps {
		var err error
		if stmts[i], err = se.prepare(ctx, st.query); err != nil {
			return err
		}
	}
	pipe := se.conn.StartPipeline(ctx)
	for i, st := range steps {
		pipe.SendQueryStatement(stmts[i], st.p.encoded(), binaryFormat, binaryFormat)
	}
	err := pipe.Sync()
	for i := 0; i < len(steps) && err == nil; i++ {
		err = read(pipe, steps[i].row)
	}
	if cerr := pipe.Close(); err == nil {
		err = cerr
	}
	return err
}

// read reads the rows of the next statement.
func read(pipe *pgconn.Pipeline, row func([][]byte) error) error {
	results, err := pipe.GetResults()
	if err != nil {
		return err
	}
	r, ok := results.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("the server answered a statement with %T", results)
	}
	var fault error
	for r.NextRow() {
		if fault == nil {
			fault = row(r.Values())
		}
	}
	if _, err := r.Close(); err != nil {
		return err
	}
	return fault
}

func (l *loader) head(v [][]byte) error {
	i := getInt8(v[0]) - 1
	r, out := &l.reqs[i], &l.out[i]
	if v[1] != nil {
		out.Deleted, out.Erased = message.Version(getInt8(v[1])), v[2][0] == 1
	}
	if out.Erased {
		return nil
	}
	if v[3] != nil && r.Hydrate {
		out.Snapshot = &store.Snapshot{Stream: r.Stream, Version: message.Version(getInt8(v[3])), Schema: int(getInt4(v[4])),
			Encoding: store.Encoding(getInt2(v[5])), Data: clone(v[6])}
	}
	if v[8] == nil {
		return nil
	}
	recent, err := store.DecodeRecent(v[12])
	if err != nil {
		return fmt.Errorf("the state of stream %q: %w", r.Stream, err)
	}
	l.states[i] = &store.State{Stream: r.Stream, Slot: ring.Slot(getInt4(v[7])), Version: message.Version(getInt8(v[8])), Schema: int(getInt4(v[9])),
		Encoding: store.Encoding(getInt2(v[10])), Data: clone(v[11]), Recent: recent}
	return nil
}

func (l *loader) event(v [][]byte) error {
	i := int(getInt8(v[0]))
	if i != l.at {
		l.page()
		l.at = i
	}
	e, err := l.d.event(v, l.reqs[i].Stream)
	l.all = append(l.all, e)
	return err
}

// page ends the page that is being read. The row that was one too many says
// that there are more.
func (l *loader) page() {
	if l.at < 0 {
		return
	}
	out, limit := &l.out[l.at], max(l.reqs[l.at].Events, 0)
	events := l.all[l.from:len(l.all):len(l.all)]
	if len(events) > limit {
		events, out.More = events[:limit:limit], true
	}
	if out.Events == nil {
		out.Events = events
	} else {
		out.Events = append(out.Events, events...)
	}
	l.from = len(l.all)
}

func (l *loader) command(v [][]byte) error {
	c, err := store.DecodeCommand(v[3])
	if err == nil {
		l.out[getInt8(v[0])].Commands[getInt8(v[1])] = &store.Recorded{Command: *c, First: message.Version(getInt8(v[2]))}
	}
	return err
}

// finish gives each request what it asked for, and no more.
func (l *loader) finish() {
	l.page()
	for i := range l.out {
		r, out, state := &l.reqs[i], &l.out[i], l.states[i]
		if out.Erased {
			*out = store.Loaded{Deleted: out.Deleted, Erased: true, Commands: make([]*store.Recorded, len(r.Messages))}
			continue
		}
		for k, id := range r.Messages {
			if out.Commands[k] == nil && state != nil {
				out.Commands[k] = state.Find(id)
			}
		}
		if r.Hydrate {
			out.State = state
		} else {
			out.Deleted = message.NoVersion
		}
	}
}
