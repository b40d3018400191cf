package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringhold/ringhold/message"
	"github.com/ringhold/ringhold/message/wire"
)

// bodyError says why a body was not read, with the status that HTTP has for it.
type bodyError struct {
	http   int
	status *status.Status
}

func (e *bodyError) Error() string { return e.status.Message() }

// body reads a JSON body within the limits of size and time. What curl -d says
// of its body when nobody tells it is let pass: the body has to be JSON anyway,
// and foreign sites do not come this far.
func (g *Gateway) body(w http.ResponseWriter, r *http.Request) ([]byte, *bodyError) {
	if err := checkContentType(r.Header); err != nil {
		return nil, &bodyError{http.StatusUnsupportedMediaType, status.New(codes.InvalidArgument, err.Error())}
	}
	limit := g.cfg.MaxMessageBytes
	if r.ContentLength > int64(limit) {
		return nil, g.tooLarge(w, int(min(r.ContentLength, int64(^uint(0)>>1))))
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if err == nil {
		return b, nil
	}
	w.Header().Set("Connection", "close") // what is left of it is nothing to wait for
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, g.tooLarge(w, 0)
	case errors.Is(err, os.ErrDeadlineExceeded) && g.arrivals.ended():
		return nil, &bodyError{http.StatusServiceUnavailable, status.New(codes.Unavailable, "the gateway is stopping, and the body has not come")}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &bodyError{http.StatusRequestTimeout, status.Newf(codes.DeadlineExceeded, "the body did not come within %v", g.bodyTimeout(r))}
	}
	return nil, &bodyError{http.StatusBadRequest, status.Newf(codes.InvalidArgument, "read the body: %v", err)}
}

// tooLarge closes the connection too, rather than read what is left.
func (g *Gateway) tooLarge(w http.ResponseWriter, size int) *bodyError {
	w.Header().Set("Connection", "close")
	r := message.TooLarge{What: "request", Size: size, Limit: g.cfg.MaxMessageBytes}
	_, st := wire.EncodeResponse(&message.Message{}, r, nil)
	return &bodyError{wire.HTTPStatus(r), st}
}

func checkContentType(h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fmt.Errorf("Content-Encoding %q is not taken: send the JSON as it is", encoding)
	}
	given := h.Get("Content-Type")
	if given == "" {
		return nil
	}
	kind, parameters, err := mime.ParseMediaType(given)
	charset, named := parameters["charset"]
	switch {
	case err != nil:
		return fmt.Errorf("Content-Type %q cannot be read: use application/json", given)
	case kind != "application/json" && kind != "application/x-www-form-urlencoded":
		return fmt.Errorf("Content-Type %q is not taken: use application/json", given)
	case named && !strings.EqualFold(charset, "utf-8"):
		return fmt.Errorf("charset %q is not taken: JSON is UTF-8", charset)
	}
	return nil
}
