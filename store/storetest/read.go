package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/store"
)

func (t *test) readStream() {
	st := t.open()
	m := owner(t, st)
	b := m.batch()
	for v := range message.Version(25) {
		b.add("accounts-a", v).add("accounts-b", v)
	}
	b.send()
	for _, c := range []struct {
		from  message.Version
		limit int
		want  string
	}{
		{0, 3, "0 1 2"}, {3, 3, "3 4 5"}, {23, 10, "23 24"}, {24, 1, "24"}, {25, 10, ""}, {400, 10, ""}, {-1, 2, "0 1"}, {0, 0, ""},
	} {
		got := must(st.ReadStream(t.Context(), "accounts-a", c.from, c.limit))(t, "read")
		if versions(got) != c.want {
			t.Errorf("from %d, at most %d: versions %q, want %q", c.from, c.limit, versions(got), c.want)
		}
		for _, e := range got {
			if e.Stream != "accounts-a" {
				t.Errorf("an event of %s was read", e.Stream)
			}
		}
	}
	if got := stream(t, st, "accounts-none"); len(got) != 0 {
		t.Errorf("a stream without events has %d", len(got))
	}
}

func (t *test) readSlot() {
	st := t.open()
	m := owner(t, st)
	b := m.batch()
	for v := range message.Version(10) {
		b.add("accounts-a", v)
	}
	b.send()
	slot := slotOf("accounts-a")
	for _, c := range []struct {
		from  store.Offset
		limit int
		want  string
	}{
		{0, 4, "0 1 2 3"}, {4, 4, "4 5 6 7"}, {8, 4, "8 9"}, {10, 4, ""}, {-5, 1, "0"}, {0, 0, ""},
	} {
		if got := versions(must(st.ReadSlot(t.Context(), slot, c.from, c.limit))(t, "read")); got != c.want {
			t.Errorf("from %d, at most %d: %q, want %q", c.from, c.limit, got, c.want)
		}
	}
	if got := must(st.ReadSlot(t.Context(), slot+1, 0, 5))(t, "read"); len(got) != 0 {
		t.Errorf("a slot without events has %d", len(got))
	}
}

func (t *test) load() {
	st := t.open()
	m := owner(t, st)
	b := m.batch().command("m-0", "accounts-a", 0, 5)
	b.send()
	request := store.LoadRequest{Stream: "accounts-a", Hydrate: true, Events: 3, Messages: []message.ID{"m-0"}}
	none := store.LoadRequest{Stream: "accounts-a", Hydrate: true, Events: 0}
	stranger := store.LoadRequest{Stream: "accounts-b", Hydrate: true, Events: 3, Messages: []message.ID{"m-0"}}
	exact := store.LoadRequest{Stream: "accounts-a", Hydrate: true, Events: 5}
	got := must(st.Load(t.Context(), []store.LoadRequest{request, none, stranger, exact, request}))(t, "load")
	if len(got) != 5 {
		t.Fatalf("5 requests have %d answers", len(got))
	}
	for _, i := range []int{0, 4} {
		l := got[i]
		if versions(l.Events) != "0 1 2" || !l.More || l.Deleted != message.NoVersion || l.Erased || l.Snapshot != nil || l.State != nil || l.Commands[0] == nil {
			t.Errorf("the first page is %+v", l)
		}
		sameEvents(t, l.Events, b.a.Events[:3])
	}
	if l := got[1]; len(l.Events) != 0 || !l.More {
		t.Errorf("a page of 0 is %+v", l)
	}
	if l := got[2]; len(l.Events) != 0 || l.More || l.Deleted != message.NoVersion || l.Commands[0] != nil {
		t.Errorf("a stream without events loads as %+v", l)
	}
	if l := got[3]; versions(l.Events) != "0 1 2 3 4" || l.More {
		t.Errorf("a page of exactly all is %+v", l)
	}
	if got := must(st.Load(t.Context(), nil))(t, "load"); len(got) != 0 {
		t.Errorf("no request has %d answers", len(got))
	}
}

