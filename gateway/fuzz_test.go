package gateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzHTTP sends any bytes that net/http takes for a request through all
// routes: each is answered in JSON, and none makes the gateway fail.
func FuzzHTTP(f *testing.F) {
	for _, request := range []string{
		"POST /v1/services/deposit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18\r\nIdempotency-Key: \"m\"\r\nIf-Match: \"3\"\r\nRinghold-Timeout: 1s\r\n\r\n{\"account_id\":\"a\"}",
		"POST /v1/services/open_account?dry_run=verbose HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /v1/streams/accounts/a%2Fb/events?from=1&limit=2 HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n",
		"GET /v1/streams/accounts/%00/state?version=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"DELETE /v1/streams/accounts/a?hard=true&confirm=a HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n\r\n",
		"GET /v1/streams?prefix=a&page_token=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET //v1/../ring HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	g := startGroup(f, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		g.gateway.http.Handler.ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusGatewayTimeout {
			t.Fatalf("%q is answered %d %s", b, w.Code, w.Body)
		}
		if w.Code != http.StatusNotModified && (!json.Valid(w.Body.Bytes()) || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json")) {
			t.Fatalf("%q is answered %q", b, w.Body)
		}
	})
}
