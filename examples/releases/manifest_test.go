package releases

import (
	"testing"

	"github.com/ringhold/ringhold/api/manifest"
)

func TestTheManifestFitsTheCode(t *testing.T) {
	service, err := manifest.Load("aggregateservice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := service.Spec.Handlers[0]
	command := Packages.Core().Command(h.CommandName())
	if len(service.Spec.Handlers) != 1 || command == nil || !command.HasField(h.ID) {
		t.Errorf("the handlers are %+v", service.Spec.Handlers)
	}
}
