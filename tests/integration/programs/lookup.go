// SPDX-License-Identifier: Apache-2.0

// Looks up the addresses of each name with Go's own resolver, and prints a line for each.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

func main() {
	resolver := net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
		addresses, err := resolver.LookupHost(context.Background(), name)
		fmt.Println(name, err == nil, addresses)
	}
}
