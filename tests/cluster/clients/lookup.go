// Resolves what stands on standard input, "KIND NAME" a line, by Go's own resolver. Prints a line for each: KIND, NAME and the words that
// came of it, parted by tabs.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

func found(kind, name string) ([]string, error) {
	resolver := &net.Resolver{PreferGo: true}
	switch kind {
	case "host":
		return resolver.LookupHost(context.Background(), name)
	case "ptr":
		return resolver.LookupAddr(context.Background(), name)
	}
	_, records, err := resolver.LookupSRV(context.Background(), "", "", name)
	var words []string
	for _, one := range records {
		words = append(words, fmt.Sprintf("%d,%d,%d,%s", one.Priority, one.Weight, one.Port, one.Target))
	}
	return words, err
}

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		kind, name, _ := strings.Cut(lines.Text(), " ")
		words, err := found(kind, name)
		var problem *net.DNSError
		if errors.As(err, &problem) {
			// Without the server's address, by which the pods differ.
			words = []string{problem.Err}
		} else if err != nil {
			words = []string{err.Error()}
		}
		fmt.Println(strings.Join(append([]string{kind, name}, words...), "\t"))
	}
}
