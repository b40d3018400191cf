package bank

import (
	"context"
	"fmt"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/message"
)

// Greet is a service without an aggregate: any member runs it, nothing is
// stored. Queries and adapters to other systems look like this.
var Greet = dispatch.Typed("greet", greet).Doc("Greets whoever is named.")

// Greeting is the request of greet.
type Greeting struct {
	Name string `json:"name,omitempty"`
}

func greet(_ context.Context, m *message.Message, g Greeting) message.Response {
	if g.Name == "" {
		g.Name = "world"
	}
	return m.OK(fmt.Sprintf("Hello, %s!", g.Name)).Response
}
