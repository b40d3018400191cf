package shard

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/handler"
	"github.com/ringhold/ringhold/internal/jsonschema"
	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/runtime"
)

// Plan is a manifest, resolved against what a binary hosts: how each stream is
// hosted and what each service runs. It does not change.
type Plan struct {
	Group   string
	Slots   int
	Streams []runtime.Stream

	bindings  []boundService
	functions []*dispatch.Service
}

// boundService is a service of an aggregate, before a host runs it.
type boundService struct {
	binding *handler.Binding
	service dispatch.Service // without Run
}

// Resolve matches a manifest with what the binary hosts. Every mismatch is a
// fault that names both sides; all of them come in one *manifest.Error, with
// their lines where the file can be read.
func Resolve(file string, m *v1alpha1.AggregateService, b Binary) (*Plan, error) {
	p, err := split(b.Hosted)
	if err != nil {
		return nil, err
	}
	r := &resolver{parts: p, manifest: m, plan: &Plan{Group: m.Group(), Slots: int(m.Spec.Slots)}, bound: map[string]bool{}}
	r.metadata()
	r.streams(b.Samples)
	for i := range m.Spec.Handlers {
		r.handler(i, &m.Spec.Handlers[i])
	}
	r.unbound(b.Samples)
	if len(r.faults) > 0 {
		text, _ := os.ReadFile(file) // the lines are a help: without the file the paths say it too
		return nil, manifest.Locate(file, text, r.faults)
	}
	return r.plan, nil
}

type resolver struct {
	parts
	manifest *v1alpha1.AggregateService
	plan     *Plan
	meta     *handler.Metadata
	declared map[message.StreamName]*v1alpha1.StreamSpec
	bound    map[string]bool // stream/command and function names that a handler names
	faults   []manifest.Fault
}

