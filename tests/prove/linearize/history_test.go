package main

import (
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// Lines of one ticket, as short as they can be: what is not given is empty or 0.
var cases = []struct {
	name, history string
	good          bool
}{
	{"an order, cancelled, and the next", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"cancel","who":1,"order":"a","from":3,"to":4,"result":"ok"}
		{"op":"reserve","who":2,"order":"b","from":5,"to":6,"result":"ok"}`, true},
	{"two hold it at once", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"reserve","who":2,"order":"b","from":3,"to":4,"result":"ok"}`, false},
	{"two hold it at once, though both were asked for together", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":9,"result":"ok"}
		{"op":"reserve","who":2,"order":"b","from":1,"to":9,"result":"ok"}`, false},
	{"refused while it is free", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"cancel","who":1,"order":"a","from":3,"to":4,"result":"ok"}
		{"op":"reserve","who":2,"from":5,"to":6,"result":"refused"}`, false},
	{"refused while another's question is under way", `
		{"op":"reserve","who":2,"from":1,"to":9,"result":"refused"}
		{"op":"reserve","who":1,"order":"a","from":2,"to":8,"result":"ok"}`, true},
	{"an order without an answer holds it", `
		{"op":"reserve","who":1,"from":1,"to":2,"result":"unknown"}
		{"op":"reserve","who":2,"from":5,"to":6,"result":"refused"}
		{"op":"found","who":1,"order":"a","from":3,"to":900,"seen":"cancelled","cause":"expired"}`, true},
	{"an order without an answer that was never made holds nothing", `
		{"op":"reserve","who":1,"from":1,"to":2,"result":"unknown"}
		{"op":"reserve","who":2,"from":5,"to":6,"result":"refused"}`, false},
	{"an order that nobody asked for", `
		{"op":"found","who":1,"order":"a","from":3,"to":900,"seen":"cancelled","cause":"expired"}`, false},
	{"given to the next before its time was up", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok","expires":900000}
		{"op":"found","who":1,"order":"a","from":1,"to":900,"seen":"cancelled","cause":"expired"}
		{"op":"reserve","who":2,"order":"b","from":5,"to":6,"result":"ok"}`, false},
	{"given to the next after its time was up", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok","expires":900000}
		{"op":"found","who":1,"order":"a","from":1,"to":900000,"seen":"cancelled","cause":"expired"}
		{"op":"reserve","who":2,"order":"b","from":900001,"to":900002,"result":"ok"}`, true},
	{"cancelled without an answer, and the next", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"cancel","who":1,"order":"a","from":3,"to":4,"result":"unknown"}
		{"op":"reserve","who":2,"order":"b","from":5,"to":6,"result":"ok"}`, true},
	{"sold twice", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"pay","who":1,"order":"a","from":3,"to":4,"result":"ok"}
		{"op":"cancel","who":1,"order":"a","from":5,"to":6,"result":"unknown"}
		{"op":"reserve","who":2,"order":"b","from":7,"to":8,"result":"ok"}
		{"op":"pay","who":2,"order":"b","from":9,"to":10,"result":"ok"}
		{"op":"found","who":1,"order":"a","from":1,"to":900,"seen":"complete"}
		{"op":"found","who":2,"order":"b","from":7,"to":900,"seen":"complete"}`, false},
	{"cancelled for sure and sold nevertheless", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"pay","who":1,"order":"a","from":3,"to":9,"result":"ok"}
		{"op":"cancel","who":1,"order":"a","from":4,"to":6,"result":"ok"}
		{"op":"found","who":1,"order":"a","from":1,"to":900,"seen":"complete"}`, false},
	{"seen cancelled, then seen held", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok","expires":1}
		{"op":"look","who":1,"order":"a","from":3,"to":4,"result":"ok","seen":"cancelled"}
		{"op":"look","who":1,"order":"a","from":5,"to":6,"result":"ok","seen":"created"}
		{"op":"found","who":1,"order":"a","from":1,"to":900,"seen":"cancelled","cause":"expired"}`, false},
	{"seen complete, then taken by another", `
		{"op":"reserve","who":1,"order":"a","from":1,"to":2,"result":"ok"}
		{"op":"pay","who":1,"order":"a","from":3,"to":4,"result":"ok"}
		{"op":"look","who":1,"order":"a","from":5,"to":6,"result":"ok","seen":"complete"}
		{"op":"reserve","who":2,"order":"b","from":7,"to":8,"result":"ok"}
		{"op":"found","who":1,"order":"a","from":1,"to":900,"seen":"complete"}`, false},
}

func TestHistories(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.ReplaceAll(c.history, `{"op"`, `{"ticket":"t","op"`)
			stories, err := read(strings.NewReader(strings.TrimSpace(text)))
			if err != nil {
				t.Fatal(err)
			}
			v := judge("t", stories["t"])
			if (v.result == porcupine.Ok) != c.good {
				t.Errorf("%s: %s", v.result, v.reason)
			}
		})
	}
}
