// Linearize: could all that was answered about each ticket have come from one ticket that is free,
// held or sold, one step after the other? The kill loop's histories are judged here, by porcupine.
//
//	linearize HISTORY [PICTURES]
//
// The last line that is printed says what was found. The exit code is 1 where a history fits no
// order, or none was found in time; the first such history is printed, and drawn as a page into the
// folder PICTURES.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

const patience = 60 * time.Second // for one ticket

type verdict struct {
	ticket     string
	operations []porcupine.Operation
	result     porcupine.CheckResult
	reason     string
}

func judge(ticket string, s *story) verdict {
	operations, err := s.operations()
	if err != nil {
		return verdict{ticket: ticket, result: porcupine.Illegal, reason: err.Error()}
	}
	v := verdict{ticket: ticket, operations: operations}
	v.result = porcupine.CheckOperationsTimeout(model, operations, patience)
	if v.result != porcupine.Ok {
		v.reason = map[porcupine.CheckResult]string{
			porcupine.Illegal: "fits no order of steps",
			porcupine.Unknown: "could not be judged in time"}[v.result]
	}
	return v
}

// judgeAll judges on all processors; the verdicts are in the order of the tickets' ids.
func judgeAll(stories map[string]*story) []verdict {
	var tickets []string
	for ticket := range stories {
		tickets = append(tickets, ticket)
	}
	sort.Strings(tickets)

	verdicts := make([]verdict, len(tickets))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := range next {
				verdicts[i] = judge(tickets[i], stories[tickets[i]])
			}
		}()
	}
	for i := range tickets {
		next <- i
	}
	close(next)
	workers.Wait()
	return verdicts
}

func show(v verdict, pictures string) {
	fmt.Printf("ticket %s: %s\n", v.ticket, v.reason)
	sort.Slice(v.operations, func(i, k int) bool {
		return v.operations[i].Call < v.operations[k].Call
	})
	for _, o := range v.operations {
		until := fmt.Sprint(o.Return)
		if o.Return == never {
			until = "?"
		}
		fmt.Printf("  %14d .. %-14s  %s\n", o.Call, until, o.Input)
	}
	if pictures == "" || v.operations == nil {
		return
	}
	_, info := porcupine.CheckOperationsVerbose(model, v.operations, patience)
	path := filepath.Join(pictures, v.ticket+".html")
	if err := porcupine.VisualizePath(model, info, path); err == nil {
		fmt.Println("drawn in", path)
	}
}

func run(path, pictures string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	stories, err := read(file)
	if err != nil {
		return err
	}

	operations, bad := 0, 0
	for _, v := range judgeAll(stories) {
		operations += len(v.operations)
		if v.result == porcupine.Ok {
			continue
		}
		if bad == 0 {
			show(v, pictures)
		}
		bad++
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d tickets have a history that fits no order of steps", bad, len(stories))
	}
	if operations == 0 {
		return fmt.Errorf("%s is empty: nothing was judged", path)
	}
	fmt.Printf("%d steps of %d tickets are linearizable\n", operations, len(stories))
	return nil
}

func main() {
	pictures := ""
	if len(os.Args) == 3 {
		pictures = os.Args[2]
	}
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: linearize HISTORY [PICTURES]")
		os.Exit(2)
	}
	if err := run(os.Args[1], pictures); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
