package wire_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

func withJSON(doc string) *pb.DispatchRequest {
	return &pb.DispatchRequest{Service: "deposit", Request: &pb.DispatchRequest_Json{Json: []byte(doc)}}
}

func withObject(fields map[string]*structpb.Value) *pb.DispatchRequest {
	return &pb.DispatchRequest{Service: "deposit", Request: &pb.DispatchRequest_Object{Object: &structpb.Struct{Fields: fields}}}
}

func TestFormsOfARequest(t *testing.T) {
	object := withObject(map[string]*structpb.Value{
		"id": structpb.NewStringValue("acc-1"), "amount": structpb.NewNumberValue(100),
		"rate": structpb.NewNumberValue(0.25), "debt": structpb.NewNumberValue(math.Copysign(0, -1)),
		"lines": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewBoolValue(true), structpb.NewNullValue()}}),
	})
	const doc = `{"amount":100,"debt":0,"id":"acc-1","lines":[true,null],"rate":0.25}`
	fromObject, _, refusal := wire.ParseRequest(object, false)
	if refusal != nil {
		t.Fatal(refusal)
	}
	fromJSON, _, _ := wire.ParseRequest(withJSON(doc), false)
	if got := string(fromObject.Raw.JSON()); got != doc {
		t.Errorf("the object is %s, want %s", got, doc)
	}
	if fromObject.Raw.Hash() != fromJSON.Raw.Hash() {
		t.Error("the same request has another hash as object than as JSON")
	}
	packed, err := anypb.New(wrapperspb.String("x"))
	if err != nil {
		t.Fatal(err)
	}
	fromAny, _, refusal := wire.ParseRequest(&pb.DispatchRequest{Service: "deposit", Request: &pb.DispatchRequest_Message{Message: packed}}, false)
	if refusal != nil || fromAny.Raw.Any() == nil {
		t.Errorf("the protobuf request is %v, %v", fromAny.Raw, refusal)
	}
	none, _, refusal := wire.ParseRequest(&pb.DispatchRequest{Service: "greet"}, false)
	if refusal != nil || !none.Raw.IsZero() {
		t.Errorf("no request is %v, %v", none.Raw, refusal)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	number := func(n float64) *pb.DispatchRequest {
		return withObject(map[string]*structpb.Value{"lines": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNumberValue(n)}})})
	}
	for name, test := range map[string]struct {
		req *pb.DispatchRequest
		why string
	}{
		"no service":          {&pb.DispatchRequest{}, "service name"},
		"service with spaces": {&pb.DispatchRequest{Service: "open account"}, "service name"},
		"broken JSON":         {withJSON(`{"id":`), "not valid JSON"},
		"a list":              {withJSON(`[]`), "object"},
		"duplicate keys":      {withJSON(`{"id":1,"id":2}`), "canonical"},
		"not UTF-8":           {withJSON("{\"id\":\"\xff\"}"), "UTF-8"},
		"2^53":                {number(1 << 53), "send as json"},
		"-2^53":               {number(-(1 << 53)), "lines[0]"},
		"1e300":               {number(1e300), "send as json"},
		"NaN":                 {number(math.NaN()), "NaN"},
		"infinity":            {number(math.Inf(-1)), "Inf"},
		"no kind":             {withObject(map[string]*structpb.Value{"id": {}}), "no kind"},
		"long message id":     {&pb.DispatchRequest{Service: "s", MessageId: strings.Repeat("x", 256)}, "255"},
		"NUL in message id":   {&pb.DispatchRequest{Service: "s", MessageId: "a\x00"}, "control"},
		"bad correlation id":  {&pb.DispatchRequest{Service: "s", CorrelationId: "a\n"}, "correlation_id"},
		"bad causation id":    {&pb.DispatchRequest{Service: "s", CausationId: "a\n"}, "causation_id"},
		"expected version":    {&pb.DispatchRequest{Service: "s", ExpectedVersion: proto.Int64(-2)}, "expected_version"},
		"dry run":             {&pb.DispatchRequest{Service: "s", DryRun: 9}, "dry_run"},
		"no timeout":          {&pb.DispatchRequest{Service: "s", Timeout: durationpb.New(0)}, "positive"},
		"invalid timeout":     {&pb.DispatchRequest{Service: "s", Timeout: &durationpb.Duration{Seconds: math.MaxInt64}}, "timeout"},
		"routing":             {&pb.DispatchRequest{Service: "s", Routing: &pb.Routing{}}, "routing"},
		"no type":             {&pb.DispatchRequest{Service: "s", Request: &pb.DispatchRequest_Message{Message: &anypb.Any{}}}, "type_url"},
		"log attributes":      {&pb.DispatchRequest{Service: "s", LogAttributes: map[string]string{"k": strings.Repeat("x", 9000)}}, "log_attributes"},
	} {
		m, _, refusal := wire.ParseRequest(test.req, false)
		invalid, ok := refusal.(message.InvalidRequest)
		if !ok || !strings.Contains(invalid.Reason, test.why) {
			t.Errorf("%s is answered %#v, want a reason with %q", name, refusal, test.why)
		}
		if m.ID == "" || m.CorrelationID == "" {
			t.Errorf("%s: the refused message has no ids", name)
		}
	}
}

