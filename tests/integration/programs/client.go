// SPDX-License-Identifier: Apache-2.0

// A client of net/http with 16 connections that are kept. It makes a number of requests, each
// `method target` by turns, to a port or a Unix socket; each answer is a line `method target
// status`.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const connections = 16

func main() {
	address, asks := os.Args[1], os.Args[3:]
	requests, _ := strconv.ParseInt(os.Args[2], 10, 64)
	network, to := "tcp", "127.0.0.1:"+address
	if strings.HasPrefix(address, "/") {
		network, to = "unix", address
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
	}

	var next int64
	var working sync.WaitGroup
	var lock sync.Mutex
	report := bufio.NewWriter(os.Stdout)
	ask := func() {
		defer working.Done()
		for i := atomic.AddInt64(&next, 1); i <= requests; i = atomic.AddInt64(&next, 1) {
			method, path, _ := strings.Cut(asks[i%int64(len(asks))], " ")
			var body io.Reader
			if method == "POST" {
				body = strings.NewReader("GET / HTTP/1.1\r\n\r\n")
			}
			request, err := http.NewRequest(method, "http://localhost"+path, body)
			if err != nil {
				panic(err)
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				panic(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			lock.Lock()
			fmt.Fprintln(report, method, path, response.StatusCode)
			lock.Unlock()
		}
	}
	working.Add(connections)
	for i := 0; i < connections; i++ {
		go ask()
	}
	working.Wait()
	report.Flush()
}
