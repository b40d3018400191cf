package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/store"
)

// file is a file with some bytes in it.
func file(t *testing.T, name string, content []byte) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// resumed goes on with a part of a file, as the command does.
func resumed(t *testing.T, from Source, part []byte, cfg ExportConfig) ([]byte, Summary, error) {
	t.Helper()
	f := &bytesFile{content: bytes.Clone(part)}
	sum, err := Resume(t.Context(), from, f, cfg)
	if errors.Is(err, ErrNothingToResume) {
		if err = f.Truncate(0); err == nil {
			_, err = f.Seek(0, 0)
		}
		if err == nil {
			sum, err = Export(t.Context(), from, f, cfg)
		}
	}
	if err != nil {
		return nil, sum, err
	}
	return f.content, sum, nil
}

// bytesFile is a File.
type bytesFile struct {
	content []byte
	at      int
}

func (m *bytesFile) Read(b []byte) (int, error) {
	n := copy(b, m.content[m.at:])
	m.at += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (m *bytesFile) Write(b []byte) (int, error) {
	m.content = append(m.content[:m.at], b...)
	m.at = len(m.content)
	return len(b), nil
}

func (m *bytesFile) Seek(offset int64, _ int) (int64, error) {
	m.at = int(offset)
	return offset, nil
}

func (m *bytesFile) Truncate(size int64) error {
	m.content = m.content[:size]
	return nil
}

// An export that was cut off anywhere goes on to the file that it would
// have been, also if bytes that were never written stand behind the cut.
func TestResumeAfterAnyByte(t *testing.T) {
	st := sample(t)
	for _, compress := range []bool{false, true} {
		defer func(n int) { memberBytes = n }(memberBytes)
		memberBytes = 700 // so that there are several
		cfg := ExportConfig{Group: group, Slots: slots, Compress: compress}
		whole, want := exported(t, st, compress)
		step := 1
		for n := 0; n <= len(whole); n += step {
			if n > 60 {
				step = 7 // the places that differ are lines' ends, which are not all a multiple of it apart
			}
			for _, tail := range [][]byte{nil, make([]byte, 20)} {
				got, sum, err := resumed(t, st, append(bytes.Clone(whole[:n]), tail...), cfg)
				if err != nil {
					if n == 0 && tail != nil {
						continue // zeros alone are no beginning of an export
					}
					t.Fatalf("compressed %v, cut off after %d bytes of %d: %v", compress, n, len(whole), err)
				}
				if sum != want || !compress && !bytes.Equal(got, whole) {
					t.Fatalf("compressed %v, cut off after %d bytes: %+v\n%s\nwant %+v\n%s", compress, n, sum, got, want, whole)
				}
				if checked, err := Check(bytes.NewReader(got), Expect{}, nil); err != nil || checked != want {
					t.Fatalf("compressed %v, cut off after %d bytes: %+v, %v", compress, n, checked, err)
				}
			}
		}
	}
}

// What is no part of this export is not written over.
func TestResumeRefuses(t *testing.T) {
	st := sample(t)
	cfg := ExportConfig{Group: group, Slots: slots}
	whole, _ := exported(t, st, false)
	part := whole[:len(whole)*2/3]
	events, _, err := resumed(t, st, nil, ExportConfig{Group: group, Slots: slots, EventsOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from    Source
		content []byte
		cfg     ExportConfig
		want    string
	}{
		"another file":       {st, []byte("notes"), cfg, "not a file that ringhold export began"},
		"lines of others":    {st, []byte("notes\nand more\n"), cfg, "line 1: it is not the header"},
		"another group":      {st, part, ExportConfig{Group: "other", Slots: slots}, "this export is of group other"},
		"other slots":        {st, part, ExportConfig{Group: group, Slots: 16}, "with 16 slots"},
		"of the events only": {st, events, cfg, "events only: true"},
		"compressed":         {st, part, ExportConfig{Group: group, Slots: slots, Compress: true}, "not a file that ringhold export began"},
		"another store":      {inMemory(), part, cfg, "is not in the store as it is in the file"},
		"a changed line":     {st, bytes.Replace(part, []byte(`"epoch":1`), []byte(`"epoch":2`), 1), cfg, "line 3: "},
	} {
		t.Run(name, func(t *testing.T) {
			f := file(t, "export", c.content)
			_, err := Resume(t.Context(), c.from, f, c.cfg)
			if err == nil || errors.Is(err, ErrNothingToResume) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			if left, _ := os.ReadFile(f.Name()); !bytes.Equal(left, c.content) {
				t.Errorf("the file was changed to\n%s", left)
			}
		})
	}
}

// A group that is in use: the export ends at the heads that there were when it
// began, also if it was broken off and the group has gone on.
func TestResumeEndsWhereItBegan(t *testing.T) {
	st := sample(t)
	cfg := ExportConfig{Group: group, Slots: slots, EventsOnly: true}
	var whole bytes.Buffer
	want, err := Export(t.Context(), st, &whole, cfg)
	if err != nil || want.States != 0 {
		t.Fatalf("%+v, %v", want, err)
	}
	to := member(t, st, "another")
	if r, err := st.Depose(t.Context(), store.Depose{Member: "writer", Alone: true, Estimate: past.AddDate(99, 0, 0)}); !r {
		// In memory nobody is alone: the first member's lease is long, so its
		// slots stay its own, and it is the one that goes on.
		t.Fatal(r, err)
	}
	claims := acquired(t, to)
	head, _ := st.Heads(t.Context())
	last, err := st.ReadSlot(t.Context(), head[0].Slot, head[0].Head.Offset, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := last[0]
	e.Offset, e.Version, e.Epoch = e.Offset+1, e.Version+1, claims[e.Slot].Epoch
	if err := to.Writer.Append(t.Context(), &store.Append{Member: to.Member, Gen: 1, Claims: []store.Claim{claims[e.Slot]}, Events: []store.Event{e}}); err != nil {
		t.Fatal(err)
	}
	got, sum, err := resumed(t, st, whole.Bytes()[:whole.Len()/2], cfg)
	if err != nil || sum != want || !bytes.Equal(got, whole.Bytes()) {
		t.Errorf("%+v, %v, want %+v\n%s", sum, err, want, got)
	}
}

// An export that must not be confirmed has no end.
func TestConfirm(t *testing.T) {
	no := errors.New("somebody was there")
	var out bytes.Buffer
	_, err := Export(t.Context(), sample(t), &out, ExportConfig{Group: group, Slots: slots, Confirm: func(context.Context) error { return no }})
	if !errors.Is(err, no) {
		t.Errorf("error is %v", err)
	}
	if _, err := Check(&out, Expect{}, nil); err == nil {
		t.Error("the file has an end")
	}
}
