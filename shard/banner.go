package shard

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
)

// banner says what is served and how to call it.
type banner struct {
	name     string
	manifest *v1alpha1.AggregateService
	plan     *Plan
	local    *Local
	store    string
	listener net.Addr
	open     bool // reading, deleting and erasing stand on the listener too
	out      io.Writer
}

func (b banner) print() {
	services := b.local.Members()[0].router.Services(dispatch.AllServices)
	w := tabwriter.NewWriter(b.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "ringhold %s: %s\n\n", b.name, b.manifest.Name)
	fmt.Fprintf(w, "  group\t%s, %d slots, %d members\n", b.plan.Group, b.plan.Slots, len(b.local.Members()))
	fmt.Fprintf(w, "  store\t%s\n", b.store)
	fmt.Fprintf(w, "  serves\tgRPC and HTTP on %s\n", b.listener)
	if b.open && !loopback(b.listener) {
		fmt.Fprintf(w, "  warning\tnobody is asked who they are: anyone who reaches this address can read, delete and erase\n")
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "  service\ton\tstream\taccess\n")
	for _, s := range services {
		on, stream := s.Info.On, string(s.Info.Stream)
		if stream == "" {
			on, stream = "-", "-"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", s.Name, on, stream, accessText(s))
	}
	_ = w.Flush() // the terminal is gone: nobody reads it
	if i := slices.IndexFunc(services, callable); i >= 0 {
		b.examples(services[i])
	}
	if inMemory(b.store) {
		fmt.Fprintln(b.out, "\nCtrl-C stops it; everything is gone then.")
		return
	}
	fmt.Fprintln(b.out, "\nCtrl-C stops it; what was answered stays.")
}

func accessText(s *dispatch.Service) string {
	if s.Visibility == dispatch.Private {
		return s.Access.String() + ", private"
	}
	return s.Access.String()
}

// callable reports whether the banner can show how to call a service: anybody
// may, and it makes something.
func callable(s *dispatch.Service) bool {
	return s.Access == dispatch.AccessPublic && s.Visibility == dispatch.Public && (s.Info.On == "New" || s.Info.On == "MaybeNew")
}

func (b banner) examples(s *dispatch.Service) {
	request := sampleRequest(s.Info.RequestSchema)
	fmt.Fprintf(b.out, "\n  try\n")
	server, address := "", reached(b.listener)
	if address != "127.0.0.1:8080" {
		server = " --server " + address
	}
	fmt.Fprintf(b.out, "    ringhold dispatch %s '%s'%s\n", s.Name, request, server)
	fmt.Fprintf(b.out, "    curl -X POST http://%s/v1/services/%s -d '%s'\n", address, s.Name, request)
	fmt.Fprintf(b.out, "    grpcurl -plaintext -d '{\"service\":\"%s\",\"object\":%s}' %s ringhold.v1.Dispatcher/Dispatch\n", s.Name, request, address)
}

// loopback reports whether only this machine reaches an address.
func loopback(a net.Addr) bool {
	tcp, is := a.(*net.TCPAddr)
	return is && tcp.IP.IsLoopback()
}

// reached is the address at which this machine reaches a listener: one on all
// addresses is reached on loopback.
func reached(a net.Addr) string {
	if tcp, is := a.(*net.TCPAddr); is && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return a.String()
}

// sampleRequest makes a request that fits a schema of simple fields.
func sampleRequest(schema json.RawMessage) string {
	var s struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return "{}"
	}
	var fields []string
	for _, name := range fieldsInOrder(schema) {
		value := `"` + name + `-1"`
		switch s.Properties[name].Type {
		case "integer", "number":
			value = "1"
		case "boolean":
			value = "true"
		case "array":
			value = "[]"
		case "object":
			value = "{}"
		}
		fields = append(fields, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// fieldsInOrder returns the properties of a schema in the order in which it has
// them, which is that of the Go type.
func fieldsInOrder(schema json.RawMessage) []string {
	var s struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil || len(s.Properties) == 0 {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(s.Properties)))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	var names []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return names
		}
		name, ok := key.(string)
		if !ok {
			return names
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return names
		}
		names = append(names, name)
	}
	return names
}
