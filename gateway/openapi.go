package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// openAPI keeps the document until the services change.
type openAPI struct {
	now atomic.Pointer[openAPIDocument]
}

type openAPIDocument struct {
	of   *catalogue
	body []byte
	etag string
}

// getOpenAPI describes everything that is served over HTTP.
func (g *Gateway) getOpenAPI(w http.ResponseWriter, r *http.Request) {
	doc, err := g.openAPI.document(g.members.now.Load(), g.cfg.Admin)
	if err != nil {
		g.cfg.Logger.ErrorContext(r.Context(), "no OpenAPI document", slog.Any("error", err))
		g.refuseHTTP(w, status.New(codes.Internal, "the document cannot be written; the gateway's log says more"))
		return
	}
	w.Header().Set("Etag", doc.etag)
	w.Header().Set("Cache-Control", "no-cache") // keep it, but ask whether it is the newest
	if r.Header.Get("If-None-Match") == doc.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	g.write(w, http.StatusOK, doc.body)
}

func (o *openAPI) document(of *catalogue, admin bool) (*openAPIDocument, error) {
	if doc := o.now.Load(); doc != nil && doc.of == of {
		return doc, nil
	}
	body, err := json.MarshalIndent(describe(of.list(pb.Visibility_VISIBILITY_PUBLIC), admin), "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	doc := &openAPIDocument{of: of, body: append(body, '\n'), etag: `"` + hex.EncodeToString(sum[:16]) + `"`}
	o.now.Store(doc)
	return doc, nil
}

// object is a part of the document.
type object = map[string]any

// describe writes an OpenAPI 3.1 document for public services.
func describe(services []*pb.ServiceInfo, admin bool) object {
	schemas := ownSchemas()
	paths := object{
		"/v1/services":           object{"get": listServicesOperation()},
		"/v1/services/{service}": object{"parameters": []any{pathParameter("service", "The name of any public service.", object{"type": "string", "pattern": `^[a-z][a-z0-9_.]*$`})}, "post": dispatchOperation(nil, object{"type": "object"})},
		"/openapi.json":          object{"get": operation("getOpenAPI", "Read this document", nil, okAnswer("The document.", object{"type": "object"}))},
		"/healthz":               object{"get": operation("getHealth", "Whether the process serves", nil, okAnswer("It does.", object{"type": "object"}))},
		"/readyz":                object{"get": operation("getReady", "Whether messages can be routed", nil, okAnswer("They can.", object{"type": "object"}))},
	}
	for _, s := range services {
		paths["/v1/services/"+s.GetName()] = object{"post": dispatchOperation(s, hoist(schemas, s))}
	}
	if admin {
		adminPaths(paths)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Ringhold gateway", "version": "v1",
			"description": "Commands for event-sourced aggregates. A command is durable before it is answered. Send an Idempotency-Key and keep it for a retry: a message that stored events is answered as the first time, and not run again.",
		},
		"paths": paths,
		"components": object{
			"schemas": schemas, "parameters": headerParameters(), "responses": object{"Refusal": refusalResponse()},
		},
	}
}

// operation is one method of a path. All answer refusals alike.
func operation(id, summary string, parameters []any, answers object) object {
	answers["default"] = object{"$ref": "#/components/responses/Refusal"}
	out := object{"operationId": id, "summary": summary, "responses": answers}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	return out
}

func okAnswer(description string, schema object) object {
	return object{"200": response(description, schema)}
}

func response(description string, schema object) object {
	return object{"description": description, "content": object{"application/json": object{"schema": schema}}}
}

func refusalResponse() object {
	return response("The request was refused, or could not be answered. The detail of type ringhold.v1.Refusal says why, in its kind.", ref("Status"))
}

func ref(schema string) object { return object{"$ref": "#/components/schemas/" + schema} }

// dispatchOperation sends a message to a service; nil is any.
func dispatchOperation(s *pb.ServiceInfo, request object) object {
	id, summary := "dispatch", "Dispatch a message to any public service"
	if s != nil {
		id, summary = "dispatch."+s.GetName(), "Dispatch "+s.GetName()
	}
	parameters := []any{
		object{"name": "dry_run", "in": "query", "description": "Answer as if it ran, and store nothing; verbose answers the events too.", "schema": object{"type": "string", "enum": []string{"true", "verbose", "false"}}},
	}
	for _, name := range []string{"IdempotencyKey", "Timeout", "CorrelationID", "CausationID", "Traceparent", "IfMatch"} {
		parameters = append(parameters, object{"$ref": "#/components/parameters/" + name})
	}
	out := operation(id, summary, parameters, object{
		"200": response("The service answered, or the command was accepted.", ref("Result")),
		"201": response("The command created its aggregate.", ref("Result")),
	})
	if s.GetDoc() != "" {
		out["description"] = s.GetDoc()
	}
	out["requestBody"] = object{"content": object{"application/json": object{"schema": request}}}
	return out
}

func listServicesOperation() object {
	visibility := object{
		"name": "visibility", "in": "query", "description": "Which services; the public ones unless said.",
		"schema": object{"type": "string", "enum": []string{"public", "private", "all"}},
	}
	return operation("listServices", "List services", []any{visibility},
		okAnswer("The services, sorted by name.", list("services", ref("Service"))))
}

// list is an object that holds a list.
func list(field string, of object) object {
	return object{"type": "object", "required": []string{field}, "properties": object{field: object{"type": "array", "items": of}}}
}

func pathParameter(name, description string, schema object) object {
	return object{"name": name, "in": "path", "required": true, "description": description, "schema": schema}
}
