// SPDX-License-Identifier: Apache-2.0

// A Go program without cgo: its runtime makes its own system calls.
//
//	gonet get URL...            fetch each, print status and length
//	gonet serve ADDRESS COUNT   answer COUNT requests, then end
//	gonet udp ADDRESS           send a line, print what comes back
//	gonet echo ADDRESS          a UDP echo server for one datagram
//	gonet names NAME            look up a name
//	gonet interfaces            list interfaces and addresses
//	gonet many ADDRESS COUNT    COUNT connections at once, under a busy GC
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

func fail(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func get(urls []string) {
	client := http.Client{Timeout: 10 * time.Second}
	for _, url := range urls {
		answer, err := client.Get(url)
		fail(err)
		body, err := io.ReadAll(answer.Body)
		fail(err)
		fmt.Println(answer.StatusCode, len(body))
	}
}

func serve(address string, count int) {
	listener, err := net.Listen("tcp", address)
	fail(err)
	fmt.Println("listening")
	done := make(chan bool, count)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s\n", r.URL.Path)
		done <- true
	})
	server := &http.Server{}
	go server.Serve(listener)
	for ; count > 0; count-- {
		<-done
	}
	time.Sleep(100 * time.Millisecond)
}

func udp(address string) {
	conn, err := net.Dial("udp", address)
	fail(err)
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = conn.Write([]byte("hello"))
	fail(err)
	data := make([]byte, 100)
	n, err := conn.Read(data)
	fail(err)
	fmt.Println(string(data[:n]))
}

func echo(address string) {
	conn, err := net.ListenPacket("udp", address)
	fail(err)
	fmt.Println("listening")
	data := make([]byte, 100)
	n, from, err := conn.ReadFrom(data)
	fail(err)
	_, err = conn.WriteTo(data[:n], from)
	fail(err)
	time.Sleep(100 * time.Millisecond)
}

// The collector stops threads by signals, also those within a call.
func stress(stop chan bool) {
	for {
		select {
		case <-stop:
			return
		default:
			keep := make([][]byte, 200)
			for i := range keep {
				keep[i] = make([]byte, 4096)
			}
			runtime.GC()
		}
	}
}

func many(address string, count int) {
	var wait sync.WaitGroup
	var lock sync.Mutex
	stop, good := make(chan bool), 0
	go stress(stop)
	slots := make(chan bool, 16)
	for i := 0; i < count; i++ {
		wait.Add(1)
		slots <- true
		go func() {
			defer func() { <-slots; wait.Done() }()
			conn, err := net.DialTimeout("tcp", address, 20*time.Second)
			if err != nil {
				fmt.Println("error:", err)
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(conn, "%-32sline\n", "echo 0")
			data := make([]byte, 5)
			if _, err = io.ReadFull(conn, data); err == nil {
				lock.Lock()
				good++
				lock.Unlock()
			} else {
				fmt.Println("error:", err)
			}
		}()
	}
	wait.Wait()
	close(stop)
	fmt.Println(good, "answered")
}

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		os.Exit(2)
	}
	switch args[0] {
	case "get":
		get(args[1:])
	case "serve":
		count, _ := strconv.Atoi(args[2])
		serve(args[1], count)
	case "udp":
		udp(args[1])
	case "echo":
		echo(args[1])
	case "names":
		addrs, err := net.LookupHost(args[1])
		fail(err)
		sort.Strings(addrs)
		fmt.Println(addrs)
	case "interfaces":
		list, err := net.Interfaces()
		fail(err)
		for _, each := range list {
			addrs, err := each.Addrs()
			fail(err)
			fmt.Println(each.Name, addrs)
		}
	case "many":
		count, _ := strconv.Atoi(args[2])
		many(args[1], count)
	}
}
