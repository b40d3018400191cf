package wire_test

import (
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/alloctest"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

const plainID = "0192d3a4-7c1e-7a3b-8f00-0123456789ab"

// plainRequest is a request as a gateway sends it.
func plainRequest() *pb.DispatchRequest {
	m := message.NewWithID("deposit", plainID, message.Body{})
	m.FirstAttempt, m.Origin = true, "gateway"
	req := wire.EncodeRequest(m, 5*time.Second)
	req.Request = &pb.DispatchRequest_Json{Json: []byte(`{"account_id":"acc-1","amount":100,"note":"xxxxxxxxxxxxxxxxxxxx"}`)}
	return req
}

// Each message is made in one piece.
func TestAllocations(t *testing.T) {
	req := plainRequest()
	m, _, refusal := wire.ParseRequest(req, true)
	if refusal != nil {
		t.Fatal(refusal)
	}
	resp, _ := wire.EncodeResponse(m, message.OK{Version: 7, HasVersion: true}, nil)
	var ok message.Response = message.OK{Version: 7, HasVersion: true}
	alloctest.AtMost(t, "parse a request", 1, 1, func() { wire.ParseRequest(req, true) })
	alloctest.AtMost(t, "encode a request", 1, 1, func() { wire.EncodeRequest(m, 5*time.Second) })
	alloctest.AtMost(t, "encode a response", 1, 1, func() { wire.EncodeResponse(m, ok, nil) })
	alloctest.AtMost(t, "decode a response", 1, 1, func() { wire.DecodeResponse(resp, nil) })
}

// What does the mapping to the wire and back cost?
func BenchmarkWire(b *testing.B) {
	req := plainRequest()
	m, _, refusal := wire.ParseRequest(req, true)
	if refusal != nil {
		b.Fatal(refusal)
	}
	ok := message.OK{Version: 7, HasVersion: true}
	resp, _ := wire.EncodeResponse(m, ok, nil)
	for _, step := range []struct {
		name string
		f    func()
	}{
		{"parse request", func() { wire.ParseRequest(req, true) }},
		{"encode request", func() { wire.EncodeRequest(m, 5*time.Second) }},
		{"encode response", func() { wire.EncodeResponse(m, ok, nil) }},
		{"decode response", func() { wire.DecodeResponse(resp, nil) }},
	} {
		b.Run(step.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step.f()
			}
		})
	}
}
