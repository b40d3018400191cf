package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// resultJSON is a success.
type resultJSON struct {
	Result        string          `json:"result"` // ok or created
	ID            string          `json:"id,omitempty"`
	Version       *int64          `json:"version,omitempty"`
	Value         json.RawMessage `json:"value,omitempty"`
	Events        []eventJSON     `json:"events,omitempty"` // of a verbose dry run
	MessageID     string          `json:"message_id"`
	CorrelationID string          `json:"correlation_id"`
}

// postService has the body run as a message to a service.
func (g *Gateway) postService(w http.ResponseWriter, r *http.Request) {
	req, err := dispatchRequest(r)
	if err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	body, failed := g.body(w, r)
	if failed != nil {
		g.writeStatus(w, failed.http, failed.status)
		return
	}
	req.Request = &pb.DispatchRequest_Json{Json: body}
	m, timeout, refusal := wire.ParseRequest(req, false)
	var by *pb.Served
	if refusal != nil {
		m.Return(refusal)
	} else {
		m, by = g.dispatch(r.Context(), m, timeout)
	}
	g.answerHTTP(w, m, by)
}

// dispatchRequest reads all of a message but its body.
func dispatchRequest(r *http.Request) (*pb.DispatchRequest, error) {
	req := &pb.DispatchRequest{Service: r.PathValue("service")}
	values, err := query(r, "dry_run")
	if err != nil {
		return nil, err
	}
	if req.DryRun, err = dryRun(values); err != nil {
		return nil, err
	}
	for _, id := range []struct {
		header string
		to     *string
	}{
		{headerMessageID, &req.MessageId},
		{headerCorrelationID, &req.CorrelationId},
		{headerCausationID, &req.CausationId},
	} {
		if *id.to, err = idHeader(r, id.header); err != nil {
			return nil, err
		}
	}
	if req.ExpectedVersion, err = expectedVersion(r); err != nil {
		return nil, err
	}
	timeout, err := timeoutHeader(r)
	if err != nil {
		return nil, err
	}
	if timeout > 0 {
		req.Timeout = durationpb.New(timeout)
	}
	req.Traceparent = r.Header.Get(headerTraceparent)
	return req, nil
}

// dryRun reads dry_run. Without a value it is refused: who writes it at all
// does not mean to dispatch.
func dryRun(values url.Values) (pb.DryRun, error) {
	switch value := values.Get("dry_run"); {
	case !values.Has("dry_run"), value == "false":
		return pb.DryRun_DRY_RUN_NONE, nil
	case value == "true":
		return pb.DryRun_DRY_RUN_DRY, nil
	case value == "verbose":
		return pb.DryRun_DRY_RUN_VERBOSE, nil
	case value == "":
		return 0, errors.New("query parameter dry_run has no value: write dry_run=true or dry_run=verbose")
	default:
		return 0, fmt.Errorf("query parameter dry_run has to be true, verbose or false, not %q", value)
	}
}

func (g *Gateway) answerHTTP(w http.ResponseWriter, m *message.Message, by *pb.Served) {
	resp, st := wire.EncodeResponse(m, m.Response, by)
	if st != nil {
		g.refuseHTTP(w, st)
		return
	}
	out := resultJSON{Result: "ok", MessageID: resp.GetMessageId(), CorrelationID: resp.GetCorrelationId()}
	switch result := resp.GetResult().(type) {
	case *pb.DispatchResponse_Ok:
		out.Version, out.Value = result.Ok.Version, valueJSON(result.Ok.GetValue())
	case *pb.DispatchResponse_Created:
		out.Result, out.ID = "created", result.Created.GetId()
		out.Version, out.Value = result.Created.Version, valueJSON(result.Created.GetValue())
	}
	for _, e := range resp.GetEvents() {
		out.Events = append(out.Events, eventToJSON(e))
	}
	g.writeJSON(w, wire.HTTPStatus(m.Response), out)
}

// serviceJSON describes a service.
type serviceJSON struct {
	Name          string          `json:"name"`
	Doc           string          `json:"doc,omitempty"`
	Visibility    string          `json:"visibility"` // public or private
	Access        string          `json:"access"`     // denied, public, authenticated or rule
	Stream        string          `json:"stream,omitempty"`
	On            string          `json:"on,omitempty"` // New, Existing or MaybeNew
	IDField       string          `json:"id_field,omitempty"`
	GeneratesID   bool            `json:"generates_id,omitempty"`
	RequestSchema json.RawMessage `json:"request_schema,omitempty"`
}

// getServices lists services.
func (g *Gateway) getServices(w http.ResponseWriter, r *http.Request) {
	values, err := query(r, "visibility")
	if err != nil {
		g.refuseHTTP(w, invalid(err.Error()))
		return
	}
	visibility, known := map[string]pb.Visibility{
		"public": pb.Visibility_VISIBILITY_PUBLIC, "private": pb.Visibility_VISIBILITY_PRIVATE, "all": pb.Visibility_VISIBILITY_ALL,
	}[values.Get("visibility")]
	if !known && values.Has("visibility") {
		g.refuseHTTP(w, status.Newf(codes.InvalidArgument, "query parameter visibility has to be public, private or all, not %q", values.Get("visibility")))
		return
	}
	out := []serviceJSON{}
	for _, s := range g.members.now.Load().list(visibility) {
		out = append(out, serviceToJSON(s))
	}
	g.writeJSON(w, http.StatusOK, map[string]any{"services": out})
}

func serviceToJSON(s *pb.ServiceInfo) serviceJSON {
	a := announcement(s)
	out := serviceJSON{
		Name: s.GetName(), Doc: s.GetDoc(), Visibility: a.Visibility.String(), Access: a.Access.String(),
		Stream: s.GetStream(), On: a.Info.On, IDField: s.GetIdField(), GeneratesID: s.GetGeneratesId(),
	}
	if json.Valid([]byte(s.GetRequestSchema())) {
		out.RequestSchema = json.RawMessage(s.GetRequestSchema())
	}
	return out
}
