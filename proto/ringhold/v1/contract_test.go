package ringholdv1_test

import (
	"fmt"
	"path/filepath"
	"sort"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
)

// Names are part of the contract as numbers are: grpcurl, JSON and the clients
// of other languages use them. Lines may be added to the list; a line that
// changes or goes is a break.
func TestNamesAndNumbersStay(t *testing.T) {
	got := contract()
	file := filepath.Join("testdata", "contract.txt")
	if *update {
		writeGolden(t, file, got)
	}
	if diff := lineDiff(readGolden(t, file), got); diff != "" {
		t.Errorf("the contract differs from its list (- %s, + now):\n%s"+
			"Only additions are compatible; list them with go test ./proto/ringhold/v1 -update", file, diff)
	}
}

// contract lists all fields, enum values and methods of the package.
func contract() []string {
	var lines []string
	pkg := pb.File_ringhold_v1_dispatcher_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			lines = append(lines, fieldLines(file.Messages().Get(i))...)
		}
		for i := range file.Enums().Len() {
			values := file.Enums().Get(i).Values()
			for j := range values.Len() {
				v := values.Get(j)
				lines = append(lines, fmt.Sprintf("%s %03d %s", v.Parent().Name(), v.Number(), v.Name()))
			}
		}
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				lines = append(lines, methodLine(methods.Get(j)))
			}
		}
		return true
	})
	sort.Strings(lines)
	return lines
}

func fieldLines(m protoreflect.MessageDescriptor) []string {
	var lines []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		kind := f.Kind().String()
		switch {
		case f.IsMap():
			kind = fmt.Sprintf("map<%s, %s>", f.MapKey().Kind(), f.MapValue().Kind())
		case f.Message() != nil:
			kind = string(f.Message().FullName())
		case f.Enum() != nil:
			kind = string(f.Enum().FullName())
		}
		presence := ""
		switch {
		case f.IsList():
			presence = "repeated "
		case f.HasOptionalKeyword():
			presence = "optional "
		case f.ContainingOneof() != nil:
			presence = string(f.ContainingOneof().Name()) + "/"
		}
		lines = append(lines, fmt.Sprintf("%s %03d %s%s %s", m.Name(), f.Number(), presence, kind, f.Name()))
	}
	return lines
}

func methodLine(m protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("%s.%s(%s%s) %s%s", m.Parent().Name(), m.Name(),
		streaming(m.IsStreamingClient()), m.Input().Name(), streaming(m.IsStreamingServer()), m.Output().Name())
}

func streaming(yes bool) string {
	if yes {
		return "stream "
	}
	return ""
}
