package dispatch_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

func names(services []*dispatch.Service) string {
	var out []string
	for _, s := range services {
		out = append(out, string(s.Name))
	}
	return strings.Join(out, " ")
}

func TestRouter_RegisterTwiceChangesNothing(t *testing.T) {
	greeting := dispatch.Func("greet", answers(message.OK{}))
	r := router(t, greeting.Service())
	if err := r.Register(greeting.Service()); err != nil {
		t.Errorf("the same service again: %v", err)
	}
	if got := names(r.Services(dispatch.AllServices)); got != "greet" {
		t.Errorf("services are %q, want greet", got)
	}
}

func TestRouter_AnotherServiceOfTheNameNamesBoth(t *testing.T) {
	first := running("greet", replies("", message.OK{}).dispatch)
	first.Source = "command greet of visitors"
	second := dispatch.Func("greet", answers(message.OK{})).Service()
	other := dispatch.Func("other", answers(message.OK{})).Service()

	r := router(t, first)
	err := r.Register(other, second)
	var conflict *dispatch.ConflictError
	if !errors.As(err, &conflict) || conflict.Registered != first || conflict.Refused != second {
		t.Fatalf("error is %v, want a conflict of both", err)
	}
	for _, part := range []string{`"greet"`, "command greet of visitors", "function github.com/ringhold/ringhold/dispatch_test."} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
	if got := names(r.Services(dispatch.AllServices)); got != "greet" {
		t.Errorf("services are %q: a refused registration left something behind", got)
	}
}

func TestRouter_ServicesByVisibilitySortedWithDocs(t *testing.T) {
	r := router(t,
		dispatch.Func("zoo", answers(message.OK{})).Service(),
		dispatch.Func("audit", answers(message.OK{})).Private().Doc("Writes the audit trail.").Service(),
		dispatch.Func("greet", answers(message.OK{})).Doc("Greets.").Access(dispatch.AccessAuthenticated).Service(),
	)
	for filter, want := range map[dispatch.Filter]string{
		dispatch.AllServices: "audit greet zoo", dispatch.PublicServices: "greet zoo", dispatch.PrivateServices: "audit",
	} {
		if got := names(r.Services(filter)); got != want {
			t.Errorf("services of filter %d are %q, want %q", filter, got, want)
		}
	}
	got := fmt.Sprintf("%+v", r.Announcements()[1])
	want := fmt.Sprintf("%+v", dispatch.Announcement{Name: "greet", Doc: "Greets.", Access: dispatch.AccessAuthenticated})
	if got != want {
		t.Errorf("announced %s, want %s", got, want)
	}
}

func TestRouter_RefusesFaultyServices(t *testing.T) {
	call, run := answers(message.OK{}), replies("", message.OK{}).dispatch
	for want, s := range map[string]*dispatch.Service{
		"does not match":                           {Name: "Greet", Call: call},
		"exactly one of Run and Call":              {Name: "greet"},
		"exactly one of Run and Call has":          {Name: "greet", Call: call, Run: run},
		"needs a rule":                             {Name: "greet", Call: call, Access: dispatch.AccessRule},
		`service "greet": the timeout is negative`: {Name: "greet", Call: call, Info: dispatch.ServiceInfo{Timeout: -1}},
	} {
		if err := new(dispatch.Router).Register(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func TestRouter_ReplaceTakesAllOrNothing(t *testing.T) {
	a := dispatch.Func("a", answers(message.OK{})).Service()
	b := dispatch.Func("b", answers(message.OK{})).Service()
	otherB := dispatch.Func("b", answers(message.OK{})).Service()
	r := router(t, a)
	if err := r.Replace(b, otherB); err == nil {
		t.Error("two services of one name were taken")
	}
	if got := names(r.Services(dispatch.AllServices)); got != "a" {
		t.Errorf("after a refused replacement services are %q, want a", got)
	}
	if err := r.Replace(b); err != nil {
		t.Fatal(err)
	}
	if r.Lookup("a") != nil || r.Lookup("b") != b {
		t.Errorf("services are %q, want b", names(r.Services(dispatch.AllServices)))
	}
}

func TestRouter_IsSafeForConcurrentUse(t *testing.T) {
	var r dispatch.Router
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := message.ServiceName(fmt.Sprintf("s%02d", i))
			if err := r.Register(dispatch.Func(name, answers(message.OK{})).Service()); err != nil {
				t.Error(err)
			}
			if r.Lookup(name) == nil {
				t.Errorf("%s is not there", name)
			}
		})
	}
	all.Wait()
	if got := len(r.Services(dispatch.AllServices)); got != 20 {
		t.Errorf("%d services, want 20", got)
	}
}
