package wire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// kinds are all responses there are, with the code and HTTP status that the
// contract gives them.
var kinds = []struct {
	response message.Response
	code     codes.Code
	http     int
}{
	{message.OK{}, codes.OK, 200},
	{message.Created{}, codes.OK, 201},
	{message.ServiceUnavailable{NoSuchService: true}, codes.Unimplemented, 404},
	{message.ServiceUnavailable{}, codes.Unavailable, 503},
	{message.ServiceTimeout{}, codes.DeadlineExceeded, 504},
	{message.OutcomeUnknown{}, codes.DeadlineExceeded, 504},
	{message.ValidationError{}, codes.InvalidArgument, 422},
	{message.InvalidRequest{}, codes.InvalidArgument, 400},
	{message.MissingID{}, codes.InvalidArgument, 400},
	{message.NotFound{}, codes.NotFound, 404},
	{message.WrongExpectedVersion{}, codes.Aborted, 409},
	{message.Unauthorized{}, codes.Unauthenticated, 401},
	{message.Forbidden{}, codes.PermissionDenied, 403},
	{message.DomainError{}, codes.FailedPrecondition, 409},
	{message.MessageIDReused{}, codes.InvalidArgument, 422},
	{message.MailboxFull{}, codes.ResourceExhausted, 429},
	{message.TooLarge{}, codes.ResourceExhausted, 413},
	{message.StreamErased{}, codes.FailedPrecondition, 410},
	{message.Quarantined{}, codes.FailedPrecondition, 409},
	{message.Crashed{}, codes.Internal, 500},
	{message.NoNodesAvailable{}, codes.Unavailable, 503},
	{message.TryAnotherNode{}, codes.Unavailable, 503},
	{message.NotOwner{}, codes.Unavailable, 503},
	{message.OutOfOrder{}, codes.Unavailable, 503},
}

func TestEveryKindHasItsCodes(t *testing.T) {
	for _, k := range kinds {
		if code, http := wire.Code(k.response), wire.HTTPStatus(k.response); code != k.code || http != k.http {
			t.Errorf("%T is %v, %d; want %v, %d", k.response, code, http, k.code, k.http)
		}
		if _, success := k.response.(message.Created); success || k.code == codes.OK {
			continue
		}
		_, st := wire.EncodeResponse(&message.Message{}, k.response, nil)
		if st.Code() != k.code || wire.HTTPStatusOf(st) != k.http {
			t.Errorf("the status of %T is %v, %d; want %v, %d", k.response, st.Code(), wire.HTTPStatusOf(st), k.code, k.http)
		}
	}
}

// A kind of response that is added has to be mapped, and to be listed here.
func TestNoKindIsForgotten(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../response.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, k := range kinds {
		listed[reflect.TypeOf(k.response).Name()] = true
	}
	found := 0
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "response" {
			found++
			if name := f.Recv.List[0].Type.(*ast.Ident).Name; !listed[name] {
				t.Errorf("message.%s is not in the table of this test", name)
			}
		}
	}
	if found != len(listed) {
		t.Errorf("message has %d kinds of responses, the table %d", found, len(listed))
	}
}

// What a member answered is what the caller reads, field by field, after the
// bytes have been over the wire.
func TestResponsesSurviveTheWire(t *testing.T) {
	for _, k := range kinds {
		t.Run(reflect.TypeOf(k.response).Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := drawResponse(t, k.response)
				resp, st := wire.EncodeResponse(&message.Message{}, want, nil)
				if (resp == nil) == (st == nil) {
					t.Fatalf("%T is encoded as %v and %v", want, resp, st)
				}
				if got := wire.DecodeResponse(overTheWire(t, resp, st)); !reflect.DeepEqual(plain(got), plain(want)) {
					t.Fatalf("%#v\nreads as\n%#v", want, got)
				}
			})
		})
	}
}

// plain returns a copy without what protobuf keeps in its messages for itself.
func plain(r message.Response) any {
	v := reflect.New(reflect.TypeOf(r)).Elem()
	v.Set(reflect.ValueOf(r))
	strip(v)
	return v.Interface()
}

func strip(v reflect.Value) {
	if value, ok := v.Interface().(message.Value); ok {
		if value.Any != nil {
			value.Any = &anypb.Any{TypeUrl: value.Any.GetTypeUrl(), Value: value.Any.GetValue()}
		}
		v.Set(reflect.ValueOf(value))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			strip(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			strip(v.Index(i))
		}
	}
}

func overTheWire(t *rapid.T, resp *pb.DispatchResponse, st *status.Status) (*pb.DispatchResponse, *status.Status) {
	if st != nil {
		return nil, status.FromProto(throughBytes(t, st.Proto()))
	}
	return throughBytes(t, resp), nil
}

func throughBytes[M proto.Message](t *rapid.T, in M) M {
	b, err := proto.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := in.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out.(M)
}

