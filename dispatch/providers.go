package dispatch

import "github.com/ringhold/ringhold/message"

// providers are the nodes that have a service, in the order in which they are
// to be tried.
type providers struct {
	info   *ServiceInfo
	local  *Runner // tried first, unless placed
	remote []Node  // never changed; this node in it is left out
	self   string
	next   int
}

// find returns who has a service; ok is false if nobody does.
func (d *Dispatcher) find(name message.ServiceName) (p providers, ok bool) {
	if d.runner != nil {
		if s := d.cfg.Local.Lookup(name); s != nil {
			p.info, p.local, p.self = &s.Info, d.runner, d.runner.ID()
		}
	}
	if d.cfg.Registry != nil {
		if o := d.cfg.Registry.offer(name); o != nil {
			p.remote = o.nodes
			if p.info == nil {
				p.info = &o.service.Info
			}
		}
	}
	return p, p.info != nil
}

// place lets the dispatcher's Place order the nodes.
func (d *Dispatcher) place(m *message.Message, p *providers) {
	if d.cfg.Place == nil {
		return
	}
	candidates := p.remote
	if p.local != nil {
		candidates = make([]Node, 0, 1+len(p.remote))
		candidates = append(candidates, p.local)
		for _, n := range p.remote {
			if n.ID() != p.self {
				candidates = append(candidates, n)
			}
		}
	}
	p.remote, p.local, p.self = d.cfg.Place(m, p.info, candidates), nil, ""
}

// take returns the next node to try, or nil.
func (p *providers) take() Node {
	if p.local != nil {
		local := p.local
		p.local = nil
		return local
	}
	for p.next < len(p.remote) {
		n := p.remote[p.next]
		p.next++
		if p.self == "" || n.ID() != p.self {
			return n
		}
	}
	return nil
}

// more reports whether there may be another one to try after the next.
func (p *providers) more() bool {
	n := len(p.remote) - p.next
	if p.local != nil {
		n++
	}
	return n > 1
}
