// Package memory keeps a group in the memory of one process. It has the whole
// contract of package store, fences included, and loses everything at the end:
// it is for tests and for trying things out.
package memory
