package gateway

import (
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// The document follows the OpenAPI 3.1 specification, whatever services there
// are, and each of its references leads somewhere.
func TestOpenAPIIsValid(t *testing.T) {
	odd := &pb.ServiceInfo{
		Name: "odd", Visibility: pb.Visibility_VISIBILITY_PUBLIC,
		RequestSchema: `{"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{"type":"object","properties":{"self":{"$ref":"#"},"$ref":{"type":"string"}}}}}`,
	}
	none := &pb.ServiceInfo{Name: "none.at.all", Visibility: pb.Visibility_VISIBILITY_PUBLIC, RequestSchema: "no JSON"}
	for _, admin := range []bool{true, false} {
		g := startGroup(t, 1, func(cfg *Config, members []*fakeMember) {
			cfg.Admin = admin
			members[0].services = append([]*pb.ServiceInfo{odd, none}, bank...)
		})
		text := g.do(t, "GET", "/openapi.json", "").text
		checkOpenAPI(t, text)
		for _, want := range []string{`"/v1/services/open_account"`, `"Opens an account."`, `"#/components/schemas/request.open_account.Owner"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not in the document", want)
			}
		}
		if strings.Contains(text, "audit") {
			t.Error("the document shows a private service")
		}
	}
}

func checkOpenAPI(t *testing.T, text string) {
	t.Helper()
	doc, err := libopenapi.NewDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if version := doc.GetVersion(); version != "3.1.0" {
		t.Errorf("the version is %s", version)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range model.Index.GetReferenceIndexErrors() {
		t.Errorf("reference: %v", fault)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	_, faults := v.ValidateDocument()
	for _, fault := range faults {
		t.Errorf("%s: %s", fault.Message, fault.Reason)
		for _, s := range fault.SchemaValidationErrors {
			t.Errorf("at line %d: %s", s.Line, s.Reason)
		}
	}
}

func TestOpenAPIHasAnETag(t *testing.T) {
	g := startGroup(t, 1)
	first := g.do(t, "GET", "/openapi.json", "")
	etag := first.header.Get("Etag")
	if etag == "" || first.code != 200 {
		t.Fatalf("got %d, %v", first.code, first.header)
	}
	if again := g.do(t, "GET", "/openapi.json", "", "If-None-Match", etag); again.code != 304 || again.text != "" || again.header.Get("Etag") != etag {
		t.Errorf("again: %d %v", again.code, again.header)
	}
	if other := g.do(t, "GET", "/openapi.json", "", "If-None-Match", `"other"`); other.code != 200 {
		t.Errorf("another version: %d", other.code)
	}
}
