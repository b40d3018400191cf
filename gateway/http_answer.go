package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// refuseHTTP answers with a status, as google.rpc.Status in JSON.
func (g *Gateway) refuseHTTP(w http.ResponseWriter, st *status.Status) {
	g.writeStatus(w, wire.HTTPStatusOf(st), st)
}

// writeStatus is refuseHTTP for what HTTP has a status of its own for.
func (g *Gateway) writeStatus(w http.ResponseWriter, code int, st *status.Status) {
	if code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1") // it has no smaller unit
	}
	body, err := statusJSON(wire.Readable(st))
	if err != nil {
		g.cfg.Logger.Error("a status has no JSON form", slog.Any("error", err), slog.String("status", st.String()))
		body = statusDocument{Code: int(st.Code()), Message: st.Message()}
	}
	g.writeJSON(w, code, body)
}

// writeJSON answers with a document. Numbers and the order of keys of what
// services wrote stay as they are.
func (g *Gateway) writeJSON(w http.ResponseWriter, code int, v any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		g.cfg.Logger.Error("an answer has no JSON form", slog.Any("error", err))
		code = http.StatusInternalServerError
		body.Reset()
		body.WriteString(`{"code":13,"message":"the answer has no JSON form"}` + "\n")
	}
	g.write(w, code, body.Bytes())
}

func (g *Gateway) write(w http.ResponseWriter, code int, body []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's recorder has none
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	if g.isDraining() {
		h.Set("Connection", "close")
	}
	w.WriteHeader(code)
	_, _ = w.Write(body) // the client may have gone
}

// statusDocument is google.rpc.Status in JSON.
type statusDocument struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
}

// statusJSON returns a status in the JSON form of google.rpc.Status, with the
// versions and sizes of its refusal as numbers, which readers of that form take
// as well as the strings that protobuf writes.
func statusJSON(st *status.Status) (doc statusDocument, err error) {
	out := st.Proto()
	b, err := protojson.Marshal(out)
	if err != nil { // a value of a type that only the members know
		b, err = protojson.Marshal(opaque(out))
	}
	if err != nil {
		return doc, err
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return doc, err
	}
	numbers(doc.Details)
	return doc, nil
}

// numbers turns, in place, the 64-bit integers of a decoded refusal from
// strings into numbers, but for what services wrote.
func numbers(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			numbers(one)
		}
	case map[string]any:
		for key, one := range v {
			switch key {
			case "detail", "data":
			case "expectedVersion", "currentVersion", "size", "limit", "version", "offset", "epoch", "ringVersion":
				if s, ok := one.(string); ok {
					v[key] = json.Number(s)
				}
			default:
				numbers(one)
			}
		}
	}
}

// opaque returns a status in which values are structure instead of protobuf
// messages of types that are not known here.
func opaque(st *spb.Status) *spb.Status {
	for i, d := range st.GetDetails() {
		refusal := new(pb.Refusal)
		if d.UnmarshalTo(refusal) != nil {
			continue
		}
		refusal.Detail = opaqueValue(refusal.GetDetail())
		for _, e := range refusal.GetEvents() {
			e.Data = opaqueValue(e.GetData())
		}
		if packed, err := anypb.New(refusal); err == nil {
			st.Details[i] = packed
		}
	}
	return st
}

func opaqueValue(v *pb.Value) *pb.Value {
	form, ok := v.GetForm().(*pb.Value_Message)
	if !ok {
		return v
	}
	object := new(structpb.Value)
	if protojson.Unmarshal(anyJSON(form.Message), object) != nil {
		return nil
	}
	return &pb.Value{Form: &pb.Value_Object{Object: object}}
}

// anyJSON returns a protobuf message as JSON; of a type that is not known here,
// its bytes in base64.
func anyJSON(a *anypb.Any) json.RawMessage {
	if b, err := protojson.Marshal(a); err == nil {
		return b
	}
	b, _ := json.Marshal(struct { // neither field can fail
		Type  string `json:"@type"`
		Value []byte `json:"value"`
	}{a.GetTypeUrl(), a.GetValue()})
	return b
}

// valueJSON returns what a service wrote as JSON; nil for nothing.
func valueJSON(v *pb.Value) json.RawMessage {
	if v == nil {
		return nil
	}
	decoded := wire.DecodeValue(v)
	if decoded.Any != nil {
		return anyJSON(decoded.Any)
	}
	return decoded.JSON
}
