package transfer

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/ringhold/ringhold/store"
)

func oneEvent() *store.Event {
	return &store.Event{Stream: "accounts-acc-1", Version: 3, Slot: 5, Offset: 7, Epoch: 2, Type: "deposited", Schema: 1,
		Data: []byte(`{"amount": 100}`), Metadata: []byte(`{"by":"<Ada>"}`), MessageID: "m-1",
		Command: &store.Command{Service: "deposit", Hash: sha256.Sum256([]byte("x")), Request: []byte(`{"account_id":"acc-1","amount":100}`),
			Response: []byte(`{"result":"ok","version":3}`), Events: 1},
		RecordedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)}
}

// The hash and the lines of a file never change: files are kept, and hashes are
// compared over years.
func TestForms(t *testing.T) {
	h := NewLogHash()
	if got, want := h.Sum(), "9a6bae41902a77f0a985b4d9ef5eee0dea46084c6703557506e9e97702f37376"; got != want {
		t.Errorf("the hash of nothing is %s, want %s", got, want)
	}
	h.Add(oneEvent())
	if got, want := h.Sum(), "ef48732454a544811fe1573811c4f87c28453f59e3e100b93bd98b1ef7b5e87b"; got != want {
		t.Errorf("the hash of one event is %s, want %s", got, want)
	}
	text := must(appendEvent(nil, oneEvent()))
	want := `{"slot":5,"offset":7,"epoch":2,"stream":"accounts-acc-1","version":3,"type":"deposited","schema_version":1,` +
		`"recorded_at":"2026-01-02T03:04:05.678901Z","data":{"amount": 100},"metadata":{"by":"<Ada>"},"message_id":"m-1",` +
		`"command":{"service":"deposit","hash":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","events":1,` +
		`"response":{"result":"ok","version":3},"request":{"account_id":"acc-1","amount":100}}}`
	if string(text) != want {
		t.Errorf("the line is\n%s\nwant\n%s", text, want)
	}
	odd := oneEvent()
	odd.Data, odd.Encoding, odd.MessageID, odd.Command, odd.Metadata = []byte{0, 255}, store.Proto, "", nil, []byte("{\n}")
	want = `{"slot":5,"offset":7,"epoch":2,"stream":"accounts-acc-1","version":3,"type":"deposited","schema_version":1,` +
		`"recorded_at":"2026-01-02T03:04:05.678901Z","encoding":1,"data_bytes":"AP8=","metadata_bytes":"ewp9"}`
	if text := must(appendEvent(nil, odd)); string(text) != want {
		t.Errorf("the line is\n%s\nwant\n%s", text, want)
	}
	blanked := oneEvent()
	blanked.Data, blanked.Metadata, blanked.Command = nil, nil, nil
	if text := must(appendEvent(nil, blanked)); strings.Contains(string(text), "data") {
		t.Errorf("the line of a blanked event is %s", text)
	}
}

// Each field counts, and where one ends and the next begins.
func TestHashSeesEveryField(t *testing.T) {
	changes := map[string]func(*store.Event){
		"stream":     func(e *store.Event) { e.Stream += "x" },
		"version":    func(e *store.Event) { e.Version++ },
		"slot":       func(e *store.Event) { e.Slot++ },
		"offset":     func(e *store.Event) { e.Offset++ },
		"epoch":      func(e *store.Event) { e.Epoch++ },
		"type":       func(e *store.Event) { e.Type += "x" },
		"schema":     func(e *store.Event) { e.Schema++ },
		"encoding":   func(e *store.Event) { e.Encoding++ },
		"data":       func(e *store.Event) { e.Data = bytes.ReplaceAll(e.Data, []byte(" "), nil) },
		"metadata":   func(e *store.Event) { e.Metadata = append([]byte(" "), e.Metadata...) },
		"boundaries": func(e *store.Event) { e.Data, e.Metadata = append(e.Data, e.Metadata...), nil },
		"time":       func(e *store.Event) { e.RecordedAt = e.RecordedAt.Add(time.Microsecond) },
		"message":    func(e *store.Event) { e.MessageID += "x" },
		"no command": func(e *store.Event) { e.Command = nil },
		"service":    func(e *store.Event) { e.Command.Service += "x" },
		"its hash":   func(e *store.Event) { e.Command.Hash[31]++ },
		"its events": func(e *store.Event) { e.Command.Events++ },
		"request":    func(e *store.Event) { e.Command.Request[0]++ },
		"no request": func(e *store.Event) { e.Command.Request = nil },
		"empty one":  func(e *store.Event) { e.Command.Request = []byte{} },
		"its form":   func(e *store.Event) { e.Command.RequestEncoding++ },
		"response":   func(e *store.Event) { e.Command.Response[0]++ },
	}
	seen := map[string]string{}
	for name, change := range changes {
		e := oneEvent()
		change(e)
		key := string(canonical(nil, e))
		if other, ok := seen[key]; ok || key == string(canonical(nil, oneEvent())) {
			t.Errorf("%s does not count, or as %s does", name, other)
		}
		seen[key] = name
	}
	white := oneEvent()
	white.Command.Request = append([]byte(" \n"), white.Command.Request...)
	white.RecordedAt = white.RecordedAt.In(time.FixedZone("x", 3600))
	if !sameEvent(white, oneEvent()) {
		t.Error("what no store keeps counts")
	}
}
