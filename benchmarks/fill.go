package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// fill makes a big table of events by statements of the server's own: in rounds
// over all streams, some versions of each at a time, so that the indexes grow
// all over, as they do in life.
type fill struct {
	place    *place
	ids      *ids
	versions int   // of each stream
	added    int64 // events that measurements have added since
}

const (
	growthGroup  = "growth"
	fillVersions = 100
	fillAtOnce   = 10     // versions of a stream that lie together
	fillPart     = 20_000 // streams of one statement
	fillSessions = 2
	fillPrefix   = "old" // of the ids
	// bytesEach is what an event takes with its share of the indexes, and
	// something to spare.
	bytesEach = 500
)

// newFill is a fill of about so many events.
func newFill(p *place, events int64) *fill {
	return &fill{place: p, ids: newIDs(fillPrefix, int(max(1, events/fillVersions)), smallestPayload), versions: fillVersions}
}

func (f *fill) total() int64 { return int64(f.ids.n) * int64(f.versions) }

// some returns some of the filled ids, the same each time.
func (f *fill) some(n int) *ids {
	chosen := rand.New(rand.NewPCG(3, 4)).Perm(f.ids.n)[:min(n, f.ids.n)]
	s := &ids{n: len(chosen), prefix: f.ids.prefix}
	for _, i := range chosen {
		s.streams = append(s.streams, f.ids.streams[i])
		s.slots = append(s.slots, f.ids.slots[i])
		s.requests = append(s.requests, f.ids.requests[i])
	}
	return s
}

