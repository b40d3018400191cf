// Package orders is the code of docs/writing-aggregates.md: what the guide shows
// stands here, where it is compiled and tested. Nothing hosts it.
package orders