func TestMessageWithoutIDGetsOne(t *testing.T) {
	m, timeout, _ := wire.ParseRequest(withJSON(`{}`), false)
	if m.ID == "" || !m.FirstAttempt || m.CausationID != m.ID || timeout != 0 {
		t.Errorf("got %+v within %v", m, timeout)
	}
	own := withJSON(`{}`)
	own.MessageId = "m-1"
	if m, _, _ := wire.ParseRequest(own, false); m.ID != "m-1" || m.FirstAttempt {
		t.Errorf("a caller's own id makes %+v", m)
	}
}

func TestTraceOfNoFormIsDropped(t *testing.T) {
	for trace, kept := range map[string]bool{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": true,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g": false,
		"garbage": false,
	} {
		req := withJSON(`{}`)
		req.Traceparent = trace
		if m, _, _ := wire.ParseRequest(req, false); (m.Traceparent == trace) != kept {
			t.Errorf("trace %q: the message has %q", trace, m.Traceparent)
		}
	}
}

// What a gateway sends is what the member reads.
func TestRequestsSurviveTheWire(t *testing.T) {
	expected := message.Version(3)
	raw, err := message.JSONBody([]byte(`{"amount": 18446744073709551616}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &message.Message{
		Service: "deposit", ID: "m-1", CorrelationID: "c-1", CausationID: "m-0",
		LogAttributes: map[string]string{"tenant": "t"}, Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		DryRun: message.Verbose, Raw: raw, Valid: true, Expected: &expected, FirstAttempt: true,
		Caller: message.Caller{Name: "ada", Authenticated: true, Claims: map[string]any{"groups": []any{"ops"}}},
		Origin: "gateway-0", Aggregate: message.Meta{Version: message.NoVersion},
	}
	b, err := proto.Marshal(wire.EncodeRequest(want, 2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	req := new(pb.DispatchRequest)
	if err := proto.Unmarshal(b, req); err != nil {
		t.Fatal(err)
	}
	got, timeout, refusal := wire.ParseRequest(req, true)
	if refusal != nil || timeout != 2*time.Second {
		t.Fatalf("refused with %v, timeout %v", refusal, timeout)
	}
	got.InvokedAt = time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, _, refusal := wire.ParseRequest(req, false); refusal == nil {
		t.Error("routing was taken from anybody")
	}
}

func TestClaimsOfAnyGoType(t *testing.T) {
	m := &message.Message{Service: "s", Caller: message.Caller{Name: "ada", Claims: map[string]any{"groups": []string{"ops"}, "exp": int64(7)}}}
	got, _, _ := wire.ParseRequest(wire.EncodeRequest(m, 0), true)
	if want := map[string]any{"groups": []any{"ops"}, "exp": 7.0}; !reflect.DeepEqual(got.Caller.Claims, want) {
		t.Errorf("claims are %v, want %v", got.Caller.Claims, want)
	}
}

// Who sent an object reads one, unless a number would suffer.
func TestValuesAsTheCallerReadsThem(t *testing.T) {
	object, none, json := withObject(nil), &pb.DispatchRequest{Service: "greet"}, withJSON(`{}`)
	for _, test := range []struct {
		req   *pb.DispatchRequest
		value string
		want  string
	}{
		{object, `{"balance":5,"rate":0.1}`, `{"object":{"balance":5,"rate":0.1}}`},
		{none, `null`, `{"object":null}`},
		{object, `[9007199254740991]`, `{"object":[9007199254740991]}`},
		{object, `[9007199254740993]`, `{"json":"WzkwMDcxOTkyNTQ3NDA5OTNd"}`},
		{object, `[1e400]`, `{"json":"WzFlNDAwXQ=="}`},
		{object, `[1e-400]`, `{"json":"WzFlLTQwMF0="}`},
		{json, `{"a":1}`, `{"json":"eyJhIjoxfQ=="}`},
	} {
		for _, r := range []message.Response{message.OK{Value: message.Value{JSON: []byte(test.value)}}, message.DomainError{Detail: message.Value{JSON: []byte(test.value)}}} {
			resp, st := wire.EncodeResponse(&message.Message{}, r, nil)
			resp, st = wire.ForCaller(test.req, resp, st)
			value := resp.GetOk().GetValue()
			if st != nil {
				value = wire.RefusalOf(st).GetDetail()
			}
			b, err := protojson.Marshal(value)
			if got := strings.ReplaceAll(string(b), " ", ""); err != nil || got != test.want {
				t.Errorf("%s in %T reads %s (%v), want %s", test.value, r, got, err, test.want)
			}
			if decoded := wire.DecodeResponse(resp, st); !equalJSON(t, decoded, r) {
				t.Errorf("%s reads back as %#v", test.value, decoded)
			}
		}
	}
}

func equalJSON(t *testing.T, got, want message.Response) bool {
	t.Helper()
	value := func(r message.Response) string {
		if ok, is := r.(message.OK); is {
			return string(ok.Value.JSON)
		}
		return string(r.(message.DomainError).Detail.JSON)
	}
	return strings.ReplaceAll(value(got), " ", "") == value(want)
}

func FuzzParseRequest(f *testing.F) {
	for _, req := range []*pb.DispatchRequest{
		withJSON(`{"id":"acc-1","amount":1e3}`), withJSON(`{"a":{"b":[1,null]}}`),
		withObject(map[string]*structpb.Value{"amount": structpb.NewNumberValue(1 << 53)}),
		{Service: "s", MessageId: "\u0000", Routing: &pb.Routing{Hops: 1, Caller: &pb.Caller{}}},
	} {
		b, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, trusted bool) {
		req := new(pb.DispatchRequest)
		if proto.Unmarshal(b, req) != nil {
			return
		}
		m, _, refusal := wire.ParseRequest(req, trusted)
		if m.ID.Validate() != nil || m.CorrelationID.Validate() != nil || m.CausationID.Validate() != nil {
			t.Fatalf("ids are %q, %q, %q", m.ID, m.CorrelationID, m.CausationID)
		}
		if refusal != nil {
			return
		}
		again, _, refusal := wire.ParseRequest(wire.EncodeRequest(m, 0), true)
		if refusal != nil {
			t.Fatalf("what was read is refused when sent on: %v", refusal)
		}
		if again.Raw.Hash() != m.Raw.Hash() {
			t.Fatal("the request's hash changed on its way")
		}
	})
}
