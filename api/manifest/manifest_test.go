package manifest_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What a manifest means is what the schema makes of it: the golden files show
// every default that a local run and the operator both see.
func TestLoadFillsInDefaults(t *testing.T) {
	for _, name := range []string{"bank", "bank-embedded", "minimal"} {
		t.Run(name, func(t *testing.T) {
			service, err := manifest.Load(filepath.Join("testdata", name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(service)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s differs from what was loaded:\n%s", golden, got)
			}
			if again, err := manifest.Parse(name, got); err != nil || again.Group() != service.Group() {
				t.Errorf("what was loaded does not load again: %v", err)
			}
		})
	}
}

// YAML 1.1, which kubectl and the API server read, takes the key on for the
// truth value. The manifest that everyone writes has to work all the same.
func TestOnSurvivesYAML(t *testing.T) {
	for name, handler := range map[string]string{
		"plain":             `{service: open, stream: accounts, on: New}`,
		"quoted":            `{service: open, stream: accounts, "on": New}`,
		"as kubectl sends":  `{service: open, stream: accounts, "true": New}`,
		"JSON":              `{"service":"open","stream":"accounts","on":"New"}`,
		"with generated id": `{service: open, stream: accounts, on: New, generateID: true}`,
	} {
		t.Run(name, func(t *testing.T) {
			service, err := manifest.Parse("f.yaml", []byte(head+"  streams: [{name: accounts}]\n  handlers:\n  - "+handler+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := service.Spec.Handlers[0].On; got != v1alpha1.OnNew {
				t.Errorf("on = %q, want New", got)
			}
		})
	}
}

func TestParseTakesTheOneAggregateService(t *testing.T) {
	data := "# the bank\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n--- # and\n" +
		strings.Replace(head, "{name: bank}", "{name: bank, namespace: shop}", 1) +
		"---\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: bank-db}\n"
	for name, data := range map[string]string{"lf": data, "crlf": strings.ReplaceAll(data, "\n", "\r\n"), "bom": "\ufeff" + data} {
		t.Run(name, func(t *testing.T) {
			service, err := manifest.Parse("f.yaml", []byte(data))
			if err != nil {
				t.Fatal(err)
			}
			if service.Group() != "shop.bank" {
				t.Errorf("group = %q, want shop.bank", service.Group())
			}
		})
	}
}

func TestParseReadsDurationsAndQuantities(t *testing.T) {
	service, err := manifest.Parse("f.yaml", []byte(head+
		"  streams: [{name: accounts, unload: {idleAfter: 1h30m, onEvents: {closed: 0s, frozen: 1.5s}, memoryLimit: 64Mi}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	unload := service.Spec.Streams[0].Unload
	if unload.IdleAfter.Duration != 90*time.Minute || unload.OnEvents["closed"].Duration != 0 || unload.OnEvents["frozen"].Duration != 1500*time.Millisecond {
		t.Errorf("durations = %v, %v", unload.IdleAfter, unload.OnEvents)
	}
	if unload.MemoryLimit.Value() != 64<<20 {
		t.Errorf("memoryLimit = %v, want 64Mi", unload.MemoryLimit)
	}
}

// The largest manifest that the schema's limits allow stays within what the
// API server spends on its rules.
func TestLargestManifestIsAffordable(t *testing.T) {
	var b strings.Builder
	b.WriteString(head + "  streams:\n")
	for i := range 128 {
		fmt.Fprintf(&b, "  - {name: s%060d}\n", i)
	}
	b.WriteString("  handlers:\n")
	for i := range 512 {
		fmt.Fprintf(&b, "  - {service: s%0120d, stream: s%060d, on: MaybeNew, generateID: true}\n", i, 127)
	}
	if _, err := manifest.Parse("f.yaml", []byte(b.String())); err != nil {
		t.Fatal(err)
	}
}

func TestLoadNamesFileThatIsNotThere(t *testing.T) {
	_, err := manifest.Load("testdata/nowhere.yaml")
	var faults *manifest.Error
	if !errors.Is(err, os.ErrNotExist) || errors.As(err, &faults) || !strings.Contains(err.Error(), "testdata/nowhere.yaml") {
		t.Errorf("err = %v, want os.ErrNotExist with the path", err)
	}
}

func TestReadRefusesWhatIsTooLarge(t *testing.T) {
	_, err := manifest.Read("f.yaml", strings.NewReader(head+strings.Repeat("#\n", manifest.MaxSize)))
	if err == nil || err.Error() != "f.yaml: the file has more than 1048576 bytes: write a shorter one" {
		t.Errorf("err = %v", err)
	}
}

func TestParseIsSafeForConcurrentUse(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "bank.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := manifest.Parse("bank.yaml", data); err != nil {
				t.Error(err)
			}
			if _, err := manifest.Parse("f.yaml", []byte(head+"  slots: 3\n")); err == nil {
				t.Error("three slots were accepted")
			}
		})
	}
	group.Wait()
}
