package message_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	"github.com/ringhold/ringhold/message"
)

// requests are bodies as commands have them: small, with lines, large.
func requests() map[string][]byte {
	lines := make([]string, 40)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"sku": "sku-%d", "quantity": %d, "price": %d.5}`, i, i, i)
	}
	return map[string][]byte{
		"small": []byte(`{"account_id":"acc-1","amount":100}`),
		"lines": []byte(`{"order_id": "o-1", "customer": "Ada", "lines": [` + strings.Join(lines, ", ") + `]}`),
		"large": []byte(`{"id":"doc-1","text":"` + strings.Repeat("words and words ", 4096) + `"}`),
	}
}

// What does it cost to take a request in, and what of that is the canonical
// form? "parts" are the steps of JSONBody on their own.
func BenchmarkJSONBody(b *testing.B) {
	for name, in := range requests() {
		run := func(what string, f func()) {
			b.Run(name+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(in)))
				for b.Loop() {
					f()
				}
			})
		}
		run("whole", func() {
			if _, err := message.JSONBody(in); err != nil {
				b.Fatal(err)
			}
		})
		run("parts=valid", func() { json.Valid(in) })
		run("parts=canonical", func() {
			if _, err := jcs.Transform(in); err != nil {
				b.Fatal(err)
			}
		})
		run("parts=hash", func() { sha256.Sum256(in) })
	}
}

// What does it cost to find the aggregate's id?
func BenchmarkPrepareAggregateID(b *testing.B) {
	for name, in := range requests() {
		raw, err := message.JSONBody(in)
		if err != nil {
			b.Fatal(err)
		}
		field := map[string]string{"small": "account_id", "lines": "order_id", "large": "id"}[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			m := message.New("deposit", raw)
			for b.Loop() {
				m.PrepareAggregateID("accounts", field, false)
			}
		})
	}
}
