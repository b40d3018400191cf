// Package cli is the command line of ringhold. Commands that talk to a server
// use package client and nothing else; those that run one come from outside.
//
// A command writes what was asked for to its output and everything else to its
// error output, and ends with one of the codes of exit.go.
package cli