func (r *resolver) fault(path, format string, args ...any) {
	r.faults = append(r.faults, manifest.Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) metadata() {
	meta, err := handler.NewMetadata(r.manifest.Spec.EventMetadata)
	if err != nil {
		r.fault("spec.eventMetadata", "%v", err)
	}
	r.meta = meta
}

func (r *resolver) streams(samples bool) {
	r.declared = map[message.StreamName]*v1alpha1.StreamSpec{}
	for i := range r.manifest.Spec.Streams {
		spec := &r.manifest.Spec.Streams[i]
		name := message.StreamName(spec.Name)
		r.declared[name] = spec
		core := r.cores[name]
		if core == nil {
			r.fault(fmt.Sprintf("spec.streams[%d].name", i), "no aggregate of this binary has the stream %q, %s: write one of those, or give the aggregate's definition to shard.Main", name, r.has(r.streamNames()))
			continue
		}
		r.plan.Streams = append(r.plan.Streams, r.stream(i, spec, core))
	}
	for _, name := range r.streamNames() {
		if r.declared[name] == nil && !samples {
			r.fault("spec.streams", "the aggregate of stream %q, which this binary hosts, is not declared: add - {name: %s}, or take its definition out of shard.Main", name, name)
		}
	}
}

func (r *resolver) stream(i int, spec *v1alpha1.StreamSpec, core *aggregate.Core) runtime.Stream {
	out := runtime.Stream{
		Core: core, Mailbox: int(spec.MailboxLimit), IdleAfter: spec.Unload.IdleAfter.Duration,
		UnloadOn: make(map[string]time.Duration, len(spec.Unload.OnEvents)),
	}
	if spec.Unload.MaxActors != nil {
		out.MaxActors = *spec.Unload.MaxActors
	}
	if spec.Unload.MemoryLimit != nil {
		out.MemoryLimit = spec.Unload.MemoryLimit.Value()
	}
	known := core.EventNames()
	for _, event := range slices.Sorted(maps.Keys(spec.Unload.OnEvents)) {
		if !slices.Contains(known, event) {
			r.fault(fmt.Sprintf("spec.streams[%d].unload.onEvents[%s]", i, event), "the aggregate of stream %q emits no event %q, %s", spec.Name, event, r.has(known))
		}
		out.UnloadOn[event] = spec.Unload.OnEvents[event].Duration
	}
	return out
}

func (r *resolver) handler(i int, spec *v1alpha1.HandlerSpec) {
	path := fmt.Sprintf("spec.handlers[%d]", i)
	service := dispatch.Service{
		Name: message.ServiceName(spec.Service), Visibility: visibilityOf(spec.Visibility),
		Info: dispatch.ServiceInfo{Timeout: spec.Timeout.Duration},
	}
	service.Access = accessOf(spec.Access)
	if spec.Access == v1alpha1.AccessRule {
		rule, err := compileRule(spec.AccessRule, r.readerOf(spec))
		if err != nil {
			r.fault(path+".accessRule", "the rule of service %q cannot be used: %v", spec.Service, err)
		}
		service.Rule = rule
	}
	if spec.IsPlain() {
		r.function(path, spec, service)
		return
	}
	r.command(path, spec, service)
}

// readerOf returns what reads the requests of a service; of one that cannot be
// resolved the faults say so elsewhere.
func (r *resolver) readerOf(spec *v1alpha1.HandlerSpec) func(*message.Message) (any, error) {
	if spec.IsPlain() {
		if f := r.functions[message.ServiceName(spec.CommandName())]; f != nil {
			return readTyped(f.RequestType())
		}
		return readRaw
	}
	if core := r.cores[message.StreamName(spec.Stream)]; core != nil {
		if cmd := core.Command(spec.CommandName()); cmd != nil {
			return readCommand(cmd)
		}
	}
	return readRaw
}

func (r *resolver) function(path string, spec *v1alpha1.HandlerSpec, service dispatch.Service) {
	name := message.ServiceName(spec.CommandName())
	f := r.functions[name]
	if f == nil {
		r.fault(path, "service %q has no stream, and this binary has no plain service %q, %s: write the stream of its aggregate, or give the service to shard.Main", spec.Service, name, r.has(slices.Sorted(maps.Keys(r.functions))))
		return
	}
	r.bound[string(name)] = true
	own := f.Service()
	service.Doc, service.Authorize, service.ChooseNode = own.Doc, own.Authorize, own.ChooseNode
	service.Run, service.Call, service.Source = own.Run, own.Call, own.Source
	if t := f.RequestType(); t != nil {
		service.Info.RequestSchema = jsonschema.Of(t)
	}
	r.plan.functions = append(r.plan.functions, &service)
}

func (r *resolver) command(path string, spec *v1alpha1.HandlerSpec, service dispatch.Service) {
	stream := message.StreamName(spec.Stream)
	core := r.cores[stream]
	if core == nil {
		return // the stream's own fault says it
	}
	cmd := core.Command(spec.CommandName())
	if cmd == nil {
		r.fault(path, "service %q runs command %q, which the aggregate of stream %q does not have, %s: write command: NAME with one of those, or register it with aggregate.Command", spec.Service, spec.CommandName(), stream, r.has(commandNames(core)))
		return
	}
	r.bound[spec.Stream+"/"+cmd.Name] = true
	if !cmd.HasField(spec.ID) {
		r.fault(path+".id", "the command %q of stream %q has no field %q for the aggregate's id, %s: write id: FIELD with the one that holds it", cmd.Name, stream, spec.ID, r.has(cmd.FieldNames()))
		return
	}
	b := &handler.Binding{
		Service: service.Name, Core: core, Command: cmd, On: onOf(spec.On), IDField: spec.ID,
		GenerateID: spec.GenerateID, CommitTimeout: spec.CommitTimeout.Duration, Metadata: r.meta,
	}
	if declared := r.declared[stream]; declared != nil {
		b.SnapshotEvery = int(declared.SnapshotEvery)
	}
	service.Doc = cmd.Doc
	service.Authorize = core.Authorize
	service.Source = fmt.Sprintf("command %s of stream %s", cmd.Name, stream)
	service.Info.Stream, service.Info.On = stream, b.On.String()
	service.Info.IDField, service.Info.GenerateID = b.IDField, b.GenerateID
	service.Info.RequestSchema = cmd.RequestSchema()
	r.plan.bindings = append(r.plan.bindings, boundService{b, service})
}

// unbound finds what is hosted and cannot be called.
func (r *resolver) unbound(samples bool) {
	for _, name := range r.streamNames() {
		if r.declared[name] == nil {
			continue
		}
		for _, command := range commandNames(r.cores[name]) {
			if !r.bound[string(name)+"/"+command] {
				r.fault("spec.handlers", "the command %q of stream %q, which this binary hosts, has no service: add - {service: %s, stream: %s, on: Existing} (or New, or MaybeNew), or take the command out of the aggregate", command, name, command, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.functions)) {
		if !samples && !r.bound[string(name)] {
			r.fault("spec.handlers", "the plain service %q, which this binary hosts, is not declared: add - {service: %s}, or take it out of shard.Main", name, name)
		}
	}
}

func (r *resolver) streamNames() []message.StreamName { return slices.Sorted(maps.Keys(r.cores)) }

// has lists what there is instead.
func (r *resolver) has(names any) string {
	list := strings.Trim(fmt.Sprint(names), "[]")
	if list == "" {
		return "it has none"
	}
	return "it has: " + strings.ReplaceAll(list, " ", ", ")
}

func commandNames(core *aggregate.Core) []string {
	var names []string
	for _, c := range core.Commands() {
		names = append(names, c.Name)
	}
	return names
}

func onOf(on v1alpha1.On) handler.On {
	switch on {
	case v1alpha1.OnNew:
		return handler.New
	case v1alpha1.OnMaybeNew:
		return handler.MaybeNew
	case v1alpha1.OnExisting:
	}
	return handler.Existing
}

func visibilityOf(v v1alpha1.Visibility) dispatch.Visibility {
	if v == v1alpha1.VisibilityPrivate {
		return dispatch.Private
	}
	return dispatch.Public
}

func accessOf(a v1alpha1.Access) dispatch.Access {
	switch a {
	case v1alpha1.AccessPublic:
		return dispatch.AccessPublic
	case v1alpha1.AccessAuthenticated:
		return dispatch.AccessAuthenticated
	case v1alpha1.AccessRule:
		return dispatch.AccessRule
	case v1alpha1.AccessDenied:
	}
	return dispatch.AccessDenied
}

// core returns the aggregate of a declared stream, or nil.
func (p *Plan) core(name message.StreamName) *aggregate.Core {
	for i := range p.Streams {
		if p.Streams[i].Core.Stream == name {
			return p.Streams[i].Core
		}
	}
	return nil
}

// allSlots returns all slots of the group, in their order.
func (p *Plan) allSlots() []ring.Slot {
	all := make([]ring.Slot, p.Slots)
	for s := range all {
		all[s] = ring.Slot(s)
	}
	return all
}

// router makes the services of one host.
func (p *Plan) router(h *runtime.Host) (*dispatch.Router, error) {
	router := &dispatch.Router{}
	services := slices.Clone(p.functions)
	for i := range p.bindings {
		bound := p.bindings[i]
		service := bound.service
		service.Run = serveOn(h, bound.binding)
		services = append(services, &service)
	}
	if err := router.Register(services...); err != nil {
		return nil, err
	}
	return router, nil
}
