package dispatch_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// announced is a service as a node announces it: "audit" is private.
func announced(names ...message.ServiceName) (out []dispatch.Announcement) {
	for _, n := range names {
		a := dispatch.Announcement{Name: n}
		if n == "audit" {
			a.Visibility = dispatch.Private
		}
		out = append(out, a)
	}
	return out
}

// offer says what a registry offers, and who.
func offer(r *dispatch.Registry) string {
	var out []string
	for _, s := range r.Services(dispatch.AllServices) {
		var ids []string
		for _, n := range r.Providers(s.Name) {
			ids = append(ids, n.ID())
		}
		out = append(out, string(s.Name)+":"+strings.Join(ids, "+"))
	}
	return strings.Join(out, " ")
}

func TestRegistry_JoinAndLeave(t *testing.T) {
	var seen recorder
	r := dispatch.NewRegistry(dispatch.RegistryConfig{Observer: &seen})
	a, b := replies("a", nil), replies("b", nil)

	r.Join(a, announced("greet", "report"))
	r.Join(b, announced("greet", "audit", "zoo"))
	if got, want := offer(r), "greet:a+b report:a zoo:b"; got != want {
		t.Errorf("on offer is %q, want %q", got, want)
	}
	r.Leave("a")
	r.Leave("a")
	if got, want := offer(r), "greet:b zoo:b"; got != want {
		t.Errorf("after a left, on offer is %q, want %q", got, want)
	}
	if r.Node("a") != nil || r.Node("b") != dispatch.Node(b) || len(r.Nodes()) != 1 {
		t.Errorf("nodes are %v, want b alone", r.Nodes())
	}
	if got, want := seen.steps(), "joined@a joined@b left@a"; got != want {
		t.Errorf("observed %q, want %q", got, want)
	}
}

func TestRegistry_PrivateServicesAreForTheGroup(t *testing.T) {
	for seesPrivate, want := range map[bool]string{true: "audit:a greet:a", false: "greet:a"} {
		r := dispatch.NewRegistry(dispatch.RegistryConfig{SeesPrivate: seesPrivate})
		r.Join(replies("a", nil), announced("audit", "greet"))
		if got := offer(r); got != want {
			t.Errorf("with private=%v on offer is %q, want %q", seesPrivate, got, want)
		}
	}
}

func TestDispatch_PrivateServiceNeverThroughAGateway(t *testing.T) {
	member := dispatch.NewRunner(dispatch.RunnerConfig{Node: "member", Router: router(t,
		dispatch.Func("audit", answers(ok("audited"))).Private().Access(dispatch.AccessPublic).Service())})
	t.Cleanup(func() { member.Close(t.Context()) })
	for seesPrivate, want := range map[bool]string{true: "ok", false: "no_such_service"} {
		r := dispatch.NewRegistry(dispatch.RegistryConfig{SeesPrivate: seesPrivate})
		r.Join(member, announced("audit"))
		d := dispatcher(t, dispatch.Config{Registry: r})
		if got := d.Dispatch(t.Context(), message.New("audit", message.Body{})).Response.Outcome(); got != want {
			t.Errorf("with private=%v answered %s, want %s", seesPrivate, got, want)
		}
	}
}

func TestRegistry_JoinAgainReplacesInPlace(t *testing.T) {
	r := dispatch.NewRegistry(dispatch.RegistryConfig{})
	r.Join(replies("a", nil), announced("greet", "report"))
	r.Join(replies("b", nil), announced("greet"))
	again := replies("a", nil)
	r.Join(again, announced("greet"))
	if got, want := offer(r), "greet:a+b"; got != want {
		t.Errorf("on offer is %q, want %q", got, want)
	}
	if r.Node("a") != dispatch.Node(again) {
		t.Error("the node is still the old one")
	}
}

func TestRegistry_IsSafeForConcurrentUse(t *testing.T) {
	r := dispatch.NewRegistry(dispatch.RegistryConfig{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			id := fmt.Sprint(i)
			r.Join(replies(id, nil), announced("greet"))
			r.Providers("greet")
			if i%2 == 0 {
				r.Leave(id)
			}
		})
	}
	all.Wait()
	if got := len(r.Providers("greet")); got != 10 {
		t.Errorf("%d providers, want 10", got)
	}
}

func TestDispatcher_ServicesOfAllNodes(t *testing.T) {
	r := group("zoo", replies("b", nil))
	r.Join(replies("c", nil), announced("audit", "greet"))
	d := dispatcher(t, dispatch.Config{
		Local:    router(t, dispatch.Func("greet", answers(nil)).Doc("Of this node.").Service()),
		Registry: r,
	})
	for filter, want := range map[dispatch.Filter]string{
		dispatch.AllServices: "audit greet zoo", dispatch.PublicServices: "greet zoo", dispatch.PrivateServices: "audit",
	} {
		var got []string
		for _, a := range d.Services(filter) {
			got = append(got, string(a.Name))
			if a.Name == "greet" && a.Doc != "Of this node." {
				t.Errorf("greet is described by %q, want this node's doc", a.Doc)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("services of filter %d are %q, want %q", filter, got, want)
		}
	}
}
