package transfer

import (
	"crypto/sha256"
	"fmt"

	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// payloads are what is hard to keep as it is in a line of JSON.
func payloads() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.SliceOf(rapid.Byte()),
		rapid.SampledFrom([][]byte{
			nil, {}, {0}, []byte(`null`), []byte(` {"a": 1}`), []byte("{\"a\":\n1}"), []byte("{\"a\":\t1}\r"), []byte(`{"a":1,"a":2}`),
			[]byte(`{"b":[1.50,1e400,-0,"\ud83d","<&>\u2028` + "\u2028" + `"],"a":{}}`), []byte("\"\xff\""), []byte(`"\u0000"`), []byte(`{"n":12345678901234567890}`), []byte(`{`), []byte(`{} {}`),
		}),
		rapid.Map(rapid.String(), func(s string) []byte { return fmt.Appendf(nil, `{"s":%q}`, s) }),
	)
}

func encodings() *rapid.Generator[store.Encoding] {
	return rapid.SampledFrom([]store.Encoding{store.JSON, store.JSON, store.Proto})
}

func commands() *rapid.Generator[*store.Command] {
	return rapid.Custom(func(t *rapid.T) *store.Command {
		return &store.Command{
			Service: "do_it", Hash: sha256.Sum256(rapid.SliceOf(rapid.Byte()).Draw(t, "hashed")), Events: rapid.IntRange(0, 3).Draw(t, "events"),
			Request: payloads().Draw(t, "request"), RequestEncoding: encodings().Draw(t, "request's encoding"), Response: payloads().Draw(t, "response"),
		}
	})
}

// fill appends a random log, as members that follow each other would.
func fill(t *rapid.T, st full) {
	names := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) message.Stream {
		id := rapid.OneOf(rapid.StringMatching(`[a-c]{1,2}`), rapid.SampledFrom([]string{"ä<&>\"'%_", "\U0001F600", "a b", `\`, "\u2028"})).Draw(t, "id")
		return message.StreamName(rapid.SampledFrom([]string{"accounts", "carts"}).Draw(t, "name")).Of(message.AggregateID(id))
	}), 1, 8, rapid.ID[message.Stream]).Draw(t, "streams")
	versions := map[message.Stream]message.Version{}
	erased := map[message.Stream]bool{}
	for life := range rapid.IntRange(0, 3).Draw(t, "lives") {
		to := member(t, st, store.MemberID(fmt.Sprintf("writer-%d", life)))
		claims := acquired(t, to)
		for i := range rapid.IntRange(0, 6).Draw(t, "appends") {
			a := appendOf(t, names, versions, erased, claims, fmt.Sprintf("%d-%d", life, i))
			a.Member, a.Gen = to.Member, to.Gen
			if err := to.Writer.Append(t.Context(), a); err != nil {
				t.Fatalf("append: %v", err)
			}
			for _, c := range a.ImportedClaims() {
				claims[c.Slot] = c
			}
		}
		_ = to.Writer.Close()
		if r, err := st.Renew(t.Context(), to.Member, 0, true); err != nil {
			t.Fatalf("renew: %v", err)
		} else if done, err := st.Depose(t.Context(), store.Depose{Member: to.Member, Alone: true, Incarnation: r.Incarnation}); !done || err != nil {
			t.Fatalf("depose: %v %v", done, err)
		}
	}
	for name := range erased {
		if !rapid.Bool().Draw(t, "blanked") {
			continue
		}
		if done, err := st.Erase(t.Context(), name, 1000); !done || err != nil {
			t.Fatalf("erase: %v %v", done, err)
		}
	}
}

func appendOf(t *rapid.T, names []message.Stream, versions map[message.Stream]message.Version, erased map[message.Stream]bool, claims map[ring.Slot]store.Claim, label string) *store.Append {
	a := &store.Append{}
	heads := map[ring.Slot]store.Claim{}
	for k, name := range names {
		if erased[name] || !rapid.Bool().Draw(t, "writes") {
			continue
		}
		slot := ring.SlotOf(name, slots)
		c, ok := heads[slot]
		if !ok {
			c = claims[slot]
			a.Claims = append(a.Claims, c)
		}
		last, known := versions[name]
		if !known {
			last = message.NoVersion
		}
		id := message.ID(fmt.Sprintf("m-%s-%d é", label, k))
		if name[0] == 'c' && rapid.IntRange(0, 4).Draw(t, "state") > 0 {
			a.States = append(a.States, store.State{Stream: name, Slot: slot, Expected: last, Version: last + 2, Schema: 3, Encoding: encodings().Draw(t, "encoding"),
				Data: payloads().Draw(t, "data"), Recent: []store.Processed{{MessageID: id, Command: *commands().Draw(t, "command")}}})
			versions[name] = last + 2
		} else {
			e := store.Event{Stream: name, Version: last + 1, Slot: slot, Offset: c.Head.Offset + 1, Epoch: c.Epoch, Type: "happened", Schema: 2,
				Encoding: encodings().Draw(t, "encoding"), Data: payloads().Draw(t, "data"), Metadata: payloads().Draw(t, "metadata")}
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				e.Type, erased[name] = store.TypeErased, true
			case 1:
				e.Type = store.TypeDeleted
			case 2, 3, 4:
				e.MessageID, e.Command = id, commands().Draw(t, "command")
			case 5:
				a.Snapshots = append(a.Snapshots, store.Snapshot{Stream: name, Version: e.Version, Schema: 1, Encoding: encodings().Draw(t, "encoding"), Data: payloads().Draw(t, "data")})
			}
			a.Events = append(a.Events, e)
			c.Head = store.Head{Offset: e.Offset, Epoch: e.Epoch}
			versions[name] = e.Version
		}
		if rapid.IntRange(0, 3).Draw(t, "alarm") == 0 {
			a.Alarms = append(a.Alarms, store.Alarm{ID: string(name) + label, Stream: name, Slot: slot, DueAt: past.AddDate(rapid.IntRange(0, 40).Draw(t, "years"), 0, 0), Message: []byte(`{"x": 1}`)})
		}
		heads[slot] = c
	}
	return a
}
