package gateway

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// foreign says why a request comes from a web page of somebody else, or
// returns "". Nobody else is asked who they are yet, so a page that a person
// happens to look at must not reach what listens on that person's machine, not
// even to read.
//
// Browsers say in Sec-Fetch-Site where a request comes from, and older ones at
// least their Origin. A page whose own name was made to point here (DNS
// rebinding) passes both; its name betrays it.
func (g *Gateway) foreign(r *http.Request) string {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
	case "":
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Host != r.Host {
				return "cross-origin requests are refused: the request comes from " + origin
			}
		}
	default:
		return "cross-origin requests are refused: the browser says that the request is " + site
	}
	if g.cfg.Admin && onLoopback(r) && !isLocalName(r.Host) {
		return "on loopback the gateway answers to localhost and addresses only, not to the name " + r.Host
	}
	return ""
}

func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func isLocalName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}
