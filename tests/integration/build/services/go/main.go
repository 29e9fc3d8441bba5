package main

import (
	"fmt"
	"net/http"
)

var version = "unset"

func main() {
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(response, "hello from go %s", version)
	})
	panic(http.ListenAndServe("127.0.0.1:8000", nil))
}
