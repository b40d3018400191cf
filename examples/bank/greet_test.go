package bank

import (
	"testing"

	"github.com/ringhold/ringhold/message"
)

func TestGreet(t *testing.T) {
	for request, want := range map[string]string{
		`{"name": "Ada"}`: `"Hello, Ada!"`,
		`{}`:              `"Hello, world!"`,
		``:                `"Hello, world!"`,
	} {
		body, err := message.JSONBody([]byte(request))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Greet.Service().Call(t.Context(), message.New("greet", body)).(message.OK)
		if !ok || string(got.Value.JSON) != want {
			t.Errorf("greet %s answers %v %s, want %s", request, ok, got.Value.JSON, want)
		}
	}
}