// run fills the table.
func (f *fill) run(ctx context.Context) error {
	b := f.place.b
	if err := b.roomFor(ctx, f.total()*bytesEach); err != nil {
		return err
	}
	if err := f.place.migrate(ctx); err != nil {
		return err
	}
	template, err := b.eventsTemplate(ctx, f.ids)
	if err != nil {
		return err
	}
	if err := f.streams(ctx); err != nil {
		return err
	}
	insert := f.insert(template)
	sessions, err := b.server.lazySessions(ctx, fillSessions)
	if err != nil {
		return err
	}
	defer sessions.close()
	began, done := time.Now(), int64(0)
	parts := (f.ids.n + fillPart - 1) / fillPart
	for v := 0; v < f.versions; v += fillAtOnce {
		rows := make([]int64, parts)
		err := each(ctx, fillSessions, parts, func(part int) error {
			conn := <-sessions
			defer func() { sessions <- conn }()
			tag, err := conn.Exec(ctx, insert, v, v+fillAtOnce-1, part*fillPart, (part+1)*fillPart-1)
			rows[part] = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("fill the table: %w", err)
		}
		for _, n := range rows {
			done += n
		}
		bytes, err := f.place.totalSize(ctx)
		if err != nil {
			return err
		}
		took := time.Since(began)
		left := time.Duration(float64(took) / float64(done) * float64(f.total()-done))
		b.progress("growth: %s of %s events, %s (%d bytes each), %s/s, %v left", number(float64(done)), number(float64(f.total())), size(bytes), bytes/done, number(float64(done)/took.Seconds()), left.Round(time.Second))
	}
	if done != f.total() {
		return fmt.Errorf("%d events were meant, %d are stored", f.total(), done)
	}
	b.progress("growth: VACUUM ANALYZE")
	return errors.Join(
		b.server.exec(ctx, `DROP TABLE `+f.place.schema+`.fill_streams`),
		b.server.exec(ctx, `VACUUM ANALYZE `+f.place.schema+`.events`),
		b.server.exec(ctx, `CHECKPOINT`),
	)
}

// streams stores which streams are to be filled: their slots, and where among
// the streams of its slot each stands, which gives its events their offsets.
func (f *fill) streams(ctx context.Context) error {
	table := f.place.schema + ".fill_streams"
	err := f.place.b.server.exec(ctx, `CREATE UNLOGGED TABLE `+table+` (n int PRIMARY KEY, stream text, slot int, rank int, of int)`)
	if err != nil {
		return err
	}
	inSlot := make([]int, slots)
	ranks := make([]int, f.ids.n)
	for i, slot := range f.ids.slots {
		ranks[i] = inSlot[slot]
		inSlot[slot]++
	}
	_, err = f.place.b.server.conn.CopyFrom(ctx, pgx.Identifier{f.place.schema, "fill_streams"}, []string{"n", "stream", "slot", "rank", "of"},
		pgx.CopyFromSlice(f.ids.n, func(i int) ([]any, error) {
			slot := f.ids.slots[i]
			return []any{int32(i), f.ids.streams[i], int32(slot), int32(ranks[i]), int32(inSlot[slot])}, nil
		}))
	if err != nil {
		return fmt.Errorf("store the streams to fill: %w", err)
	}
	return f.place.b.server.exec(ctx, `ANALYZE `+table)
}

// insert is the statement that stores versions $1 to $2 of streams $3 to $4, as
// commands of two events each, in the order of the indexes, which costs half of
// the time that another order does. Message ids are UUIDs of version 7 from the time of the insert on; what is
// not told here is what Ringhold stored of a command.
func (f *fill) insert(like *rawTable) string {
	own := map[string]string{
		"service_group": "'" + growthGroup + "'", "slot": "s.slot", "slot_offset": "v.v::bigint * s.of + s.rank",
		"stream": "s.stream", "version": "v.v", "metadata": "'{}'",
		"message_id":  `CASE WHEN v.v % 2 = 0 THEN overlay(overlay(gen_random_uuid()::text placing overlay(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') placing '-' from 9 for 0) from 1 for 13) placing '7' from 15 for 1) END`,
		"command":     `CASE WHEN v.v % 2 = 0 THEN '{"service":"deposit","hash":"` + strings.Repeat("0", 64) + `","events":2,"response":{"result":"ok"}}' END`,
		"recorded_at": "now()",
	}
	var names, exprs []string
	for _, c := range like.columns {
		names = append(names, c.name)
		if e, ok := own[c.name]; ok {
			exprs = append(exprs, e)
			continue
		}
		exprs = append(exprs, "t."+c.name)
	}
	rest := slices.DeleteFunc(slices.Clone(like.columns), func(c rawColumn) bool { return own[c.name] != "" })
	var constants []string
	for _, c := range rest {
		constants = append(constants, fmt.Sprintf("%s AS %s", c.literal(), c.name))
	}
	return fmt.Sprintf(`INSERT INTO %s.events (%s) SELECT %s FROM %s.fill_streams AS s, generate_series($1::int, $2::int) AS v(v),
		(SELECT %s) AS t WHERE s.n BETWEEN $3::int AND $4::int ORDER BY s.n, v.v`, f.place.schema, strings.Join(names, ", "), strings.Join(exprs, ", "), f.place.schema, strings.Join(constants, ", "))
}

// roomFor refuses what the disk cannot hold.
func (b *bench) roomFor(ctx context.Context, bytes int64) error {
	var dir string
	if err := b.server.conn.QueryRow(ctx, `SELECT current_setting('data_directory')`).Scan(&dir); err != nil {
		return fmt.Errorf("ask the server where its data is: %w", err)
	}
	if b.server.postmaster == 0 {
		b.progress("growth: the server is on another machine, its disk has to have %s free", size(bytes))
		return nil
	}
	free, err := freeSpace(dir)
	if err != nil {
		return fmt.Errorf("look for room in %s: %w", dir, err)
	}
	const spare = 8 << 30 // the server's log, and what measurements add
	if free < bytes+spare {
		return fmt.Errorf("%s has %s free, about %s are needed: name another place with -dir, or fewer events with -events", dir, size(free), size(bytes+spare))
	}
	return nil
}
