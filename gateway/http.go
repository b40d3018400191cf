package gateway

import "net/http"

func (g *Gateway) newHTTP() *http.Server { return &http.Server{} }
