package wire

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/ringhold/ringhold/message"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// statusClientClosed is what proxies log when the client gave up first; no
// standard names it.
const statusClientClosed = 499

// class is what a kind of refusal means to clients that know nothing of ours.
type class struct {
	code  codes.Code
	http  int
	retry time.Duration // after which to try again; 0: it would not help
}

var classes = map[pb.Kind]class{
	pb.Kind_KIND_INVALID_REQUEST:        {code: codes.InvalidArgument, http: http.StatusBadRequest},
	pb.Kind_KIND_VALIDATION:             {code: codes.InvalidArgument, http: http.StatusUnprocessableEntity},
	pb.Kind_KIND_MISSING_ID:             {code: codes.InvalidArgument, http: http.StatusBadRequest},
	pb.Kind_KIND_MESSAGE_ID_REUSED:      {code: codes.InvalidArgument, http: http.StatusUnprocessableEntity},
	pb.Kind_KIND_NOT_FOUND:              {code: codes.NotFound, http: http.StatusNotFound},
	pb.Kind_KIND_WRONG_EXPECTED_VERSION: {code: codes.Aborted, http: http.StatusConflict},
	pb.Kind_KIND_DOMAIN:                 {code: codes.FailedPrecondition, http: http.StatusConflict},
	pb.Kind_KIND_STREAM_ERASED:          {code: codes.FailedPrecondition, http: http.StatusGone},
	pb.Kind_KIND_QUARANTINED:            {code: codes.FailedPrecondition, http: http.StatusConflict},
	pb.Kind_KIND_FORBIDDEN:              {code: codes.PermissionDenied, http: http.StatusForbidden},
	pb.Kind_KIND_UNAUTHORIZED:           {code: codes.Unauthenticated, http: http.StatusUnauthorized},
	pb.Kind_KIND_NO_SUCH_SERVICE:        {code: codes.Unimplemented, http: http.StatusNotFound},
	pb.Kind_KIND_NO_OWNER:               {codes.Unavailable, http.StatusServiceUnavailable, 500 * time.Millisecond},
	pb.Kind_KIND_NOT_OWNER:              {codes.Unavailable, http.StatusServiceUnavailable, 100 * time.Millisecond},
	pb.Kind_KIND_UNAVAILABLE:            {codes.Unavailable, http.StatusServiceUnavailable, 500 * time.Millisecond},
	pb.Kind_KIND_NO_NODES_AVAILABLE:     {codes.Unavailable, http.StatusServiceUnavailable, 500 * time.Millisecond},
	pb.Kind_KIND_TRY_ANOTHER_NODE:       {codes.Unavailable, http.StatusServiceUnavailable, 100 * time.Millisecond},
	pb.Kind_KIND_OUT_OF_ORDER:           {codes.Unavailable, http.StatusServiceUnavailable, 100 * time.Millisecond},
	pb.Kind_KIND_SERVICE_TIMEOUT:        {code: codes.DeadlineExceeded, http: http.StatusGatewayTimeout},
	pb.Kind_KIND_OUTCOME_UNKNOWN:        {code: codes.DeadlineExceeded, http: http.StatusGatewayTimeout},
	pb.Kind_KIND_MAILBOX_FULL:           {codes.ResourceExhausted, http.StatusTooManyRequests, 100 * time.Millisecond},
	pb.Kind_KIND_TOO_LARGE:              {code: codes.ResourceExhausted, http: http.StatusRequestEntityTooLarge},
	pb.Kind_KIND_PANIC:                  {code: codes.Internal, http: http.StatusInternalServerError},
	pb.Kind_KIND_INTERNAL:               {code: codes.Internal, http: http.StatusInternalServerError},
	pb.Kind_KIND_CANCELLED:              {code: codes.Canceled, http: statusClientClosed},
}

// httpOf maps the codes of a status that says no kind.
var httpOf = map[codes.Code]int{
	codes.OK:                 http.StatusOK,
	codes.Canceled:           statusClientClosed,
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.OutOfRange:         http.StatusBadRequest,
	codes.FailedPrecondition: http.StatusConflict,
	codes.Aborted:            http.StatusConflict,
	codes.AlreadyExists:      http.StatusConflict,
	codes.NotFound:           http.StatusNotFound,
	codes.Unimplemented:      http.StatusNotImplemented,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.Unauthenticated:    http.StatusUnauthorized,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
	codes.Unavailable:        http.StatusServiceUnavailable,
}

// Code returns the gRPC code of a response.
func Code(r message.Response) codes.Code {
	kind, success := kindOf(r)
	if success {
		return codes.OK
	}
	return classes[kind].code
}

// HTTPStatus returns the HTTP status of a response.
func HTTPStatus(r message.Response) int {
	if _, created := r.(message.Created); created {
		return http.StatusCreated
	}
	kind, success := kindOf(r)
	if success {
		return http.StatusOK
	}
	return classes[kind].http
}

// kindOf returns the kind of a refusal, or that the response is a success.
func kindOf(r message.Response) (kind pb.Kind, success bool) {
	switch r := r.(type) {
	case message.OK, message.Created:
		return pb.Kind_KIND_UNSPECIFIED, true
	case message.ServiceUnavailable:
		if r.NoSuchService {
			return pb.Kind_KIND_NO_SUCH_SERVICE, false
		}
		return pb.Kind_KIND_UNAVAILABLE, false
	case message.ServiceTimeout:
		return pb.Kind_KIND_SERVICE_TIMEOUT, false
	case message.OutcomeUnknown:
		return pb.Kind_KIND_OUTCOME_UNKNOWN, false
	case message.ValidationError:
		return pb.Kind_KIND_VALIDATION, false
	case message.InvalidRequest:
		return pb.Kind_KIND_INVALID_REQUEST, false
	case message.MissingID:
		return pb.Kind_KIND_MISSING_ID, false
	case message.NotFound:
		return pb.Kind_KIND_NOT_FOUND, false
	case message.WrongExpectedVersion:
		return pb.Kind_KIND_WRONG_EXPECTED_VERSION, false
	case message.Unauthorized:
		return pb.Kind_KIND_UNAUTHORIZED, false
	case message.Forbidden:
		return pb.Kind_KIND_FORBIDDEN, false
	case message.DomainError:
		return pb.Kind_KIND_DOMAIN, false
	case message.MessageIDReused:
		return pb.Kind_KIND_MESSAGE_ID_REUSED, false
	case message.MailboxFull:
		return pb.Kind_KIND_MAILBOX_FULL, false
	case message.TooLarge:
		return pb.Kind_KIND_TOO_LARGE, false
	case message.StreamErased:
		return pb.Kind_KIND_STREAM_ERASED, false
	case message.Quarantined:
		return pb.Kind_KIND_QUARANTINED, false
	case message.Crashed:
		return pb.Kind_KIND_PANIC, false
	case message.NoNodesAvailable:
		return pb.Kind_KIND_NO_NODES_AVAILABLE, false
	case message.TryAnotherNode:
		return pb.Kind_KIND_TRY_ANOTHER_NODE, false
	case message.NotOwner:
		return pb.Kind_KIND_NOT_OWNER, false
	case message.OutOfOrder:
		return pb.Kind_KIND_OUT_OF_ORDER, false
	}
	return pb.Kind_KIND_INTERNAL, false // nil: nobody answered
}
