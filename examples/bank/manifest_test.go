package bank

import (
	"testing"

	"github.com/ringhold/ringhold/api/manifest"
)

// The manifest names what the code has, and all of it. A start checks this too;
// here it is a test away.
func TestTheManifestFitsTheCode(t *testing.T) {
	service, err := manifest.Load("aggregateservice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, h := range service.Spec.Handlers {
		served[h.CommandName()] = true
		if h.IsPlain() {
			continue
		}
		command := Accounts.Core().Command(h.CommandName())
		if command == nil || !command.HasField(h.ID) {
			t.Errorf("service %s: no command %s, or it has no field %s", h.Service, h.CommandName(), h.ID)
		}
	}
	for _, c := range Accounts.Core().Commands() {
		if !served[c.Name] {
			t.Errorf("command %s has no handler", c.Name)
		}
	}
	if !served[string(Greet.Service().Name)] {
		t.Error("greet has no handler")
	}
}
