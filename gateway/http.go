package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Limits of one HTTP connection. What a message may take is bounded by its own
// timeout; these bound clients that send or read too slowly.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute // of a request's body; less if its caller waits less
	unreadTimeout = time.Second // of a body that nobody wants to read, before its connection is closed
	writeTimeout  = time.Minute // of an answer, once it is there
	idleTimeout   = 2 * time.Minute
)

func (g *Gateway) newHTTP() *http.Server {
	return &http.Server{
		Handler:           &httpDoor{gateway: g, mux: g.paths()},
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.cfg.Logger.Handler(), slog.LevelDebug),
	}
}

// paths is the one list of what is served over HTTP.
func (g *Gateway) paths() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/services/{service}", g.postService)
	mux.HandleFunc("GET /v1/services", g.getServices)
	mux.HandleFunc("GET /openapi.json", g.getOpenAPI)
	mux.HandleFunc("GET /healthz", g.getHealth)
	mux.HandleFunc("GET /readyz", g.getReady)
	if !g.cfg.Admin {
		return mux
	}
	mux.HandleFunc("GET /v1/streams", g.getStreams)
	mux.HandleFunc("GET /v1/streams/{stream}", g.getStreams)
	mux.HandleFunc("DELETE /v1/streams/{stream}/{id}", g.deleteStream)
	mux.HandleFunc("GET /v1/streams/{stream}/{id}/events", g.getEvents)
	mux.HandleFunc("GET /v1/streams/{stream}/{id}/state", g.getState)
	mux.HandleFunc("POST /v1/actors/{stream}/{id}/unload", g.unloadActor)
	mux.HandleFunc("GET /v1/ring", g.getRing)
	mux.HandleFunc("GET /v1/owner/{stream}/{id}", g.getOwner)
	return mux
}

// httpDoor is in front of all routes: it keeps foreign sites out, answers in
// JSON what no route takes, and keeps a panic from its connection.
type httpDoor struct {
	gateway *Gateway
	mux     *http.ServeMux
}

func (d *httpDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, leave := d.gateway.enter(w, r)
	defer leave()
	defer func() {
		if v := recover(); v != nil {
			err := d.gateway.panicked(r.Context(), r.Method+" "+r.URL.EscapedPath(), v)
			d.gateway.refuseHTTP(w, status.Convert(err))
		}
	}()
	if reason := d.gateway.foreign(r); reason != "" {
		d.gateway.refuseHTTP(w, status.New(codes.PermissionDenied, reason))
		return
	}
	if p := r.URL.EscapedPath(); p != path.Clean(p) {
		d.gateway.refuseHTTP(w, status.Newf(codes.InvalidArgument, "the path %s has an empty segment or a dot for one: write an id percent-encoded, it has at least one byte", p))
		return
	}
	handler, pattern := d.mux.Handler(r)
	if pattern == "" {
		d.noRoute(w, r, handler)
		return
	}
	d.mux.ServeHTTP(w, r)
}

// noRoute answers in JSON what the mux would say in plain text.
func (d *httpDoor) noRoute(w http.ResponseWriter, r *http.Request, muxSays http.Handler) {
	said := refusalRecorder{header: http.Header{}}
	muxSays.ServeHTTP(&said, r)
	if said.code != http.StatusMethodNotAllowed {
		d.gateway.writeStatus(w, http.StatusNotFound, status.New(codes.NotFound, "there is nothing at "+r.URL.EscapedPath()+
			": GET /v1/services lists what can be called with POST /v1/services/{service}, GET /openapi.json describes everything that is served here"))
		return
	}
	allow := said.header.Get("Allow")
	w.Header().Set("Allow", allow)
	d.gateway.writeStatus(w, http.StatusMethodNotAllowed, status.New(codes.Unimplemented,
		fmt.Sprintf("%s takes %s, not %s", r.URL.EscapedPath(), strings.ReplaceAll(allow, ", ", " or "), r.Method)))
}

// refusalRecorder keeps the status and headers of an answer and drops its body.
type refusalRecorder struct {
	header http.Header
	code   int
}

func (r *refusalRecorder) Header() http.Header         { return r.header }
func (r *refusalRecorder) WriteHeader(code int)        { r.code = code }
func (r *refusalRecorder) Write(b []byte) (int, error) { return len(b), nil }

// getHealth answers as long as the process serves.
func (g *Gateway) getHealth(w http.ResponseWriter, _ *http.Request) {
	g.writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// getReady answers whether messages can be routed.
func (g *Gateway) getReady(w http.ResponseWriter, _ *http.Request) {
	switch {
	case g.ready():
		g.writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	case g.isDraining():
		g.refuseHTTP(w, status.New(codes.Unavailable, "the gateway is stopping"))
	default:
		g.refuseHTTP(w, status.New(codes.Unavailable, "the gateway has no ring, or no member has told its services yet"))
	}
}
