// Package jsonschema describes Go types in JSON Schema (draft 2020-12), as
// encoding/json reads them, and protobuf messages as protojson does.
//
// A schema is for people and tools that build requests. It follows what the
// decoder takes, with two exceptions that say more about what is meant:
//
//   - A field without omitempty or omitzero that is not a pointer is listed as
//     required, though the decoder takes its absence for the zero value.
//   - null is not mentioned, though the decoder takes it for "leave as it is".
//
// A field's tag doc:"…" becomes its description. Types with an UnmarshalJSON of
// their own are described as anything, those with an UnmarshalText as a string.
package jsonschema
