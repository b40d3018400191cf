package wire

import (
	"fmt"

	"github.com/ringhold/ringhold/message"
)

// NoVersionOf is the answer to a message that expects a version of a service
// that has no aggregate. To ignore it would run what its caller wants to run
// under a condition only.
func NoVersionOf(service message.ServiceName) message.InvalidRequest {
	return message.InvalidRequest{Reason: fmt.Sprintf("expected_version (over HTTP: If-Match) is set, and service %q has no aggregate that could be at a version: leave it out", service)}
}
