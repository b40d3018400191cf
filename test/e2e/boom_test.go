package e2e

import "testing"

// A panic fails its command only; an aggregate whose events keep panicking is
// quarantined alone, and its slot goes on.
func TestPanic_StaysWithItsAggregate(t *testing.T) {
	d := startDev(t, boom, "test/e2e/boom/aggregateservice.yaml")
	expect := func(body string, status int, part string) {
		t.Helper()
		got, answer := d.post("count", body)
		if got != status {
			t.Errorf("%s: status %d, want %d: %s", body, got, status, answer)
		}
		contains(t, answer, part)
	}
	expect(`{"id":"a"}`, 200, `"version":0`)
	expect(`{"id":"a","where":"decide"}`, 500, "KIND_PANIC")
	expect(`{"id":"a"}`, 200, `"version":1`)
	expect(`{"id":"a","where":"apply"}`, 500, "KIND_PANIC")
	expect(`{"id":"a"}`, 200, `"version":2`)

	expect(`{"id":"broken","where":"replay"}`, 200, `"version":0`)
	if r := d.cli("actor", "unload", "bombs", "broken"); r.code != 0 {
		t.Fatal(r.out)
	}
	expect(`{"id":"broken"}`, 500, "KIND_PANIC")
	expect(`{"id":"broken"}`, 500, "KIND_PANIC")
	expect(`{"id":"broken"}`, 409, "KIND_QUARANTINED")
	expect(`{"id":"broken"}`, 409, "KIND_QUARANTINED")
	expect(`{"id":"other"}`, 200, `"version":0`)
	// What cannot be loaded can be erased all the same.
	if r := d.cli("delete", "bombs", "broken", "--hard", "--confirm", "broken"); r.code != 0 {
		t.Errorf("erase what is quarantined: %s", r.out)
	}
	expect(`{"id":"broken"}`, 410, "KIND_STREAM_ERASED")
	expect(`{"id":"a"}`, 200, `"version":3`)
	d.stop() // then all that it printed is here
	contains(t, d.out.String(), "told to panic when loaded", "stack")
}
