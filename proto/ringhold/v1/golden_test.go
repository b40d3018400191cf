package ringholdv1_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "write the golden files of new messages anew")

// Processes of different releases talk to each other, and clients are older
// than servers: the bytes of what they send must not change. A golden file that
// has to be changed, rather than added, is a break of the contract.
func TestWireBytesStay(t *testing.T) {
	for name, msg := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".golden")
			wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(t, wire, msg.ProtoReflect().Descriptor())
			if *update {
				writeGolden(t, file, got)
			}
			want := readGolden(t, file)
			if diff := lineDiff(want, got); diff != "" {
				t.Errorf("the wire form of %s changed (- %s, + now):\n%s",
					msg.ProtoReflect().Descriptor().FullName(), file, diff)
			}
		})
	}
}

// What an older release has written reads as it was meant.
func TestGoldenBytesRead(t *testing.T) {
	for name, want := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			got := want.ProtoReflect().New().Interface()
			wire := undump(t, readGolden(t, filepath.Join("testdata", name+".golden")))
			if err := proto.Unmarshal(wire, got); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(want, got) {
				t.Errorf("the golden bytes read as\n%s\nwant\n%s", prototext.Format(got), prototext.Format(want))
			}
		})
	}
}

// A golden file without its message would protect nothing.
func TestEveryGoldenFileHasItsMessage(t *testing.T) {
	known := fixtures(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil || len(files) != len(known) {
		t.Errorf("testdata has %d golden files, the test knows %d messages (%v)", len(files), len(known), err)
	}
}

func readGolden(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run go test ./proto/ringhold/v1 -update to write the file of a new message", err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func writeGolden(t *testing.T, file string, lines []string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lineDiff is empty for equal dumps. The lines of a dump are one field each, so
// those of one side that the other lacks tell what changed.
func lineDiff(want, got []string) string {
	if strings.Join(want, "\n") == strings.Join(got, "\n") {
		return ""
	}
	count := make(map[string]int)
	for _, line := range got {
		count[line]++
	}
	var out strings.Builder
	for _, line := range want {
		if count[line] == 0 {
			out.WriteString("- " + line + "\n")
			continue
		}
		count[line]--
	}
	for _, line := range got {
		if count[line] > 0 {
			count[line]--
			out.WriteString("+ " + line + "\n")
		}
	}
	if out.Len() == 0 {
		return "the same fields in another order"
	}
	return out.String()
}
