package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"

	"github.com/anishathalye/porcupine"
)

// A line of the history; tests/prove/storm/history.c writes them. Times are microseconds.
type line struct {
	Op      string // reserve, cancel, pay, look; found: an order that exists in the end
	Who     int
	Ticket  string
	Order   string
	From    int64
	To      int64
	Result  string // ok, refused, none, unknown
	Status  int
	Seen    string // a status
	Cause   string // of the last step of what was found
	Expires int64
}

// What is known of one ticket.
type story struct {
	lines []line
	found []line
}

func read(in io.Reader) (map[string]*story, error) {
	stories := map[string]*story{}
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%w: %s", err, scanner.Text())
		}
		if l.Ticket == "" {
			continue
		}
		s := stories[l.Ticket]
		if s == nil {
			s = &story{}
			stories[l.Ticket] = s
		}
		if l.Op == "found" {
			s.found = append(s.found, l)
		} else {
			s.lines = append(s.lines, l)
		}
	}
	return stories, scanner.Err()
}

const slack = 2000 // µs: what the services note is in whole milliseconds

// The question that led to an order whose answer nobody got: the last of this person's that was
// asked before the order was made. A reservation of a ticket that was just withdrawn is answered
// with 404, but its order exists for a moment.
func findQuestion(lines []line, taken []bool, order line) int {
	best := -1
	for i, l := range lines {
		if l.Op == "reserve" && l.Who == order.Who && !taken[i] && l.From <= order.From+slack &&
			(l.Result == "unknown" || l.Result == "none") && (best < 0 || l.From > lines[best].From) {
			best = i
		}
	}
	return best
}

func addStep(to *[]porcupine.Operation, do step, from, until int64) {
	*to = append(*to, porcupine.Operation{ClientId: len(*to), Input: do, Call: from, Return: until})
}

// How an order that was found ended without anybody having asked for that, by the clock: not before
// it was asked for, and not before its time was up.
func addEnd(to *[]porcupine.Operation, lines []line, order line, made line) {
	from := made.From
	switch {
	case order.Seen == "complete":
		for _, l := range lines {
			if l.Op == "pay" && l.Order == order.Order {
				from = max(from, l.From)
				break
			}
		}
		addStep(to, step{kind: "complete", order: order.Order, who: order.Who}, from, never)
	case order.Seen == "cancelled" && order.Cause != "buyer-cancelled":
		if order.Cause == "expired" && made.Expires > 0 {
			from = made.Expires - slack
		}
		addStep(to, step{kind: "lapse", order: order.Order, who: order.Who}, from, never)
	}
}

// The story as operations on one ticket. What has no answer may happen at any time after it was
// asked; it did not happen at all where nothing of it exists in the end, as orders are never
// deleted.
func (s *story) operations() ([]porcupine.Operation, error) {
	var all []porcupine.Operation
	made := map[string]line{}
	taken := make([]bool, len(s.lines))

	sort.Slice(s.lines, func(i, k int) bool { return s.lines[i].From < s.lines[k].From })
	for _, l := range s.lines {
		do := step{order: l.Order, who: l.Who, seen: l.Seen}
		switch {
		case l.Op == "reserve" && l.Result == "ok":
			do.kind = "reserve"
			made[l.Order] = l
		case l.Op == "reserve" && l.Result == "refused":
			do.kind = "refused"
		case l.Op == "cancel" && l.Result == "ok":
			do.kind = "cancel"
		case l.Op == "cancel" && l.Result == "refused":
			do.kind = "cancel-refused"
		case l.Op == "cancel" && l.Result == "unknown":
			do.kind, l.To = "perhaps-cancel", never
		case l.Op == "look" && l.Result == "ok":
			do.kind = "look"
		default:
			continue
		}
		addStep(&all, do, l.From, l.To)
	}

	sort.Slice(s.found, func(i, k int) bool { return s.found[i].From < s.found[k].From })
	for _, order := range s.found {
		question, known := made[order.Order]
		if !known {
			i := findQuestion(s.lines, taken, order)
			if i < 0 {
				return nil, fmt.Errorf("order %s exists, but nobody asked for it", order.Order)
			}
			question, taken[i] = s.lines[i], true
			addStep(&all, step{kind: "reserve", order: order.Order, who: order.Who},
				question.From, never)
		}
		addEnd(&all, s.lines, order, question)
	}
	return all, nil
}
