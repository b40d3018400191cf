package ringholdv1_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// dump writes wire bytes with one field a line: the bytes in hex, then, behind
// "#", the field's number and name and, if it is readable, its value. The bytes
// of a nested message follow on lines of their own, indented. The hex of all
// lines together is the message; [undump] gives it back.
func dump(t *testing.T, wire []byte, desc protoreflect.MessageDescriptor) []string {
	t.Helper()
	var lines []string
	for len(wire) > 0 {
		number, kind, tag := protowire.ConsumeTag(wire)
		size := protowire.ConsumeFieldValue(number, kind, wire[max(tag, 0):])
		if tag < 0 || size < 0 {
			t.Fatalf("%s: broken wire bytes %x", desc.FullName(), wire)
		}
		field := desc.Fields().ByNumber(number)
		if field == nil {
			t.Fatalf("%s has no field %d", desc.FullName(), number)
		}
		lines = append(lines, dumpField(t, field, wire[:tag], wire[tag:tag+size])...)
		wire = wire[tag+size:]
	}
	return lines
}

func dumpField(t *testing.T, field protoreflect.FieldDescriptor, tag, value []byte) []string {
	t.Helper()
	name := fmt.Sprintf("%d %s", field.Number(), field.Name())
	if field.Kind() != protoreflect.MessageKind {
		return []string{line(append(tag[:len(tag):len(tag)], value...), name+readable(field, value))}
	}
	content, size := protowire.ConsumeBytes(value)
	if size < 0 {
		t.Fatalf("%s: broken wire bytes %x", field.FullName(), value)
	}
	head := value[:len(value)-len(content)]
	lines := []string{line(append(tag[:len(tag):len(tag)], head...), name+" "+string(field.Message().FullName()))}
	for _, inner := range dump(t, content, field.Message()) {
		lines = append(lines, "  "+inner)
	}
	return lines
}

// line is one line of a dump.
func line(wire []byte, comment string) string {
	return fmt.Sprintf("% x  # %s", wire, comment)
}

// readable is how a person writes the value, with " = " before it.
func readable(field protoreflect.FieldDescriptor, value []byte) string {
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		content, _ := protowire.ConsumeBytes(value)
		return fmt.Sprintf(" = %q", content)
	case protoreflect.EnumKind:
		n, _ := protowire.ConsumeVarint(value)
		if v := field.Enum().Values().ByNumber(protoreflect.EnumNumber(n)); v != nil {
			return fmt.Sprintf(" = %s", v.Name())
		}
		return fmt.Sprintf(" = %d", n)
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		n, _ := protowire.ConsumeVarint(value)
		return fmt.Sprintf(" = %d", int64(n))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind:
		n, _ := protowire.ConsumeVarint(value)
		return fmt.Sprintf(" = %d", n)
	}
	return ""
}

// undump gives the wire bytes of a dump back.
func undump(t *testing.T, lines []string) []byte {
	t.Helper()
	var wire []byte
	for _, l := range lines {
		digits, _, _ := strings.Cut(l, "#")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatalf("line %q: %v", l, err)
		}
		wire = append(wire, b...)
	}
	return wire
}
