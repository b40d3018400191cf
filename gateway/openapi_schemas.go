package gateway

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// headerParameters are the headers of messages.
func headerParameters() object {
	header := func(name, description string, schema object) object {
		return object{"name": name, "in": "header", "description": description, "schema": schema}
	}
	id := object{"type": "string", "minLength": 1, "maxLength": 255}
	return object{
		"IdempotencyKey": header(headerMessageID, "The message's id, which a retry keeps. The gateway makes one if it is absent.", id),
		"CorrelationID":  header(headerCorrelationID, "The id of the whole conversation; the message's id unless said.", id),
		"CausationID":    header(headerCausationID, "The id of the message that caused this one.", id),
		"Timeout":        header(headerTimeoutOf, "How long the caller waits: a number of seconds, or such as 1.5s or 200ms.", object{"type": "string"}),
		"Traceparent":    header("traceparent", "The W3C trace context.", object{"type": "string"}),
		"IfMatch":        header(headerIfMatch, "The version that the aggregate must have; -1 is none yet.", object{"type": "string"}),
	}
}

// ownSchemas describes what the gateway itself writes.
func ownSchemas() object {
	text, number, integer, truth := object{"type": "string"}, object{"type": "number"}, object{"type": "integer"}, object{"type": "boolean"}
	anything := object{}
	version := object{"type": "integer", "minimum": -1}
	event := fields(object{
		"version": version, "type": text, "schema_version": integer, "data": anything, "metadata": object{"type": "object"},
		"message_id": text, "recorded_at": object{"type": "string", "format": "date-time"},
		"slot": integer, "offset": integer, "epoch": integer, "erased": truth,
	}, "version", "type")
	return object{
		"Result": fields(object{
			"result": object{"type": "string", "enum": []string{"ok", "created"}}, "id": text, "version": version,
			"value": anything, "events": object{"type": "array", "items": ref("Event")}, "message_id": text, "correlation_id": text,
		}, "result", "message_id"),
		"Status": fields(object{
			"code": object{"type": "integer", "description": "The gRPC code."}, "message": text,
			"details": object{"type": "array", "items": fields(object{
				"@type": text,
				"kind":  object{"type": "string", "description": "Of a ringhold.v1.Refusal: why, for programs to decide on.", "enum": kindNames()},
			}, "@type")},
		}, "code"),
		"Service": fields(object{
			"name": text, "doc": text, "visibility": object{"type": "string", "enum": []string{"public", "private"}},
			"access": object{"type": "string", "enum": []string{"denied", "public", "authenticated", "rule"}}, "stream": text,
			"on": object{"type": "string", "enum": []string{"New", "Existing", "MaybeNew"}}, "id_field": text, "generates_id": truth,
			"request_schema": anything,
		}, "name", "visibility", "access"),
		"Event": event,
		"Events": fields(object{
			"stream": text, "id": text, "events": object{"type": "array", "items": ref("Event")},
			"next": object{"type": "integer", "description": "Where the next page begins; absent at the end."},
		}, "stream", "id", "events"),
		"State": fields(object{
			"stream": text, "id": text, "version": version, "schema_version": integer, "state": anything, "deleted": truth, "erased": truth,
		}, "stream", "id", "version"),
		"Streams": fields(object{
			"streams": object{"type": "array", "items": fields(object{
				"stream": text, "id": text, "slot": integer, "version": version, "events": integer, "deleted": truth, "erased": truth,
			}, "stream", "id", "slot", "version", "events")},
			"next_page_token": text,
		}, "streams"),
		"Ring": fields(object{
			"version": number, "slots": integer,
			"members": object{"type": "array", "items": ref("Member")},
			"assignment": object{
				"type": "string", "contentEncoding": "base64",
				"description": "Two bytes a slot, the higher first: the index of its member in members; 65535 is nobody.",
			},
		}, "version", "slots", "members", "assignment"),
		"Member": fields(object{"id": text, "address": text, "pod": text, "pod_uid": text, "leaving": truth}, "id"),
		"Owner": fields(object{
			"stream": text, "id": text, "slot": integer, "member": ref("Member"), "epoch": integer, "ring_version": integer,
			"explanation": object{"type": "array", "items": text},
		}, "stream", "id", "slot", "ring_version", "explanation"),
	}
}

func fields(properties object, required ...string) object {
	return object{"type": "object", "properties": properties, "required": required}
}

func kindNames() []string {
	var out []string
	values := pb.Kind(0).Descriptor().Values()
	for i := range values.Len() {
		if name := string(values.Get(i).Name()); name != pb.Kind_KIND_UNSPECIFIED.String() {
			out = append(out, name)
		}
	}
	return out
}

// hoist adds the schema of a service's requests to the document's, and returns
// a reference to it. What the schema defines inside itself becomes schemas of
// the document, under the service's name, since references count from the
// document's root.
func hoist(schemas object, s *pb.ServiceInfo) object {
	var schema object
	decoder := json.NewDecoder(bytes.NewReader([]byte(s.GetRequestSchema())))
	decoder.UseNumber()
	if decoder.Decode(&schema) != nil || schema == nil {
		return object{"type": "object"}
	}
	name := "request." + s.GetName()
	relocate(schema, name)
	defined, _ := schema["$defs"].(object)
	for of, d := range defined {
		schemas[name+"."+componentName(of)] = d
	}
	delete(schema, "$defs")
	delete(schema, "$schema")
	schemas[name] = schema
	return ref(name)
}

// relocate rewrites references, in place.
func relocate(v any, name string) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			relocate(one, name)
		}
	case object:
		for key, one := range v {
			to, isText := one.(string)
			if key != "$ref" || !isText {
				relocate(one, name)
				continue
			}
			if of, inside := strings.CutPrefix(to, "#/$defs/"); inside {
				v[key] = "#/components/schemas/" + name + "." + componentName(unescapePointer(of))
			} else if to == "#" {
				v[key] = "#/components/schemas/" + name
			}
		}
	}
}

// unescapePointer reads one step of a JSON pointer that stands in a URL.
func unescapePointer(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}

// componentName keeps what names in a document may consist of.
func componentName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, s)
}
