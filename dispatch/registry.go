package dispatch

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringhold/ringhold/message"
)

// RegistryConfig says what a registry shows.
type RegistryConfig struct {
	// SeesPrivate shows private services too: for nodes of the same group.
	// Gateways see public ones only.
	SeesPrivate bool
	Observer    Observer // of who joins and leaves; may be nil
}

// Registry knows the other nodes and the services that they announced. It is
// safe for concurrent use; a lookup takes no lock.
type Registry struct {
	cfg RegistryConfig

	writing sync.Mutex
	joined  []joined // in the order in which they joined
	now     atomic.Pointer[offers]
}

type joined struct {
	node     Node
	services []Announcement
}

// offers is what all nodes together offer; it never changes.
type offers struct {
	byName map[message.ServiceName]*offer
	nodes  map[string]Node
}

type offer struct {
	service Announcement // of the node that joined last
	nodes   []Node       // in the order in which they joined
}

// NewRegistry returns a registry without nodes.
func NewRegistry(cfg RegistryConfig) *Registry {
	r := &Registry{cfg: cfg}
	r.now.Store(&offers{})
	return r
}

// Join adds a node with its services. A node of the same id is replaced, with
// all that it announced, and keeps its place.
func (r *Registry) Join(node Node, services []Announcement) {
	r.writing.Lock()
	defer r.writing.Unlock()
	entry := joined{node, slices.Clone(services)}
	if i := r.find(node.ID()); i >= 0 {
		r.joined[i] = entry
		r.publish()
		return
	}
	r.joined = append(r.joined, entry)
	r.publish()
	r.observe(StepJoined, node.ID())
}

// Leave removes a node, and its services unless others have them. It does
// nothing if no such node has joined.
func (r *Registry) Leave(id string) {
	r.writing.Lock()
	defer r.writing.Unlock()
	i := r.find(id)
	if i < 0 {
		return
	}
	r.joined = slices.Delete(r.joined, i, i+1)
	r.publish()
	r.observe(StepLeft, id)
}

// Node returns the node of an id, or nil.
func (r *Registry) Node(id string) Node { return r.now.Load().nodes[id] }

// Nodes returns all nodes in the order in which they joined.
func (r *Registry) Nodes() []Node {
	r.writing.Lock()
	defer r.writing.Unlock()
	out := make([]Node, len(r.joined))
	for i, j := range r.joined {
		out[i] = j.node
	}
	return out
}

// Providers returns the nodes that have a service, in the order in which they
// joined. The slice must not be changed.
func (r *Registry) Providers(name message.ServiceName) []Node {
	if o := r.offer(name); o != nil {
		return o.nodes
	}
	return nil
}

// Services returns what is on offer, sorted by name.
func (r *Registry) Services(f Filter) []Announcement {
	var out []Announcement
	for _, o := range r.now.Load().byName {
		if f.takes(o.service.Visibility) {
			out = append(out, o.service)
		}
	}
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b Announcement) int { return cmp.Compare(a.Name, b.Name) }

func (r *Registry) offer(name message.ServiceName) *offer { return r.now.Load().byName[name] }

func (r *Registry) find(id string) int {
	return slices.IndexFunc(r.joined, func(j joined) bool { return j.node.ID() == id })
}

// publish makes what has joined visible. The caller holds the lock.
func (r *Registry) publish() {
	next := &offers{byName: map[message.ServiceName]*offer{}, nodes: map[string]Node{}}
	for _, j := range r.joined {
		next.nodes[j.node.ID()] = j.node
		for _, s := range j.services {
			if s.Visibility == Private && !r.cfg.SeesPrivate {
				continue
			}
			o := next.byName[s.Name]
			if o == nil {
				o = &offer{}
				next.byName[s.Name] = o
			}
			o.service = s
			o.nodes = append(o.nodes, j.node)
		}
	}
	for _, o := range next.byName {
		o.nodes = slices.Clip(o.nodes)
	}
	r.now.Store(next)
}

func (r *Registry) observe(step Step, id string) {
	if r.cfg.Observer != nil {
		r.cfg.Observer.Observe(Event{Step: step, Node: id})
	}
}
