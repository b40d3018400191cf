package dispatch_test

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func request(t *testing.T, json string) *message.Message {
	t.Helper()
	raw, err := message.JSONBody([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return message.New("greet", raw)
}

type greeting struct {
	Name  string `json:"name"`
	Times int    `json:"times"`
}

func TestTyped_ReadsJSON(t *testing.T) {
	type by interface{ Service() *dispatch.Service }
	for name, s := range map[string]by{
		"a struct": dispatch.Typed("greet", func(_ context.Context, m *message.Message, g greeting) message.Response {
			return m.OK("hello " + g.Name).Response
		}).Access(dispatch.AccessPublic),
		"a pointer": dispatch.Typed("greet", func(_ context.Context, m *message.Message, g *greeting) message.Response {
			return m.OK("hello " + g.Name).Response
		}).Access(dispatch.AccessPublic),
	} {
		t.Run(name, func(t *testing.T) {
			got := local(t, s.Service()).Dispatch(t.Context(), request(t, `{"name":"Ada"}`)).Response
			if text := textOf(t, got); text != "hello Ada" {
				t.Errorf("answered %q", text)
			}
		})
	}
}

func TestTyped_ReadsProtobuf(t *testing.T) {
	d := local(t, dispatch.Typed("greet", func(_ context.Context, m *message.Message, name *wrapperspb.StringValue) message.Response {
		return m.OK("hello " + name.GetValue()).Response
	}).Access(dispatch.AccessPublic).Service())
	a, err := anypb.New(wrapperspb.String("Ada"))
	if err != nil {
		t.Fatal(err)
	}
	if text := textOf(t, d.Dispatch(t.Context(), message.New("greet", message.ProtoBody(a))).Response); text != "hello Ada" {
		t.Errorf("answered %q", text)
	}
}

func TestTyped_WrongTypeIsAViolationOfTheField(t *testing.T) {
	s := dispatch.Typed("greet", func(context.Context, *message.Message, greeting) message.Response {
		t.Error("the service ran")
		return nil
	}).Access(dispatch.AccessPublic)
	if got, want := s.RequestType(), reflect.TypeFor[greeting](); got != want {
		t.Errorf("requests are of type %v, want %v", got, want)
	}
	reply := local(t, s.Service()).Dispatch(t.Context(), request(t, `{"name":"Ada","times":"twice"}`))
	got, is := reply.Response.(message.ValidationError)
	if !is || reply.Valid {
		t.Fatalf("answered %#v (valid: %v), want a ValidationError of an invalid message", reply.Response, reply.Valid)
	}
	want := message.Violations{{Path: "times", Message: "has to be an integer of 64 bits, not a JSON string"}}
	if !reflect.DeepEqual(got.Violations, want) {
		t.Errorf("violations are %v, want %v", got.Violations, want)
	}
}

func TestFunc_NoReplyTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := greet()
		started := time.Now()
		got := local(t, public("greet", answers(nil))).Dispatch(t.Context(), m).Response
		want := message.ServiceTimeout{Service: "greet", MessageID: m.ID, Timeout: 5 * time.Second}
		if got != message.Response(want) {
			t.Errorf("answered %#v, want %#v", got, want)
		}
		if waited := time.Since(started); waited != 5*time.Second {
			t.Errorf("waited %v, want 5 s", waited)
		}
	})
}

func TestFunc_FaultyDeclarationPanics(t *testing.T) {
	for name, declare := range map[string]func(){
		"a bad name":  func() { dispatch.Func("Greet", answers(nil)) },
		"no function": func() { dispatch.Func("greet", nil) },
		"no typed":    func() { dispatch.Typed[greeting]("greet", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it did not panic")
				}
			}()
			declare()
		})
	}
}