// drawResponse fills the fields of a response of a kind with anything they may
// hold.
func drawResponse(t *rapid.T, kind message.Response) message.Response {
	v := reflect.New(reflect.TypeOf(kind)).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if name == "Request" { // stays where it is
			continue
		}
		draw(t, name, v.Field(i))
	}
	if has := v.FieldByName("HasVersion"); has.IsValid() && !has.Bool() {
		v.FieldByName("Version").SetZero()
	}
	if none := v.FieldByName("NoSuchService"); none.IsValid() {
		none.SetBool(reflect.ValueOf(kind).FieldByName("NoSuchService").Bool())
	}
	return v.Interface().(message.Response)
}

func draw(t *rapid.T, name string, v reflect.Value) {
	switch v.Interface().(type) {
	case message.Value:
		v.Set(reflect.ValueOf(drawValue(t, name)))
		return
	case time.Duration:
		v.SetInt(rapid.Int64().Draw(t, name))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, name))
	case reflect.Int:
		v.SetInt(rapid.Int64Min(0).Draw(t, name))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, name)))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, name))
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, name)
		for range n {
			one := reflect.New(v.Type().Elem()).Elem()
			for i := range one.NumField() {
				draw(t, one.Type().Field(i).Name, one.Field(i))
			}
			v.Set(reflect.Append(v, one))
		}
	default:
		t.Fatalf("teach the test to fill %s, a %s", name, v.Type())
	}
}

func drawValue(t *rapid.T, name string) message.Value {
	switch rapid.IntRange(0, 2).Draw(t, name) {
	case 1:
		return message.Value{JSON: []byte(rapid.SampledFrom([]string{`null`, `{"b":1,"a":18446744073709551616}`, `"x"`, ` [1.0]`}).Draw(t, name))}
	case 2:
		packed, err := anypb.New(wrapperspb.String(rapid.String().Draw(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		return message.Value{Any: throughBytes(t, packed)}
	}
	return message.Value{}
}

func TestRefusalNamesItsMessage(t *testing.T) {
	m := &message.Message{
		Service: "deposit", ID: "m-1",
		Aggregate: message.Meta{Stream: "accounts", ID: "acc-1"},
	}
	_, st := wire.EncodeResponse(m, message.DomainError{Code: "insufficient_funds"}, &pb.Served{Member: "a"})
	got := wire.RefusalOf(st)
	want := &pb.Refusal{
		Kind: pb.Kind_KIND_DOMAIN, Code: "insufficient_funds", Service: "deposit", MessageId: "m-1",
		Stream: "accounts", AggregateId: "acc-1", Served: &pb.Served{Member: "a"},
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStandardDetails(t *testing.T) {
	_, st := wire.EncodeResponse(&message.Message{}, message.ValidationError{Violations: message.Violations{{Path: "amount", Message: "must be positive"}}}, nil)
	var bad *errdetails.BadRequest
	for _, d := range st.Details() {
		if d, ok := d.(*errdetails.BadRequest); ok {
			bad = d
		}
	}
	if v := bad.GetFieldViolations(); len(v) != 1 || v[0].GetField() != "amount" || v[0].GetDescription() != "must be positive" {
		t.Errorf("violations are %v", v)
	}
	for _, r := range []message.Response{message.ServiceUnavailable{}, message.MailboxFull{}, message.NoNodesAvailable{}} {
		_, st := wire.EncodeResponse(&message.Message{}, r, nil)
		if !slices.ContainsFunc(st.Details(), func(d any) bool {
			info, ok := d.(*errdetails.RetryInfo)
			return ok && info.GetRetryDelay().AsDuration() > 0
		}) {
			t.Errorf("%T does not say when to retry: %v", r, st.Details())
		}
	}
}

// A panic may say anything; its answer has to reach the caller all the same.
func TestTextThatIsNotUTF8(t *testing.T) {
	_, st := wire.EncodeResponse(&message.Message{}, message.Crashed{Reason: "bad \xff"}, nil)
	if _, err := proto.Marshal(st.Proto()); err != nil {
		t.Fatal(err)
	}
	if got := wire.DecodeResponse(nil, st); got != (message.Crashed{Reason: "bad \uFFFD"}) {
		t.Errorf("got %#v", got)
	}
}

func TestStatusOfOthers(t *testing.T) {
	for _, test := range []struct {
		code codes.Code
		want message.Response
	}{
		{codes.Unavailable, message.ServiceUnavailable{Reason: "why"}},
		{codes.DeadlineExceeded, message.ServiceTimeout{}},
		{codes.Canceled, message.ServiceTimeout{}},
		{codes.Internal, message.Crashed{Reason: "why"}},
		{codes.Unknown, message.Crashed{Reason: "why"}},
		{codes.Unimplemented, message.ServiceUnavailable{NoSuchService: true, Reason: "why"}},
		{codes.PermissionDenied, message.Forbidden{Reason: "why"}},
		{codes.InvalidArgument, message.InvalidRequest{Reason: "why"}},
	} {
		if got := wire.DecodeResponse(nil, status.New(test.code, "why")); got != test.want {
			t.Errorf("%v reads as %#v, want %#v", test.code, got, test.want)
		}
	}
	if got := wire.DecodeResponse(nil, status.New(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)")); wire.HTTPStatus(got) != 413 {
		t.Errorf("a message over the limit reads as %#v", got)
	}
}