func (t *test) loadMany() {
	st := t.open()
	m := owner(t, st)
	b := m.batch()
	var reqs []store.LoadRequest
	for i := range 1000 {
		name := message.Stream(fmt.Sprint("accounts-", i*7919%1000))
		reqs = append(reqs, store.LoadRequest{Stream: name, Hydrate: true, Events: 10, Messages: []message.ID{message.ID("m-" + name)}})
		if i%3 > 0 {
			b.command(message.ID("m-"+name), name, 0, 1+i%3)
		}
	}
	b.send()
	got := must(st.Load(t.Context(), reqs))(t, "load")
	if len(got) != len(reqs) {
		t.Fatalf("%d requests have %d answers", len(reqs), len(got))
	}
	for i, l := range got {
		want := (1 + i%3) * min(i%3, 1)
		if len(l.Events) != want || l.More || (l.Commands[0] != nil) != (want > 0) {
			t.Fatalf("request %d for %s: %d events, command %v, want %d events", i, reqs[i].Stream, len(l.Events), l.Commands[0], want)
		}
		for _, e := range l.Events {
			if e.Stream != reqs[i].Stream {
				t.Fatalf("request %d for %s is answered with %s", i, reqs[i].Stream, e.Stream)
			}
		}
	}
}

func (t *test) listMany() {
	st := t.open()
	m := owner(t, st)
	const streams = 10_000
	for i := 0; i < streams; {
		b := m.batch()
		for range 1000 {
			b.command("m", message.Stream(fmt.Sprintf("accounts-acc-%05d", i)), 0, 1+i%2)
			i++
		}
		b.send()
	}
	q := store.StreamQuery{Name: "accounts", Limit: 700}
	for n := 0; ; {
		page := must(st.ListStreams(t.Context(), q))(t, "list")
		for _, info := range page {
			want := store.StreamInfo{Stream: message.Stream(fmt.Sprintf("accounts-acc-%05d", n)), Version: message.Version(n % 2)}
			if info != want {
				t.Fatalf("stream %d of the list is %+v, want %+v", n, info, want)
			}
			n++
		}
		if len(page) < q.Limit {
			if n != streams {
				t.Errorf("%d streams are listed, want %d", n, streams)
			}
			return
		}
		q.After = page[len(page)-1].Stream
	}
}

// listPrefixes lists by every prefix of ids that naive queries trip over.
func (t *test) listPrefixes() {
	st := t.open()
	m := owner(t, st)
	ids := []string{
		"a", "a b", "a%b", "a_b", "a-b", "a'b", `a"b`, `a\b`, "a/b", "a.b", "ab", "A", "%", "%%", "_", "-", "--", "0", "00", " ", "~",
		"é", "e\u0301", "日本語", "日本", "\u00a0", "😀", "\U0010ffff", "\U0010ffff\U0010ffff", "\ufffd",
		strings.Repeat("x", 512), strings.Repeat("x", 511), strings.Repeat("ÿ", 256),
	}
	var all []message.Stream
	for _, name := range []message.StreamName{"acc", "accounts", "accounts_old", "a"} {
		for _, id := range ids {
			all = append(all, name.Of(message.AggregateID(id)))
		}
	}
	b := m.batch()
	for _, name := range all {
		b.add(name, 0)
	}
	b.send()
	slices.Sort(all)
	for _, name := range []message.StreamName{"acc", "accounts", "accounts_old", "a", "", "none"} {
		for _, prefix := range append(ids, "", "a%", "x", "\U0010fffe") {
			checkPrefix(t, st, all, store.StreamQuery{Name: name, Prefix: prefix, Limit: 4})
		}
	}
}

// checkPrefix pages through a query and compares with a filter.
func checkPrefix(t tb, st store.Store, all []message.Stream, q store.StreamQuery) {
	t.Helper()
	var want, got []message.Stream
	for _, s := range all {
		if name, id, _ := s.Split(); (q.Name == "" || name == q.Name) && strings.HasPrefix(string(id), q.Prefix) {
			want = append(want, s)
		}
	}
	for {
		page := must(st.ListStreams(t.Context(), q))(t, "list")
		if len(page) > q.Limit {
			t.Fatalf("a page of at most %d has %d streams", q.Limit, len(page))
		}
		for _, info := range page {
			got = append(got, info.Stream)
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].Stream
	}
	if !slices.Equal(got, want) {
		t.Errorf("streams of %q with prefix %q: %q, want %q", q.Name, q.Prefix, got, want)
	}
}
