package dispatch_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// says is a node that answers Authorized.
func says(id string, allowed bool, why message.Response, err error) *node {
	return &node{id: id, authorized: func(context.Context, *message.Message) (bool, message.Response, error) {
		return allowed, why, err
	}}
}

func TestAuthorized(t *testing.T) {
	ran := func(context.Context, *message.Message) message.Response {
		t.Error("the service ran")
		return nil
	}
	refuses := *public("greet", ran)
	refuses.Authorize = func(*message.Message) message.Response { return message.Unauthorized{Reason: "who?"} }
	broken := errors.New("connection refused")

	for name, test := range map[string]struct {
		local *dispatch.Service
		nodes []dispatch.Node
		want  message.Response // nil: allowed
	}{
		"allowed here":        {local: public("greet", ran)},
		"forbidden here":      {local: dispatch.Func("greet", ran).Service(), want: message.Forbidden{}},
		"refused here":        {local: &refuses, want: message.Unauthorized{Reason: "who?"}},
		"allowed elsewhere":   {nodes: []dispatch.Node{says("a", true, message.Forbidden{}, nil)}},
		"forbidden elsewhere": {nodes: []dispatch.Node{says("a", false, nil, nil), says("b", true, nil, nil)}, want: message.Forbidden{}},
		"a provider that fails is passed over": {
			nodes: []dispatch.Node{says("a", true, nil, broken), says("b", false, message.Unauthorized{}, nil)},
			want:  message.Unauthorized{},
		},
		"all providers fail": {
			nodes: []dispatch.Node{says("a", true, nil, broken)},
			want:  message.ServiceUnavailable{Service: "greet", Reason: "connection refused"},
		},
		"nobody has it": {want: message.ServiceUnavailable{Service: "greet", NoSuchService: true}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := dispatch.Config{Registry: group("greet", test.nodes...)}
			if test.local != nil {
				cfg.Local = router(t, test.local)
			}
			m := greet()
			before := *m
			allowed, why := dispatcher(t, cfg).Authorized(t.Context(), m)
			if allowed != (test.want == nil) || !reflect.DeepEqual(why, test.want) {
				t.Errorf("answered %v, %#v, want %#v", allowed, why, test.want)
			}
			if !reflect.DeepEqual(*m, before) {
				t.Errorf("the message was changed to %+v", m)
			}
		})
	}
}

func TestAuthorized_HasATimeoutOfItsOwn(t *testing.T) {
	silent := &node{id: "a", authorized: func(ctx context.Context, _ *message.Message) (bool, message.Response, error) {
		<-ctx.Done()
		return false, nil, ctx.Err()
	}}
	synctest.Test(t, func(t *testing.T) {
		d := dispatcher(t, dispatch.Config{Registry: group("greet", silent, says("b", true, nil, nil))})
		started := time.Now()
		if allowed, why := d.Authorized(t.Context(), greet(), dispatch.Within(2*time.Second)); !allowed {
			t.Errorf("answered %#v, want allowed by b", why)
		}
		if waited := time.Since(started); waited != 2*time.Second {
			t.Errorf("waited %v, want 2 s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		allowed, why := d.Authorized(ctx, greet(), dispatch.NoTimeout)
		if _, timeout := why.(message.ServiceTimeout); allowed || !timeout {
			t.Errorf("answered %v, %#v, want ServiceTimeout at the end of the context", allowed, why)
		}
	})
}

func TestAuthorized_SlowAuthorizeIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := *public("greet", answers(nil))
		s.Authorize = func(*message.Message) message.Response {
			<-time.After(time.Minute)
			return message.Forbidden{}
		}
		d := dispatcher(t, dispatch.Config{Local: router(t, &s), Registry: group("greet", says("b", true, nil, nil))})
		if allowed, why := d.Authorized(t.Context(), greet()); !allowed {
			t.Errorf("answered %#v, want allowed by b", why)
		}
	})
}
