package dispatch_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func TestCheck_AccessAndAuthorizeMustBothAllow(t *testing.T) {
	var (
		nobody   = message.Caller{}
		ada      = message.Caller{Name: "ada", Authenticated: true, Claims: map[string]any{"role": "teller"}}
		internal = message.Caller{Name: dispatch.InternalCaller}
	)
	teller := func(m *message.Message) (bool, error) { return m.Caller.Claims["role"] == "teller", nil }
	broken := func(*message.Message) (bool, error) { return true, errors.New("no such attribute") }
	refuses := func(*message.Message) message.Response { return message.DomainError{Code: "closed_today"} }
	allows := func(*message.Message) message.Response { return nil }

	for name, test := range map[string]struct {
		service dispatch.Service
		caller  message.Caller
		want    message.Response
	}{
		"the default is forbidden":                  {dispatch.Service{}, ada, message.Forbidden{}},
		"denied, whatever authorize says":           {dispatch.Service{Authorize: allows}, ada, message.Forbidden{}},
		"public":                                    {dispatch.Service{Access: dispatch.AccessPublic}, nobody, nil},
		"public, but authorize refuses":             {dispatch.Service{Access: dispatch.AccessPublic, Authorize: refuses}, ada, message.DomainError{Code: "closed_today"}},
		"authenticated":                             {dispatch.Service{Access: dispatch.AccessAuthenticated}, ada, nil},
		"not authenticated":                         {dispatch.Service{Access: dispatch.AccessAuthenticated}, nobody, message.Unauthorized{Reason: "the service needs an authenticated caller"}},
		"a rule that allows":                        {dispatch.Service{Access: dispatch.AccessRule, Rule: teller}, ada, nil},
		"a rule that does not":                      {dispatch.Service{Access: dispatch.AccessRule, Rule: teller}, nobody, message.Forbidden{}},
		"a rule that fails":                         {dispatch.Service{Access: dispatch.AccessRule, Rule: broken}, ada, message.Forbidden{Reason: "the access rule could not be evaluated"}},
		"no rule at all":                            {dispatch.Service{Access: dispatch.AccessRule}, ada, message.Forbidden{}},
		"an access that does not exist":             {dispatch.Service{Access: 99}, ada, message.Forbidden{}},
		"private services too":                      {dispatch.Service{Visibility: dispatch.Private}, ada, message.Forbidden{}},
		"internal callers need no access":           {dispatch.Service{}, internal, nil},
		"internal callers are asked of authorize":   {dispatch.Service{Authorize: refuses}, internal, message.DomainError{Code: "closed_today"}},
		"an authenticated caller's name is no pass": {dispatch.Service{}, message.Caller{Name: "Internal", Authenticated: true}, message.Forbidden{}},
	} {
		t.Run(name, func(t *testing.T) {
			m := greet()
			m.Caller = test.caller
			if got := test.service.Check(m, slog.New(slog.DiscardHandler)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("answered %#v, want %#v", got, test.want)
			}
		})
	}
}

func TestCheck_PanicIsCrashedAndLogged(t *testing.T) {
	panics := func(*message.Message) message.Response { panic("no policy loaded") }
	for name, s := range map[string]dispatch.Service{
		"authorize": {Access: dispatch.AccessPublic, Authorize: panics},
		"rule":      {Access: dispatch.AccessRule, Rule: func(m *message.Message) (bool, error) { panics(m); return true, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			m := greet()
			got := s.Check(m, slog.New(log.handler()))
			if want := (message.Crashed{Reason: "the service panicked in authorize"}); got != message.Response(want) {
				t.Errorf("answered %#v, want %#v", got, want)
			}
			wantStack(t, &log, m, "TestCheck_PanicIsCrashedAndLogged")
		})
	}
}

// wantStack wants one line about the message with a stack that names a function.
func wantStack(t *testing.T, log *logged, m *message.Message, function string) {
	t.Helper()
	lines := log.lines(t)
	if len(lines) != 1 {
		t.Fatalf("logged %d lines, want 1: %v", len(lines), lines)
	}
	if lines[0][dispatch.MessageIDKey] != string(m.ID) {
		t.Errorf("the line names message %v, want %v", lines[0][dispatch.MessageIDKey], m.ID)
	}
	if stack, _ := lines[0]["stack"].(string); !strings.Contains(stack, function) {
		t.Errorf("the stack does not name %s: %q", function, stack)
	}
}

func TestDispatch_RefusedServiceDoesNotRun(t *testing.T) {
	for _, visibility := range []dispatch.Visibility{dispatch.Public, dispatch.Private} {
		t.Run(visibility.String(), func(t *testing.T) {
			s := public("greet", func(context.Context, *message.Message) message.Response {
				t.Error("the service ran")
				return message.OK{}
			})
			s.Visibility = visibility
			s.Authorize = func(*message.Message) message.Response { return message.DomainError{Code: "not_you"} }
			got := local(t, s).Dispatch(t.Context(), greet()).Response
			if want := (message.DomainError{Code: "not_you"}); !reflect.DeepEqual(got, want) {
				t.Errorf("answered %#v, want %#v", got, want)
			}
		})
	}
}

func TestDispatch_DefaultIsForbidden(t *testing.T) {
	d := local(t, dispatch.Func("greet", answers(message.OK{})).Service())
	if got := d.Dispatch(t.Context(), greet()).Response; got != message.Response(message.Forbidden{}) {
		t.Errorf("answered %#v, want Forbidden", got)
	}
}
