// SPDX-License-Identifier: Apache-2.0

// A server of net/http; each answer is a line `method target status`.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

var statuses = map[string]int{"/moved": 301, "/missing": 404, "/empty": 204, "/broken": 500}

func answer(response http.ResponseWriter, request *http.Request) {
	io.Copy(io.Discard, request.Body)
	status, known := statuses[request.URL.Path]
	if !known {
		status = 200
	}
	response.WriteHeader(status)
	if status != 204 {
		io.WriteString(response, "hello\n")
	}
	fmt.Printf("%s %s %d\n", request.Method, request.URL.Path, status)
}

func main() {
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(answer)))
}
