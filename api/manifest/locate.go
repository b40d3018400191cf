package manifest

import "slices"

// Locate returns faults that were found against something else than the file,
// such as the code that a manifest names, as an [*Error]: with the lines that
// their paths have in data, the file's content, and in their order. Where data
// has no AggregateService, they come without lines.
func Locate(name string, data []byte, faults []Fault) *Error {
	documents, _ := split(data)
	doc, _ := pick(documents)
	located := slices.Clone(faults)
	for i, f := range located {
		if doc != nil {
			located[i] = *doc.fault(f.Path, f.Message)
		}
	}
	return newError(name, located)
}
