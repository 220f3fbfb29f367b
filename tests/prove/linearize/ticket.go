package main

import (
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

// What a ticket is, one moment after the other: free, held by an order, or sold to it.
type state struct {
	order string // "" where it is free
	sold  bool
}

// What one step does to a ticket, or says of it.
type step struct {
	kind  string
	order string
	seen  string // the status that somebody saw
	who   int
}

const never = math.MaxInt64 // an answer that did not come

// Each kind is a sentence about the ticket at one moment between the question and its answer.
func take(now state, do step) (bool, state) {
	free, holds := now.order == "", now.order == do.order
	switch do.kind {
	case "reserve": // 201
		return free, state{order: do.order}
	case "refused": // "Ticket is already reserved"
		return !free, now
	case "cancel": // 204, also where the order had ended before
		if holds {
			return !now.sold, state{}
		}
		return true, now
	case "perhaps-cancel": // nobody knows what came of it
		if holds && !now.sold {
			return true, state{}
		}
		return true, now
	case "cancel-refused": // it is complete
		return holds && now.sold, now
	case "lapse": // the system ended the order: expired, withdrawn, banned
		return holds && !now.sold, state{}
	case "complete":
		return holds && !now.sold, state{order: do.order, sold: true}
	case "look":
		switch do.seen {
		case "cancelled":
			return !holds, now
		case "complete":
			return holds && now.sold, now
		default:
			return holds && !now.sold, now
		}
	}
	panic("no such step: " + do.kind)
}

var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(now, do, _ any) (bool, any) {
		legal, next := take(now.(state), do.(step))
		return legal, next
	},
	DescribeOperation: func(do, _ any) string { return do.(step).String() },
	DescribeState: func(now any) string {
		switch at := now.(state); {
		case at.order == "":
			return "free"
		case at.sold:
			return "sold to " + at.order
		default:
			return "held by " + at.order
		}
	},
}

func (do step) String() string {
	if do.kind == "look" {
		return fmt.Sprintf("%d sees %s %s", do.who, do.order, do.seen)
	}
	return fmt.Sprintf("%d: %s %s", do.who, do.kind, do.order)
}
