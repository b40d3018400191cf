package postgres

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

// walkStreams gives the lowest $3 streams from $2 on, each with its newest event
// and its state: a loose scan of the indexes, which jumps from stream to stream
// over their events. %op% is >= or >.
const walkStreams = `
WITH RECURSIVE walk (stream, n) AS (
  SELECT least(
    (SELECT e.stream FROM events AS e WHERE e.service_group = $1 AND e.stream %op% $2 ORDER BY e.stream LIMIT 1),
    (SELECT t.stream FROM states AS t WHERE t.service_group = $1 AND t.stream %op% $2 ORDER BY t.stream LIMIT 1)), 1
  UNION ALL
  SELECT least(
    (SELECT e.stream FROM events AS e WHERE e.service_group = $1 AND e.stream > w.stream ORDER BY e.stream LIMIT 1),
    (SELECT t.stream FROM states AS t WHERE t.service_group = $1 AND t.stream > w.stream ORDER BY t.stream LIMIT 1)), w.n + 1
  FROM walk AS w WHERE w.stream IS NOT NULL AND w.n < $3)
SELECT w.stream, coalesce(e.version, -1), coalesce(e.type, ''), coalesce(t.version, -1)
FROM walk AS w
LEFT JOIN LATERAL (
  SELECT x.version, x.type FROM events AS x WHERE x.service_group = $1 AND x.stream = w.stream ORDER BY x.version DESC LIMIT 1) AS e ON true
LEFT JOIN LATERAL (SELECT x.version FROM states AS x WHERE x.service_group = $1 AND x.stream = w.stream LIMIT 1) AS t ON true
WHERE w.stream IS NOT NULL
ORDER BY w.n`

var (
	walkFrom   = strings.ReplaceAll(walkStreams, "%op%", ">=")
	walkBehind = strings.ReplaceAll(walkStreams, "%op%", ">")
)

// maxWalk bounds the streams of one statement.
const maxWalk = 1000

// ListStreams returns streams in the order of their bytes. Its cost is that of
// the streams it returns, however many events they have.
func (s *Store) ListStreams(ctx context.Context, q store.StreamQuery) ([]store.StreamInfo, error) {
	var out []store.StreamInfo
	err := s.read(ctx, "list the streams of", func(ctx context.Context, se *session) error {
		out = nil
		from := bound(q.First())
		for len(out) < q.Limit {
			n := min(q.Limit-len(out)+1, maxWalk)
			if q.Name == "" && q.Prefix != "" {
				n = 2 // each jump is to the next name
			}
			found, err := walk(ctx, se, s.group, from, n)
			if err != nil || len(found) == 0 {
				return err
			}
			var more bool
			if out, from, more = choose(q, out, found); !more {
				return nil
			}
		}
		return nil
	})
	return out, err
}

// choose adds those of found to out that q selects, and returns where to go on.
func choose(q store.StreamQuery, out, found []store.StreamInfo) (_ []store.StreamInfo, from seekPoint, more bool) {
	var next message.Stream
	for _, info := range found {
		if info.Stream < next {
			continue // it is out of the question
		}
		var selected bool
		if selected, next, more = q.Step(info.Stream); selected {
			out = append(out, info)
		}
		if !more || len(out) == q.Limit {
			return out, from, false
		}
	}
	from = bound(next)
	if last := found[len(found)-1].Stream; from.stream <= last {
		from = seekPoint{last, true}
	}
	return out, from, true
}

// seekPoint is where a walk begins: at a stream or right behind it.
type seekPoint struct {
	stream message.Stream
	behind bool
}

// bound is the seek point of a stream that ends in NUL, the least string behind
// another one, or of any other: PostgreSQL's text holds neither NUL nor what is
// not UTF-8, so a bound with such bytes ends before them.
func bound(s message.Stream) seekPoint {
	text, behind := strings.CutSuffix(string(s), "\x00")
	if i := strings.IndexByte(text, 0); i >= 0 {
		text, behind = text[:i], false
	}
	if utf8.ValidString(text) {
		return seekPoint{message.Stream(text), behind}
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			text = text[:i]
			break
		}
		i += size
	}
	return seekPoint{message.Stream(text), false}
}

func walk(ctx context.Context, se *session, group string, from seekPoint, n int) ([]store.StreamInfo, error) {
	var p params
	p.text(group)
	p.text(string(from.stream))
	p.int4(int32(n)) //nolint:gosec // maxWalk bounds it
	query := walkFrom
	if from.behind {
		query = walkBehind
	}
	var found []store.StreamInfo
	_, err := se.call(ctx, query, &p, func(v [][]byte) error {
		info := store.StreamInfo{Stream: message.Stream(v[0]), Version: message.Version(getInt8(v[1])), Erased: string(v[2]) == store.TypeErased}
		state := message.Version(getInt8(v[3]))
		info.Deleted = info.Version >= state && (info.Erased || string(v[2]) == store.TypeDeleted)
		info.Version = max(info.Version, state)
		found = append(found, info)
		return nil
	})
	return found, err
}
