package shard

import (
	"fmt"
	"strings"

	"github.com/ringhold/ringhold/aggregate"
	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// Hosted is what a binary can host: an *aggregate.Definition or a
// *dispatch.FuncService.
type Hosted interface {
	// Describe says what it is, for lists and errors.
	Describe() string
}

// Binary is what one shard binary hosts.
type Binary struct {
	// Name of the command, for help; default "shard".
	Name string
	// Hosted are the aggregates and plain services.
	Hosted []Hosted
	// Samples says that a manifest need not declare all of them: a binary with
	// examples hosts those that the manifest names.
	Samples bool
}

// parts are the hosted things by kind.
type parts struct {
	cores     map[message.StreamName]*aggregate.Core
	functions map[message.ServiceName]*dispatch.FuncService
}

// split sorts what is hosted by kind; two of one name are an error.
func split(hosted []Hosted) (parts, error) {
	p := parts{cores: map[message.StreamName]*aggregate.Core{}, functions: map[message.ServiceName]*dispatch.FuncService{}}
	var faults []string
	for _, one := range hosted {
		switch one := one.(type) {
		case aggregate.Hosted:
			core := one.Core()
			if p.cores[core.Stream] != nil {
				faults = append(faults, fmt.Sprintf("two aggregates have the stream %q", core.Stream))
			}
			p.cores[core.Stream] = core
		case *dispatch.FuncService:
			name := one.Service().Name
			if p.functions[name] != nil {
				faults = append(faults, fmt.Sprintf("two plain services have the name %q", name))
			}
			p.functions[name] = one
		default:
			faults = append(faults, fmt.Sprintf("a %T cannot be hosted: give aggregate definitions and plain services", one))
		}
	}
	if len(faults) > 0 {
		return parts{}, fmt.Errorf("this binary hosts what does not fit together: %s", strings.Join(faults, "; "))
	}
	return p, nil
}
