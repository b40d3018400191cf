package dispatch

import (
	"context"
	"fmt"
	"reflect"
	goruntime "runtime"

	"github.com/ringhold/ringhold/message"
)

// FuncService is a service without an aggregate: a query, a greeting, an
// adapter. Every node that hosts it can run it. It is made in a package
// variable and does not change once it is hosted.
type FuncService struct {
	service Service
	request reflect.Type
}

// Func makes a service of a function, which runs in a goroutine of its own. It
// returns the answer, as in
//
//	return m.OK("hello").Response
//
// or nil for none, and then the caller times out. The context stays alive when
// the caller stops waiting and ends with the process. A faulty name panics: it
// is a mistake in the program.
func Func(name message.ServiceName, call func(ctx context.Context, m *message.Message) message.Response) *FuncService {
	f := newFunc(name, call, call == nil)
	f.service.Call = call
	return f
}

// Typed is Func for requests of type C, which is read from the request's JSON,
// or from its protobuf message where C is one. A request that cannot be read is
// answered with a ValidationError that names the field, and call does not run.
func Typed[C any](name message.ServiceName, call func(ctx context.Context, m *message.Message, request C) message.Response) *FuncService {
	f := newFunc(name, call, call == nil)
	f.request = reflect.TypeFor[C]()
	f.service.Call = func(ctx context.Context, m *message.Message) message.Response {
		request, faults := read[C](m)
		if m.PutRequest(request, faults); m.Halted {
			return m.Response
		}
		return call(ctx, m, request)
	}
	return f
}

func newFunc(name message.ServiceName, call any, missing bool) *FuncService {
	if err := name.Validate(); err != nil {
		panic("dispatch.Func: " + err.Error())
	}
	if missing {
		panic(fmt.Sprintf("dispatch.Func: service %q has no function", name))
	}
	source := "a function"
	if f := goruntime.FuncForPC(reflect.ValueOf(call).Pointer()); f != nil {
		source = "function " + f.Name()
	}
	return &FuncService{service: Service{Name: name, Source: source}}
}

// Doc describes the service for people: it is shown where services are listed.
func (f *FuncService) Doc(doc string) *FuncService {
	f.service.Doc = doc
	return f
}

// Authorize sets the service's own check, which runs before each message. It
// returns nil to allow, otherwise the answer. Access has to allow the caller too.
func (f *FuncService) Authorize(check func(*message.Message) message.Response) *FuncService {
	f.service.Authorize = check
	return f
}

// ChooseNode sets what names the node that shall run a message; "" is the one
// that has it.
func (f *FuncService) ChooseNode(choose func(*message.Message) string) *FuncService {
	f.service.ChooseNode = choose
	return f
}

// Access says who may call the service where no manifest says it.
func (f *FuncService) Access(a Access) *FuncService {
	f.service.Access = a
	return f
}

// Private makes the service private where no manifest says it.
func (f *FuncService) Private() *FuncService {
	f.service.Visibility = Private
	return f
}

// Service returns the service, the same one each time. A host that gives it
// another name or access registers a copy.
func (f *FuncService) Service() *Service { return &f.service }

// RequestType returns the type of the requests of a Typed service, for their
// schema; nil for any other.
func (f *FuncService) RequestType() reflect.Type { return f.request }

// read reads a typed request.
func read[C any](m *message.Message) (request C, faults message.Violations) {
	t := reflect.TypeFor[C]()
	if t.Kind() == reflect.Pointer { // protobuf messages among them
		v := reflect.New(t.Elem())
		err := m.Raw.Decode(v.Interface())
		return v.Interface().(C), message.FaultsOf(err)
	}
	err := m.Raw.Decode(&request)
	return request, message.FaultsOf(err)
}
