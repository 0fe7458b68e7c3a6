// Package check ends an example with a message when an answer is wrong; yours needs none of this.
package check

import (
	"fmt"
	"os"
	"reflect"
)

// Expect compares with what the simulated model must say. OFFPEAK_CHECK=0 turns it off, for a real model.
func Expect(what string, got, wanted any) {
	if reflect.DeepEqual(got, wanted) || os.Getenv("OFFPEAK_CHECK") == "0" {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: expected %#v, got %#v\n", what, wanted, got)
	os.Exit(1)
}

// NoError ends the example if there is one.
func NoError(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
