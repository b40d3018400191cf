// Package plainjson reads and writes the JSON of plain structs several times as
// fast as encoding/json, and to the byte as encoding/json does. Plain are structs
// of strings, booleans, numbers, times, and of pointers, slices and structs of
// such, without methods of their own for JSON: what most events, states and
// requests are.
//
// It never decides what is odd. Wherever it is not sure – an unknown or
// differently cased key, a number that does not fit, anything malformed – it says
// so, and its caller begins anew with encoding/json, whose result or error
// counts. The fuzz tests compare the two.
package plainjson
