package dispatch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringhold/ringhold/message"
)

// Filter chooses services by their visibility.
type Filter int8

// The filters.
const (
	AllServices Filter = iota
	PublicServices
	PrivateServices
)

func (f Filter) takes(v Visibility) bool {
	switch f {
	case PublicServices:
		return v == Public
	case PrivateServices:
		return v == Private
	case AllServices:
	}
	return true
}

// Router holds the services of one node by name. It is safe for concurrent use;
// a lookup takes no lock. The zero Router is empty and ready.
type Router struct {
	writing  sync.Mutex
	services atomic.Pointer[map[message.ServiceName]*Service]
}

// ConflictError says that two services have the same name.
type ConflictError struct{ Registered, Refused *Service }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("service %q is registered twice: for %s and for %s", e.Refused.Name, e.Registered.source(), e.Refused.source())
}

// Register adds services, all or none. To register the same one again changes
// nothing; another one of the same name is a *ConflictError. The router keeps
// the services: they must not change any more.
func (r *Router) Register(services ...*Service) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	next := maps.Clone(r.load())
	if next == nil {
		next = make(map[message.ServiceName]*Service, len(services))
	}
	if err := add(next, services); err != nil {
		return err
	}
	r.services.Store(&next)
	return nil
}

// Replace puts services in the place of all that were registered: what another
// manifest declares. With an error, all stays as it was.
func (r *Router) Replace(services ...*Service) error {
	next := make(map[message.ServiceName]*Service, len(services))
	if err := add(next, services); err != nil {
		return err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.services.Store(&next)
	return nil
}

func add(to map[message.ServiceName]*Service, services []*Service) error {
	for _, s := range services {
		if err := s.Validate(); err != nil {
			return fmt.Errorf("register a service: %w", err)
		}
		if other := to[s.Name]; other != nil && other != s {
			return &ConflictError{Registered: other, Refused: s}
		}
		to[s.Name] = s
	}
	return nil
}

// Lookup returns the service of a name, or nil.
func (r *Router) Lookup(name message.ServiceName) *Service { return r.load()[name] }

// Services returns the services that the filter takes, sorted by name.
func (r *Router) Services(f Filter) []*Service {
	all := r.load()
	out := make([]*Service, 0, len(all))
	for _, s := range all {
		if f.takes(s.Visibility) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Announcements returns what other nodes of the group are told of all services,
// sorted by name. A registry leaves out what its node may not see.
func (r *Router) Announcements() []Announcement {
	services := r.Services(AllServices)
	out := make([]Announcement, len(services))
	for i, s := range services {
		out[i] = s.Announcement()
	}
	return out
}

func (r *Router) load() map[message.ServiceName]*Service {
	if m := r.services.Load(); m != nil {
		return *m
	}
	return nil
}
