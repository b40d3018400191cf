package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Limits of what a caller may give every log line of its message.
const (
	MaxLogAttributes     = 32       // attributes
	MaxLogAttributeBytes = 8 * 1024 // bytes, of keys and values together
)

// MaxEnvelopeBytes is how many bytes a DispatchRequest may have beside its
// request: ids, log attributes, routing. A server takes messages of the largest
// request and this.
const MaxEnvelopeBytes = 256 * 1024

// ParseRequest reads a message from the wire, and how long its caller waits at
// most; 0 is not said. The message keeps the bytes of req, which must not
// change any more.
//
// A request that cannot be a message is answered with refusal. The message is
// returned with it as far as it could be read, for the ids of the answer; it
// has ids of its own in any case.
//
// Routing is what gateways and members tell each other: it is taken from a
// trusted sender, and refused from all others.
func ParseRequest(req *pb.DispatchRequest, trusted bool) (m *message.Message, timeout time.Duration, refusal message.Response) {
	m = &message.Message{
		InvokedAt: time.Now().UTC(), Valid: true,
		Aggregate: message.Meta{Version: message.NoVersion},
	}
	err := readIdentity(m, req)
	if err == nil {
		err = readEnvelope(m, req)
	}
	if err == nil && req.GetRouting() != nil {
		err = readRouting(m, req.GetRouting(), trusted)
	}
	if err == nil {
		timeout, err = readTimeout(req.GetTimeout())
	}
	if err == nil {
		m.Raw, err = readBody(req)
	}
	m.FillIDs()
	if err != nil {
		return m, 0, message.InvalidRequest{Reason: err.Error()}
	}
	return m, timeout, nil
}

func readIdentity(m *message.Message, req *pb.DispatchRequest) error {
	service := message.ServiceName(req.GetService())
	if err := service.Validate(); err != nil {
		return err
	}
	m.Service = service
	for _, id := range []struct {
		what string
		from string
		to   *message.ID
	}{
		{"message_id", req.GetMessageId(), &m.ID},
		{"correlation_id", req.GetCorrelationId(), &m.CorrelationID},
		{"causation_id", req.GetCausationId(), &m.CausationID},
	} {
		if id.from == "" {
			continue
		}
		if err := message.ID(id.from).Validate(); err != nil {
			return fmt.Errorf("%s: %w", id.what, err)
		}
		*id.to = message.ID(id.from)
	}
	return nil
}

// readEnvelope reads what stands beside the request.
func readEnvelope(m *message.Message, req *pb.DispatchRequest) error {
	switch req.GetDryRun() {
	case pb.DryRun_DRY_RUN_NONE:
	case pb.DryRun_DRY_RUN_DRY:
		m.DryRun = message.Dry
	case pb.DryRun_DRY_RUN_VERBOSE:
		m.DryRun = message.Verbose
	default:
		return fmt.Errorf("dry_run %d is not known", req.GetDryRun())
	}
	if req.ExpectedVersion != nil {
		expected := message.Version(req.GetExpectedVersion())
		if expected < message.NoVersion {
			return fmt.Errorf("expected_version is %d, the least is -1: no events", expected)
		}
		m.Expected = &expected
	}
	if IsTraceparent(req.GetTraceparent()) { // any other starts a trace anew, as W3C wants it
		m.Traceparent = req.GetTraceparent()
	}
	m.LogAttributes = req.GetLogAttributes()
	return checkLogAttributes(m.LogAttributes)
}

func checkLogAttributes(attributes map[string]string) error {
	if len(attributes) > MaxLogAttributes {
		return fmt.Errorf("%d log_attributes, at most %d are allowed", len(attributes), MaxLogAttributes)
	}
	size := 0
	for k, v := range attributes {
		size += len(k) + len(v)
	}
	if size > MaxLogAttributeBytes {
		return fmt.Errorf("log_attributes have %d bytes, at most %d are allowed", size, MaxLogAttributeBytes)
	}
	return nil
}

var errRouting = errors.New("routing is set, only gateways and members may do that")

func readRouting(m *message.Message, routing *pb.Routing, trusted bool) error {
	if !trusted {
		return errRouting
	}
	m.FirstAttempt = routing.GetFirstAttempt()
	m.Origin = routing.GetOriginNode()
	if caller := routing.GetCaller(); caller != nil {
		m.Caller = message.Caller{Name: caller.GetName(), Authenticated: true}
		if caller.GetClaims() != nil {
			m.Caller.Claims = caller.GetClaims().AsMap()
		}
	}
	return nil
}

