package manifest_test

// head is the shortest manifest; what is written behind it is in spec, from
// line 6 on.
const head = `apiVersion: ringhold.dev/v1alpha1
kind: AggregateService
metadata: {name: bank}
spec:
  store: {embedded: {}}
`
