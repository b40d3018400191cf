package client

import (
	"context"
	"encoding/json"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Service describes a service.
type Service struct {
	Name message.ServiceName
	Doc  string // what it does, in its author's words
	// Private services can be called by members of the same deployment only.
	Private bool
	Stream  message.StreamName // of its aggregate; empty if it has none
	On      On                 // which aggregates it works on
	IDField string             // the request's field with the aggregate's id; empty if it has none
	// GeneratesID says that an id is made if the request has none.
	GeneratesID bool
	// RequestSchema is the JSON Schema of the request; nil if it takes any.
	RequestSchema json.RawMessage
	Access        Access
}

// On is which aggregates a service works on.
type On string

// What a service works on.
const (
	OnNone     On = "" // it has no aggregate
	OnNew      On = "New"
	OnExisting On = "Existing"
	OnMaybeNew On = "MaybeNew"
)

// Access is whom the manifest lets call a service. What is not known is Denied.
type Access string

// Whom the manifest lets call a service.
const (
	AccessDenied        Access = "Denied"
	AccessPublic        Access = "Public"
	AccessAuthenticated Access = "Authenticated"
	AccessRule          Access = "Rule"
)

// ServicesOptions choose services.
type ServicesOptions struct {
	Private bool // private services too
}

// Services lists the services of the deployment, sorted by name.
func (c *Client) Services(ctx context.Context, o ServicesOptions) ([]Service, error) {
	req := &pb.ListServicesRequest{Visibility: pb.Visibility_VISIBILITY_PUBLIC}
	if o.Private {
		req.Visibility = pb.Visibility_VISIBILITY_ALL
	}
	answer, err := call(ctx, c, "list services", 0, c.dispatcher.ListServices, req)
	if err != nil {
		return nil, err
	}
	var out []Service
	for _, s := range answer.GetServices() {
		out = append(out, service(s))
	}
	return out, nil
}

func service(s *pb.ServiceInfo) Service {
	out := Service{
		Name: message.ServiceName(s.GetName()), Doc: s.GetDoc(),
		Private: s.GetVisibility() == pb.Visibility_VISIBILITY_PRIVATE,
		Stream:  message.StreamName(s.GetStream()), IDField: s.GetIdField(), GeneratesID: s.GetGeneratesId(),
		On: ons[s.GetOn()], Access: AccessDenied,
	}
	if s.GetRequestSchema() != "" {
		out.RequestSchema = json.RawMessage(s.GetRequestSchema())
	}
	if access, known := accesses[s.GetAccess()]; known {
		out.Access = access
	}
	return out
}

var ons = map[pb.On]On{
	pb.On_ON_NEW: OnNew, pb.On_ON_EXISTING: OnExisting, pb.On_ON_MAYBE_NEW: OnMaybeNew,
}

var accesses = map[pb.Access]Access{
	pb.Access_ACCESS_DENIED: AccessDenied, pb.Access_ACCESS_PUBLIC: AccessPublic,
	pb.Access_ACCESS_AUTHENTICATED: AccessAuthenticated, pb.Access_ACCESS_RULE: AccessRule,
}