func readTimeout(d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, fmt.Errorf("timeout: %w", err)
	}
	if d.AsDuration() <= 0 {
		return 0, fmt.Errorf("timeout is %v, it has to be positive", d.AsDuration())
	}
	return d.AsDuration(), nil
}

func readBody(req *pb.DispatchRequest) (message.Body, error) {
	switch request := req.GetRequest().(type) {
	case *pb.DispatchRequest_Object:
		if request.Object == nil {
			return message.Body{}, nil
		}
		b, err := objectJSON(request.Object)
		if err != nil {
			return message.Body{}, err
		}
		return message.JSONBody(b)
	case *pb.DispatchRequest_Json:
		return message.JSONBody(request.Json)
	case *pb.DispatchRequest_Message:
		if request.Message.GetTypeUrl() == "" {
			return message.Body{}, errors.New("the request's protobuf message has no type_url")
		}
		return message.ProtoBody(request.Message), nil
	}
	return message.Body{}, nil
}

// EncodeRequest returns a message as it travels; a timeout of 0 is not said.
// Routing is there if the message has something for it: a first attempt, a
// caller, an origin. A caller's claims that have no JSON form are left out.
//
// The bytes of the request and the log attributes are shared with m.
//
// It allocates once, unless there is a protobuf message, a caller or an expected
// version: the parts of the usual request are made as one.
func EncodeRequest(m *message.Message, timeout time.Duration) *pb.DispatchRequest {
	out := new(struct {
		request pb.DispatchRequest
		json    pb.DispatchRequest_Json
		routing pb.Routing
		timeout durationpb.Duration
	})
	req := &out.request
	req.Service, req.MessageId = string(m.Service), string(m.ID)
	req.CorrelationId, req.CausationId = string(m.CorrelationID), string(m.CausationID)
	req.DryRun, req.LogAttributes, req.Traceparent = encodeDryRun(m.DryRun), m.LogAttributes, m.Traceparent
	if encodeRouting(&out.routing, m) {
		req.Routing = &out.routing
	}
	switch {
	case m.Raw.Any() != nil:
		req.Request = &pb.DispatchRequest_Message{Message: m.Raw.Any()}
	case m.Raw.JSON() != nil:
		out.json.Json = m.Raw.JSON()
		req.Request = &out.json
	}
	if m.Expected != nil {
		req.ExpectedVersion = proto.Int64(int64(*m.Expected))
	}
	if timeout > 0 {
		out.timeout.Seconds, out.timeout.Nanos = int64(timeout/time.Second), int32(timeout%time.Second)
		req.Timeout = &out.timeout
	}
	return req
}

func encodeDryRun(d message.DryRun) pb.DryRun {
	switch d {
	case message.Dry:
		return pb.DryRun_DRY_RUN_DRY
	case message.Verbose:
		return pb.DryRun_DRY_RUN_VERBOSE
	case message.Real:
	}
	return pb.DryRun_DRY_RUN_NONE
}

// encodeRouting fills routing in; false: there is nothing to say.
func encodeRouting(routing *pb.Routing, m *message.Message) bool {
	known := m.Caller.Authenticated || m.Caller.Name != ""
	if !m.FirstAttempt && m.Origin == "" && !known {
		return false
	}
	routing.FirstAttempt, routing.OriginNode = m.FirstAttempt, m.Origin
	if known {
		routing.Caller = &pb.Caller{Name: m.Caller.Name, Claims: encodeClaims(m.Caller.Claims)}
	}
	return true
}

// encodeClaims goes through JSON, since claims may hold any Go type that JSON
// has a form for, and protobuf structures only those of JSON itself.
func encodeClaims(claims map[string]any) *structpb.Struct {
	if len(claims) == 0 {
		return nil
	}
	if s, err := structpb.NewStruct(claims); err == nil {
		return s
	}
	b, err := json.Marshal(claims)
	if err != nil {
		return nil
	}
	plain := map[string]any{}
	if json.Unmarshal(b, &plain) != nil {
		return nil
	}
	s, err := structpb.NewStruct(plain)
	if err != nil {
		return nil
	}
	return s
}
