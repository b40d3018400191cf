package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
)

// limited lets some imports through, and then fails; the last of them may be
// stored all the same.
type limited struct {
	store.Writer
	left   int
	stored bool
}

var errCut = &store.UnknownOutcomeError{Err: errors.New("the connection was cut")}

func (l *limited) Import(ctx context.Context, a *store.Append) error {
	if l.left == 0 {
		if l.stored {
			if err := l.Writer.(store.Importer).Import(ctx, a); err != nil {
				return err
			}
		}
		return errCut
	}
	l.left--
	return l.Writer.(store.Importer).Import(ctx, a)
}

func storedRing(t *testing.T, st full) *ring.Ring {
	t.Helper()
	stored, err := st.LoadRing(t.Context())
	if err != nil || stored.Version == 0 {
		t.Fatalf("ring %d, %v", stored.Version, err)
	}
	r := &ring.Ring{}
	if err := json.Unmarshal(stored.Body, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// An import that ends anywhere, its last transaction stored or not, goes on when
// it is begun again, and is not to be served before.
func TestImportGoesOn(t *testing.T) {
	defer func(n int) { batchEvents = n }(batchEvents)
	batchEvents = 2
	from := sample(t)
	content, want := exported(t, from, false)
	for after := range 8 {
		for _, stored := range []bool{false, true} {
			st := inMemory()
			to := member(t, st, "first")
			to.Writer = &limited{to.Writer, after, stored}
			_, err := Import(t.Context(), to, bytes.NewReader(content), ImportConfig{Group: group, Slots: slots})
			if !errors.Is(err, errCut) || !strings.Contains(err.Error(), "import the same file again") {
				t.Fatalf("after %d: %v", after, err)
			}
			if err := Unfinished(storedRing(t, st)); !errors.Is(err, ErrUnfinished) {
				t.Errorf("after %d the ring says %v", after, err)
			}
			if _, err := st.Depose(t.Context(), store.Depose{Member: "first", Alone: true}); err != nil {
				t.Fatal(err)
			}
			done := into(t, st, content)
			if done.Summary != want || done.Stored+done.Present != want.Events || done.Present < 2*int64(min(after, 6)) {
				t.Errorf("after %d it went on with %+v", after, done)
			}
			if err := Unfinished(storedRing(t, st)); err != nil || storedRing(t, st).Slots != slots {
				t.Errorf("at the end the ring says %v, %d slots", err, storedRing(t, st).Slots)
			}
			if again, sum := exported(t, st, false); sum != want || !bytes.Equal(again, content) {
				t.Errorf("after %d it holds\n%s\nwant\n%s", after, again, content)
			}
			// What comes next is of a higher epoch than all that there is.
			for slot, c := range acquired(t, member(t, deposed(t, st), "next")) {
				if c.Epoch <= c.Head.Epoch {
					t.Errorf("slot %d is acquired at epoch %d behind a head of epoch %d", slot, c.Epoch, c.Head.Epoch)
				}
			}
		}
	}
}

// deposed deposes everybody.
func deposed(t *testing.T, st full) full {
	t.Helper()
	members, err := st.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if done, err := st.Depose(t.Context(), store.Depose{Member: m.ID, Alone: true}); !done || err != nil {
			t.Fatal(done, err)
		}
	}
	return st
}

// A target that is not what the file can be imported into is left as it is.
func TestImportRefuses(t *testing.T) {
	content, _ := exported(t, sample(t), false)
	other, _ := exported(t, sample(t), false) // the same but for its times
	attempt := func(st full, file []byte, cfg ImportConfig) error {
		_, err := Import(t.Context(), member(t, deposed(t, st), store.MemberID("at-"+t.Name()+string(rune('a'+len(file)%20)))), bytes.NewReader(file), cfg)
		return err
	}
	cfg := ImportConfig{Group: group, Slots: slots}
	refused := func(name, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", name, err, want)
		}
	}
	refused("another group", "give --group x.y", attempt(inMemory(), content, ImportConfig{Group: "x.y"}))
	refused("other slots", "write slots: 8", attempt(inMemory(), content, ImportConfig{Group: group, Slots: 16}))

	st := inMemory()
	into(t, st, content)
	before, _ := exported(t, st, false)
	_, err := Import(t.Context(), member(t, deposed(t, st), "a"), bytes.NewReader(other), cfg)
	var different *DifferentError
	if !errors.As(err, &different) || different.Offset != 0 || !strings.Contains(err.Error(), "recorded_at") {
		t.Errorf("another log: %v", err)
	}
	after, _ := exported(t, st, false)
	if !bytes.Equal(before, after) {
		t.Error("the target was changed")
	}
	if err := Unfinished(storedRing(t, st)); err != nil {
		t.Errorf("a refused import leaves the group unserved: %v", err)
	}

	// The group has gone on since: it has what the file has not.
	to := member(t, deposed(t, st), "b")
	claims := acquired(t, to)
	heads, _ := st.Heads(t.Context())
	events, _ := st.ReadSlot(t.Context(), heads[1].Slot, heads[1].Head.Offset, 1)
	e := events[0]
	e.Offset, e.Version, e.Epoch = e.Offset+1, e.Version+1, claims[e.Slot].Epoch
	if err := to.Writer.Append(t.Context(), &store.Append{Member: to.Member, Gen: 1, Claims: []store.Claim{claims[e.Slot]}, Events: []store.Event{e}}); err != nil {
		t.Fatal(err)
	}
	_, err = Import(t.Context(), member(t, deposed(t, st), "c"), bytes.NewReader(content), cfg)
	if !errors.As(err, &different) || different.Slot != e.Slot || different.Offset != e.Offset {
		t.Errorf("a target that has gone on: %v", err)
	}
	longer, _ := exported(t, st, false)
	st2 := inMemory()
	into(t, st2, content)
	_, err = Import(t.Context(), member(t, deposed(t, st2), "d"), bytes.NewReader(longer), cfg)
	if !errors.As(err, &different) || !strings.Contains(err.Error(), "has been served or imported whole") {
		t.Errorf("a file that has gone on: %v", err)
	}

	// An import of another file is not gone on with.
	st3 := inMemory()
	first := member(t, st3, "first")
	first.Writer = &limited{first.Writer, 0, true}
	if _, err := Import(t.Context(), first, bytes.NewReader(content), cfg); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	_, err = Import(t.Context(), member(t, deposed(t, st3), "e"), bytes.NewReader(longer), cfg)
	refused("another file", "an import of another file", err)

	// Somebody else has the slots.
	st4 := inMemory()
	acquired(t, member(t, st4, "owner"))
	_, err = Import(t.Context(), member(t, st4, "f"), bytes.NewReader(content), cfg)
	refused("another owner", "only 0 of 8 slots", err)
}

// A file from a stream is checked while it is stored: if it is damaged the group
// stays unserved.
func TestDamagedFileIsNotServed(t *testing.T) {
	content, _ := exported(t, sample(t), false)
	damaged := bytes.Replace(content, []byte(`"amount":100`), []byte(`"amount":900`), 1)
	st := inMemory()
	_, err := Import(t.Context(), member(t, st, "a"), bytes.NewReader(damaged), ImportConfig{Group: group})
	if err == nil || !strings.Contains(err.Error(), "the log's hash is") {
		t.Fatalf("error is %v", err)
	}
	if len(must(st.Heads(t.Context()))) > 0 {
		if err := Unfinished(storedRing(t, st)); !errors.Is(err, ErrUnfinished) {
			t.Errorf("the ring says %v", err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
