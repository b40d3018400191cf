package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ringhold/ringhold/message"
)

// emptyID is what is wrong with an id that is written, but empty.
const emptyID = "is empty: a message id has 1 to 255 bytes; leave it out for a new one"

// given returns an id, empty if there is none.
func given(id *message.ID) message.ID {
	if id == nil {
		return ""
	}
	return *id
}

// twice reports a field of a message, or of its log attributes, that a line has
// twice. A request's own fields are not its affair: JSONBody sees to those.
func twice(object []byte) error { return twiceIn(object, strings.ToLower) } // as the reader takes fields

func twiceIn(object []byte, fold func(string) string) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return lineFault(err)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return lineFault(err)
		}
		name, _ := token.(string)
		field := fold(name)
		if seen[field] {
			return fmt.Errorf("%q is written twice: remove one of them", name)
		}
		seen[field] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return lineFault(err)
		}
		if field == "log_attributes" {
			if err := twiceIn(value, strings.Clone); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
		}
	}
	return nil
}

// check reports all that is wrong with a message.
func (in *lineJSON) check() (message.Body, error) {
	var faults []string
	fault := func(field string, err error) {
		if err != nil {
			faults = append(faults, field+": "+err.Error())
		}
	}
	if in.Service == "" {
		faults = append(faults, `"service" is missing: name it, or give SERVICE on the command line`)
	} else {
		fault("service", in.Service.Validate())
	}
	for _, one := range []struct {
		field string
		id    *message.ID
	}{{"id", in.ID}, {"correlation_id", in.CorrelationID}, {"causation_id", in.CausationID}} {
		switch {
		case one.id == nil:
		case *one.id == "" && one.field == "id":
			faults = append(faults, one.field+" "+emptyID)
		default:
			fault(one.field, one.id.Validate())
		}
	}
	if in.Expected != nil && *in.Expected < message.NoVersion {
		faults = append(faults, fmt.Sprintf("expected_version: is %d, the least is -1: no events", *in.Expected))
	}
	body, err := message.JSONBody(in.RawRequest)
	fault("raw_request", err)
	if len(faults) > 0 {
		return message.Body{}, errors.New(strings.Join(faults, "; "))
	}
	return body, nil
}
